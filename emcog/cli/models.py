"""emcog models: which language models can be loaded here."""

from typing import Annotated

import typer

from emcog.cli.console import show_json, show_list

EXAMPLE = "Example:\n\nemcog models"


def models(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """List the language models that can be loaded without a download: the embedded one and those in the cache."""
    from emcog.lm import available_models

    rows = available_models()
    if as_json:
        show_json({"models": rows})
        return
    names = {"name": "model", "kind": "kind", "parameters": "parameters", "where": "where"}
    show_list(list(names.values()), [[_text(row[key]) for key in names] for row in rows])


def _text(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)

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

    table = available_models()
    if as_json:
        show_json({"models": table.astype(object).where(table.notna(), None).to_dict("records")})
        return
    cells = [[_text(value) for value in row] for row in table.itertuples(index=False)]
    show_list(list(table.columns), cells)


def _text(value: object) -> str:
    missing = value is None or value != value
    return "" if missing else f"{value:,.0f}" if isinstance(value, int | float) else str(value)

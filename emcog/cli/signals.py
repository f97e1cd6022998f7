"""emcog signals: what a story's surprise can be measured by."""

from typing import Annotated

import typer

from emcog.cli.console import show_json, show_list

EXAMPLE = "Example:\n\nemcog signals"


def signals(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", hidden=True)] = False,
) -> None:
    """List the signals that a story can be segmented by, with their units."""
    from emcog.signals import SIGNALS

    rows = [{"name": name, "unit": signal.unit, "about": signal.doc} for name, signal in SIGNALS.items()]
    if as_json:
        show_json({"signals": rows})
    else:
        show_list(["signal", "unit", "what it is"], [list(row.values()) for row in rows])

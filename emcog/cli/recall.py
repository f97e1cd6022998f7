"""emcog recall: the events that a cue brings to mind."""

from typing import Annotated

import typer

from emcog.cli.console import show_json, show_line, show_table
from emcog.cli.memories import AsJson, Debug, Device, Folder, Model, TrustRemoteCode

EXAMPLE = "Example, after emcog read letter.txt --memory my-memory:\n\nemcog recall my-memory 'the wheel of the mill'"


def recall(
    folder: Folder,
    cue: Annotated[str, typer.Argument(metavar="CUE", help="Any words.")],
    events: Annotated[int, typer.Option(help="How many events to show, the strongest first.")] = 20,
    model: Model = None,
    device: Device = "auto",
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show which events come to mind when a memory reads a cue.

    Layers: how many recalled an event by similarity; 0 where it came as a neighbour in time only. Rank: its mean there.

    Events are found by every token's key, in a memory of more than 262,144 tokens by the index of representatives.

    The memory does not change.
    """
    from emcog.errors import OptionError
    from emcog.options import check_number

    check_number("events", events, low=1)
    if not cue.strip():
        raise OptionError("the cue is empty: give some words")
    from emcog.cli.bookshelf import open_memory, search_whole

    memory = search_whole(open_memory(folder, model, device, trust_remote_code=trust_remote_code))
    found = memory.recall(f"\n\n{cue.strip()}").head(events)
    if as_json:
        show_json({"cue": cue, "events": found.to_dict("records")})
    elif not len(found):
        n_local = memory.settings.n_local
        show_line(f"Nothing comes to mind: no event that fits lies behind the sliding window of {n_local:,} tokens.")
    else:
        rows = [
            [str(row.event), f"{row.start_token}-{row.end_token - 1}", str(row.n_layers),
             "" if row.neighbour else f"{row.rank:.1f}", row.text]
            for row in found.itertuples()
        ]  # fmt: skip
        show_table(["event", "tokens", "layers", "rank", "text"], rows, spare=("tokens", "rank"))

"""What the commands that look into a memory have in common: their arguments and options."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A memory that emcog read made.")]
Model = Annotated[str | None, typer.Option(help="Where the model is now; default: where it was.", metavar="NAME")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, spread (over all GPUs), ...", metavar="NAME")]
TrustRemoteCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Let a model run code of its own.", metavar="")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")]
Debug = Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")]

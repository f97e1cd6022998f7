"""emcog ask: an answer from memory."""

from pathlib import Path
from typing import Annotated

import typer

from emcog.cli.console import show_json, show_line

EXAMPLE = "Example, after emcog read letter.txt --memory my-memory:\n\nemcog ask my-memory 'Who found the letter?'"


def ask(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A memory that emcog read made.")],
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="It may lead into the answer: 'Where is Anna? Anna is at'.")
    ],
    tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 32,
    model: Annotated[
        str | None, typer.Option(help="Where the model is now; default: where it was.", metavar="NAME")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...", metavar="NAME")] = "auto",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let a model run code of its own.", metavar="")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Ask a memory a question.

    It is read as a new paragraph; the answer is what the model says next, to the end of the line.

    The memory does not change.
    """
    from emcog.errors import OptionError
    from emcog.options import check_number

    check_number("tokens", tokens, low=1)
    if not question.strip():
        raise OptionError("the question is empty: ask something")
    from emcog.cli.bookshelf import open_memory

    memory = open_memory(folder, model, device, trust_remote_code=trust_remote_code)
    said = memory.ask(f"\n\n{question.strip()}", max_new_tokens=tokens, stop_strings=["\n"])
    answer = said.strip().partition("\n")[0]
    if as_json:
        show_json({"question": question, "answer": answer})
    else:
        show_line(answer)

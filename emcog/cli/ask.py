"""emcog ask: an answer from memory."""

from typing import Annotated

import typer

from emcog.cli.console import say, show_json, show_line
from emcog.cli.memories import AsJson, Debug, Device, Folder, Model, TrustRemoteCode

EXAMPLE = (
    "Example, after emcog read letter.txt --memory my-memory:\n\n"
    "emcog ask my-memory 'Who found the letter? The letter was found by'"
)


def ask(
    folder: Folder,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="It may lead into the answer: 'Where is Anna? Anna is at'.")
    ],
    tokens: Annotated[int, typer.Option(help="Longest answer, in tokens.")] = 32,
    model: Model = None,
    device: Device = "auto",
    trust_remote_code: TrustRemoteCode = False,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Ask a memory a question.

    It is read as a new paragraph; the answer is what the model says next, to the end of the line.

    Events are found by every token's key, in a memory of more than 262,144 tokens by the index of representatives.

    The memory does not change.
    """
    from emcog.errors import OptionError
    from emcog.options import check_number

    check_number("tokens", tokens, low=1)
    if not question.strip():
        raise OptionError("the question is empty: ask something")
    from emcog.cli.bookshelf import open_memory, search_whole

    memory = search_whole(open_memory(folder, model, device, trust_remote_code=trust_remote_code))
    said = memory.ask(f"\n\n{question.strip()}", max_new_tokens=tokens, stop_strings=["\n"])
    answer = said.strip().partition("\n")[0]
    if not answer:
        say("the model ended the line at once: lead into the answer, as in 'Where is Anna? Anna is at'")
    if as_json:
        show_json({"question": question, "answer": answer})
    elif answer:
        show_line(answer)

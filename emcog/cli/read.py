"""emcog read: a book becomes memory, and what was interrupted goes on."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from emcog.cli.console import reading, show_json, show_line

EXAMPLE = (
    "Example:\n\n"
    "echo 'Anna hid the key in the well.' | emcog read - --memory my-memory\n\n"
    "emcog ask my-memory 'Where did Anna hide the key? Anna hid the key'"
)
EVENTS, SIGHT, STORE = "Events", "What is in sight", "Where it lies"
MODEL, READING, OUTPUT = "Language model", "Reading", "Output"


def _option(panel: str | None, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar)


def _flag(panel: str | None, help: str, *names: str) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar="")


def read(
    book: Annotated[str, typer.Argument(metavar="BOOK", help="A transcript of any format; - reads standard input.")],
    folder: Annotated[Path, _option(None, "Where the memory lies or is to lie.", "--memory", metavar="FOLDER")],
    segmentation: Annotated[
        str | None, _option(EVENTS, "S, SM, SC, F or sentence; default: SM.", metavar="NAME")
    ] = None,
    gamma: Annotated[float | None, _option(EVENTS, "Surprise above mean + gamma sd; default: 1.")] = None,
    window: Annotated[int | None, _option(EVENTS, "Tokens over which they are taken; default: 512.")] = None,
    min_event: Annotated[int | None, _option(EVENTS, "Fewest tokens of an event; default: 8.", "--min-event")] = None,
    max_event: Annotated[
        int | None, _option(EVENTS, "Most tokens of an event; default: 128, or what n-mem holds.", "--max-event")
    ] = None,
    refine_layers: Annotated[
        str | None,
        _option(
            EVENTS,
            "Whose keys refine (SM, SC): 4,5; 4 is from 4 on; default: upper half.",
            "--refine-layers",
            metavar="N,N",
        ),
    ] = None,
    n_init: Annotated[int | None, _option(SIGHT, "Initial tokens, always; default: 128.", "--n-init")] = None,
    n_local: Annotated[
        int | None,
        _option(SIGHT, "Sliding window; default: 4096 tokens, or half the model's limit.", "--n-local"),
    ] = None,
    n_mem: Annotated[int | None, _option(SIGHT, "Tokens recalled; default: n-local / 2.", "--n-mem")] = None,
    chunk: Annotated[int | None, _option(SIGHT, "Tokens read at once; default: 512, n-local / 2 if less.")] = None,
    policy: Annotated[
        str | None, _option(SIGHT, "similarity, recency, random, none; default: similarity.", metavar="NAME")
    ] = None,
    contiguity: Annotated[float | None, _option(SIGHT, "Share of neighbours in time; default: 0.3.")] = None,
    representative: Annotated[
        str | None, _option(SIGHT, "How events are found: top, mean, all; default: top.", metavar="NAME")
    ] = None,
    n_representative: Annotated[
        int | None, _option(SIGHT, "Tokens of it, if top; default: 4.", "--n-representative")
    ] = None,
    tier: Annotated[
        str | None, _option(STORE, "While in use: accelerator, host, file; default: file.", metavar="NAME")
    ] = None,
    budget: Annotated[
        str | None,
        _option(STORE, "Bytes: host=32G, or accelerator=2G,file=1T; default: no limit.", metavar="TIER=N"),
    ] = None,
    storage: Annotated[str | None, _option(STORE, "full or 8bit; default: full.", metavar="NAME")] = None,
    compat: Annotated[
        str | None, _option(SIGHT, "reference: as the authors' released code, slips included.", metavar="NAME")
    ] = None,
    model: Annotated[
        str | None, _option(MODEL, "Name or folder; default: the memory's, or the embedded one.", metavar="NAME")
    ] = None,
    device: Annotated[str, _option(MODEL, "auto, cpu, cuda, spread (over all GPUs), ...", metavar="NAME")] = "auto",
    dtype: Annotated[
        str | None, _option(MODEL, "float32, bfloat16, ..; default: the memory's, or auto.", metavar="NAME")
    ] = None,
    trust_remote_code: Annotated[bool, _flag(MODEL, "Let a model run code of its own.", "--trust-remote-code")] = False,
    from_format: Annotated[
        str | None, _option(READING, "The book's format; default: recognised.", "--from", metavar="FORMAT")
    ] = None,
    encoding: Annotated[str | None, _option(READING, "Default: UTF-8, or by its mark.", metavar="NAME")] = None,
    as_json: Annotated[bool, _flag(OUTPUT, "One JSON object on standard output.", "--json")] = False,
    quiet: Annotated[bool, _flag(OUTPUT, "No progress, no result; errors only.", "--quiet")] = False,
    debug: Annotated[bool, _flag(None, "After an error, show where it arose.", "--debug")] = False,
) -> None:
    """Read a book into a memory, to be asked with emcog ask.

    The same command goes on where it was interrupted, even killed; another book is read after those before, and one
    that was read before is left alone.

    The settings of a memory are those that it was begun with.
    """
    given = {
        "segmentation": segmentation, "gamma": gamma, "window": window, "min_event": min_event,
        "max_event": max_event, "refine_layers": _layers(refine_layers), "n_init": n_init, "n_local": n_local,
        "n_mem": n_mem, "chunk": chunk, "policy": policy, "contiguity": contiguity, "representative": representative,
        "n_representative": n_representative, "tier": tier, "budget": _budget(budget), "storage": storage,
        "compat": compat,
    }  # fmt: skip
    from emcog.transcript import read_transcript

    transcript = read_transcript(book, format=from_format, encoding=encoding)
    from emcog.cli.bookshelf import load_settings, open_memory, read_book
    from emcog.lm import load_lm
    from emcog.memory import EpisodicLM

    config, goes_on = load_settings(folder, {name: value for name, value in given.items() if value is not None})
    if goes_on:
        memory = open_memory(folder, model, device, dtype, trust_remote_code)
    else:
        lm = load_lm(model, device=device, dtype=dtype or "auto", trust_remote_code=trust_remote_code)
        memory = EpisodicLM(lm, config)
    start = time.perf_counter()
    with reading(quiet) as progress:
        n_read, n_before = read_book(memory, transcript, folder, progress)
    seconds = time.perf_counter() - start
    if as_json:
        show_json({
            "book": transcript.name, "memory": str(folder), "tokens": n_before + n_read, "read_before": n_before,
            "read_now": n_read, "seconds": seconds, "tokens_in_memory": memory.n_tokens,
        })  # fmt: skip
    elif not quiet:
        _show(transcript.name, folder, n_read, n_before, seconds)
        if not len(memory.reader.starts):
            show_line(f"All of it is still in the window of {memory.reader.n_local:,} tokens, so that nothing can be "
                      "recalled: a longer text, or a new memory with a smaller --n-local, forms events.")  # fmt: skip


def _show(name: str, folder: Path, n_read: int, n_before: int, seconds: float) -> None:
    if not n_read:
        show_line(f"{name} had been read to its end before: all {n_before:,} tokens are in {folder}.")
    else:
        before = f", after {n_before:,} read before" if n_before else ""
        show_line(f"{name}: {n_read:,} tokens read in {seconds:,.0f} s ({n_read / seconds:,.0f} tokens/s){before}.")
    show_line(f"Ask it: emcog ask {folder} 'A question? Its answer begins'. What is in it: emcog memory {folder}")


def _layers(text: str | None) -> Any:
    """ "4" is a number, "4,5" a list of them."""
    from emcog.errors import OptionError

    if text is None:
        return None
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"refine_layers must be whole numbers with commas between them, got {text!r}") from None
    return numbers[0] if len(numbers) == 1 else numbers


def _budget(text: str | None) -> dict[str, int] | None:
    """ "host=32G,file=1T" as bytes; K, M, G and T are powers of 1024."""
    from emcog.errors import OptionError

    if text is None:
        return None
    found = {}
    for part in text.split(","):
        name, _, size = part.partition("=")
        number, unit = (size[:-1], size[-1:].upper()) if size[-1:].isalpha() else (size, "")
        if not number.isdigit() or unit not in ("", *"KMGT"):
            raise OptionError(f"budget must be such as accelerator=2G,host=32G, got {part!r}")
        found[name.strip()] = int(number) * 1024 ** " KMGT".index(unit or " ")
    return found

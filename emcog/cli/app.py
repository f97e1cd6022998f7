"""The `emcog` command: its subcommands, and what happens when one of them fails."""

import errno
import gc
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, NoReturn

import typer

import emcog
from emcog.cli import (
    ask,
    batch,
    compare,
    datasets,
    memory,
    models,
    read,
    recall,
    report,
    reproduce,
    segment,
    signals,
    train,
)
from emcog.cli.console import log_to_stderr, say
from emcog.cli.wording import in_options
from emcog.errors import EmcogError

app = typer.Typer(
    name="emcog",
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("segment", epilog=segment.EXAMPLE)(segment.segment)
app.command("batch", epilog=batch.EXAMPLE)(batch.batch)
app.command("compare", epilog=compare.EXAMPLE)(compare.compare)
app.command("report", epilog=report.EXAMPLE)(report.report)
app.command("reproduce", epilog=reproduce.EXAMPLE)(reproduce.reproduce)
app.command("read", epilog=read.EXAMPLE)(read.read)
app.command("ask", epilog=ask.EXAMPLE)(ask.ask)
app.command("recall", epilog=recall.EXAMPLE)(recall.recall)
app.command("memory", epilog=memory.EXAMPLE)(memory.memory)
app.command("train-lm", epilog=train.EXAMPLE)(train.train_lm)
app.command("models", epilog=models.EXAMPLE)(models.models)
app.command("signals", epilog=signals.EXAMPLE)(signals.signals)
app.add_typer(datasets.datasets, name="datasets", epilog=datasets.EXAMPLE)

USAGE_ERROR, FAILURE, INTERRUPTED = 2, 1, 130


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"emcog {emcog.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog="Example:\n\nemcog segment --help")
def face(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.", metavar=""),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Where a story's events begin and end, by surprise and by memory."""
    if context.invoked_subcommand is None:
        context.get_help()
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit status.

    0 is success, 2 an error of the user's (one line on standard error says what to do), 1 one of emcog's own, 130 an
    interruption. `--debug`, anywhere, shows the trace.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in options
    with _quiet_libraries(_command(given)), log_to_stderr("--quiet" in options):
        try:
            status = app(args=given, prog_name="emcog", standalone_mode=False)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader of our output has seen enough (`emcog signals | head -1`)
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILURE  # as rich and typer answer it
        except (KeyboardInterrupt, typer.Abort):
            status = INTERRUPTED
        except Exception as error:
            if debug:
                traceback.print_exc()
            return _report(error, given)
        if status == INTERRUPTED:
            say("interrupted")
        return status if isinstance(status, int) else 0


def process() -> NoReturn:
    """The `emcog` process: `main`, and nothing that only costs time.

    Importing torch and transformers makes hundreds of thousands of objects that stay; looking among them for garbage
    again and again, and taking them all apart at the end, would be a fifth of a short run.
    """
    gc.set_threshold(200_000)
    status = main()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _command(given: Sequence[str]) -> str:
    """The subcommand that is meant: the options before it take no values."""
    return next((word for word in given if not word.startswith("-")), "")


def _report(error: Exception, given: Sequence[str]) -> int:
    if isinstance(error, EmcogError):
        say(f"error: {in_options(str(error), _command(given))}")
        return USAGE_ERROR
    if hasattr(error, "format_message"):  # a usage error of click's, of which typer may carry a copy of its own
        context = getattr(error, "ctx", None)
        where = context.command_path if context is not None else "emcog"
        files = [name for name in given if name.startswith("-") and name != "-" and os.path.isfile(name)]
        hint = f"; if the file {files[0]} is meant, write ./{files[0]}" if files else ""
        say(f"error: {error.format_message().rstrip('.')}{hint}; see {where} --help")
        return USAGE_ERROR
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EIO) and error.filename is None:
        say(f"error: cannot write to standard output: {error.strerror}; send it to a place with room")
        return USAGE_ERROR
    say(f"internal error: {type(error).__name__}: {error}; run it again with --debug and report what it shows")
    return FAILURE


@contextmanager
def _quiet_libraries(command: str) -> Iterator[None]:
    """Keep the libraries' advice and bars off standard error; what a user must know comes as one line each."""
    quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false",
             "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1"}  # fmt: skip
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a story may hold what an old terminal cannot show
            stream.reconfigure(errors="replace")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=UserWarning, module=r"emcog(\.|$)")
        logger = logging.getLogger("emcog")
        warnings.showwarning = lambda message, *_, **__: logger.warning("%s", in_options(str(message), command))
        yield

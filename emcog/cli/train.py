"""emcog train-lm: a small language model from text files."""

from pathlib import Path
from typing import Annotated, Any

import typer

from emcog.cli.console import log_line, show_line, training

EXAMPLE = (
    "Example, a model that is of no use but shows the way:\n\n"
    "emcog train-lm book.txt --out my-lm --tokens 100000 --vocab-size 1024\n\n"
    "emcog segment story.txt --model my-lm/model"
)
COURSE, SHAPE = "Course", "Shape"


def _option(panel: str | None, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, metavar=metavar, show_default=True)


def train_lm(
    texts: Annotated[list[Path], typer.Argument(metavar="TEXT...", help="UTF-8 .txt files, or .xz of them.")],
    out: Annotated[Path, _option(None, "Working folder; the model ends up in its folder model.", metavar="FOLDER")],
    tokens: Annotated[int, _option(COURSE, "Tokens to see in all.")] = 20_000_000,
    seed: Annotated[int, _option(COURSE, "Of everything random.")] = 0,
    batch_tokens: Annotated[int, _option(COURSE, "Tokens a step.")] = 6144,
    matrix_lr: Annotated[float, _option(COURSE, "Learning rate of Muon, for the layers' matrices.")] = 0.02,
    other_lr: Annotated[float, _option(COURSE, "Learning rate of AdamW, for embeddings and norms.")] = 0.003,
    warmup_tokens: Annotated[int, _option(COURSE, "Tokens over which the learning rates rise.")] = 200_000,
    decay: Annotated[
        float, _option(COURSE, "Last share of the tokens, over which the learning rates fall to 0.")
    ] = 0.35,
    short_share: Annotated[
        float, _option(COURSE, "First share of the steps, which read rows of a quarter's length.")
    ] = 0.6,
    drill_share: Annotated[float, _option(COURSE, "Share of recall drills.")] = 0.15,
    recital_share: Annotated[float, _option(COURSE, "Share of passages that come twice, to be copied.")] = 0.05,
    speech_share: Annotated[float, _option(COURSE, "Share of prose made to look like speech.")] = 0.10,
    far_share: Annotated[
        float, _option(COURSE, "Share of drills and recitals whose far context stands as in memory.")
    ] = 0.0,
    start_from: Annotated[
        Path | None, _option(COURSE, "Go on from this model's weights and vocabulary.", "--from", metavar="FOLDER")
    ] = None,
    tokenizer: Annotated[
        Path | None, _option(COURSE, "Use this vocabulary instead of learning one.", metavar="FOLDER")
    ] = None,
    device: Annotated[str, _option(COURSE, "auto, cpu, cuda, ...", metavar="NAME")] = "auto",
    save_every: Annotated[float, _option(COURSE, "Seconds between checkpoints.")] = 300.0,
    context: Annotated[int, _option(SHAPE, "Longest context in tokens.")] = 1024,
    vocab_size: Annotated[int, _option(SHAPE, "Tokens in a new vocabulary.")] = 8192,
    hidden_size: Annotated[int, _option(SHAPE, "Width of the layers.")] = 256,
    intermediate_size: Annotated[int, _option(SHAPE, "Width inside the layers' MLPs.")] = 704,
    layers: Annotated[int, _option(SHAPE, "Number of layers.")] = 8,
    heads: Annotated[int, _option(SHAPE, "Query heads, 64 wide each.")] = 4,
    kv_heads: Annotated[int, _option(SHAPE, "Key and value heads.")] = 2,
    quiet: Annotated[bool, typer.Option("--quiet", help="Errors only.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Train a small causal language model on your own texts.

    The same command goes on where it was interrupted. What is written: FOLDER/model for emcog segment --model,
    FOLDER/curve.tsv with the loss at each step, and a checkpoint.
    """
    from emcog.lm.training.command import Hooks, train_lm
    from emcog.lm.training.settings import TrainSettings

    settings = TrainSettings(
        tokens=tokens, seed=seed, batch_tokens=batch_tokens, matrix_lr=matrix_lr, other_lr=other_lr, context=context,
        warmup_tokens=warmup_tokens, short_context=context // 4, decay=decay, short_share=short_share,
        drill_share=drill_share, recital_share=recital_share, speech_share=speech_share, far_share=far_share,
        vocab_size=vocab_size, hidden_size=hidden_size, intermediate_size=intermediate_size, layers=layers,
        heads=heads, kv_heads=kv_heads,
    )  # fmt: skip
    with training(quiet) as step:
        folder = train_lm(texts, out, settings, start_from, tokenizer, device, save_every, Hooks(log_line, step))
    if not quiet:
        show_line(f"The model is in {folder}. Use it with: emcog segment story.txt --model {folder}")

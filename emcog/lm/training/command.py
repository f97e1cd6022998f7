"""Training an LM of the embedded kind from text files, from the first character to the folder that ships."""

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emcog.errors import DataError, StorageError
from emcog.excerpts import escaped
from emcog.files import sha256_file, told_by_rust, write_folder
from emcog.lm.load import no_progress_bar
from emcog.lm.training.batches import Curriculum
from emcog.lm.training.corpus import check_words, sample_text
from emcog.lm.training.loop import Trainer, build_model
from emcog.lm.training.memory import keep_freed_memory
from emcog.lm.training.settings import TrainSettings
from emcog.lm.training.tokens import TokenStore, open_tokens
from emcog.pages import commit, processor
from emcog.records import parse_json

VOCABULARY_CHARACTERS = 28_000_000
"""Characters, spread over all files, that a new vocabulary is learnt from."""


@dataclass(frozen=True)
class Hooks:
    """What the caller wants to hear: lines, and (step, steps, loss in nats a token, tokens/s) after each step."""

    line: Callable[[str], None] = lambda line: None
    step: Callable[[int, int, float, float], None] = lambda step, steps, loss, speed: None


def train_lm(
    texts: Sequence[Path],
    out: Path,
    settings: TrainSettings | None = None,
    start_from: Path | None = None,
    tokenizer_from: Path | None = None,
    device: str = "auto",
    save_every_s: float = 300.0,
    hooks: Hooks | None = None,
) -> Path:
    """Train a small causal LM on text files; the same call goes on where it was interrupted.

    Parameters
    ----------
    texts : UTF-8 text files (.txt or .xz of it), documents separated by lines that hold only a form feed.
    out : working folder: token files, checkpoint.safetensors, curve.tsv; the finished model lies in out/model.
    settings : see TrainSettings.
    start_from : folder of a model to go on from (its weights and tokenizer), for a first run in `out`.
    tokenizer_from : folder of a tokenizer to use; otherwise one is learnt from the texts.
    device : "auto", "cpu", "cuda", ...
    save_every_s : seconds between checkpoints.
    hooks : progress.

    Returns
    -------
    The folder of the finished model, which `load_lm` takes.

    Raises
    ------
    DataError, StorageError, OptionError
    """
    from emcog.lm.load import find_device

    settings, hooks = settings or TrainSettings(), hooks or Hooks()
    _check_names(out, start_from, tokenizer_from)
    check_words(texts)
    where = find_device(device)
    if where.type == "cpu":
        keep_freed_memory()
    tokenizer = _tokenizer(texts, out, start_from or tokenizer_from, settings, hooks)
    settings = replace(settings, vocab_size=len(tokenizer))
    store = open_tokens(texts, tokenizer, out / "tokens", settings.context, hooks.line)
    hooks.line(f"{store.n_tokens:,} tokens in {len(texts)} files; {settings.steps:,} steps")
    model = build_model(settings)
    curriculum = Curriculum(store, tokenizer, settings.seed, settings.mixture)
    trainer = Trainer(model.to(where), curriculum, settings)
    if trainer.resume(out):
        hooks.line(f"going on from step {trainer.step:,}")
    elif start_from is not None:
        _take_weights(model, start_from)
    trainer.run(out, lambda step, loss, speed: hooks.step(step, settings.steps, loss, speed), save_every_s)
    return export(trainer, tokenizer, store, out / "model", start_from)


def _check_names(*folders: Path | None) -> None:
    for folder in filter(None, folders):
        try:
            str(folder).encode()
        except UnicodeEncodeError:
            raise StorageError(
                f"{escaped(folder)}: the name is no UTF-8, and the files of models cannot be in such a folder: choose "
                "another one, or rename it"
            ) from None


def export(trainer: Trainer, tokenizer: Any, store: TokenStore, folder: Path, started_from: Path | None = None) -> Path:
    """Write the model in bfloat16 safetensors with its tokenizer and a record of how it was made.

    The record of the model that training started from, where there was one, is part of the record.
    """
    import json
    from copy import deepcopy
    from dataclasses import asdict

    import torch

    settings = trainer.settings
    record = {
        "tokens_seen": trainer.step * settings.batch_tokens,
        "steps": trainer.step,
        "settings": asdict(settings),
        "corpus_tokens": store.n_tokens,
        "corpus_sha256": store.checksums,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if trainer.on_gpu else processor(),
        "commit": commit(),
        "started_from": None if started_from is None else _record_of(started_from),
    }

    def fill(place: Path) -> None:
        """Write the model's files."""
        with told_by_rust(), no_progress_bar():
            deepcopy(trainer.model).to("cpu", torch.bfloat16).save_pretrained(place)
            tokenizer.save_pretrained(place)
        (place / "training.json").write_text(json.dumps(record, indent=1), encoding="utf-8")
        for file in place.iterdir():
            file.chmod(0o644)
        shutil.rmtree(folder, ignore_errors=True)  # of a shorter course, which this one went on from

    write_folder(folder, fill)
    return folder


def _record_of(folder: Path) -> dict[str, Any]:
    """What is known about a model: its weights' checksum and, where it has one, the record of its training."""
    path = folder / "training.json"
    told: Any = {}
    with suppress(ValueError, OSError):  # one that is spoiled is no reason to lose what was trained
        told = parse_json(path.read_bytes())
    told = told if isinstance(told, dict) else {}
    return {"weights_sha256": sha256_file(folder / "model.safetensors"), **told}


def _tokenizer(texts: Sequence[Path], out: Path, given: Path | None, settings: TrainSettings, hooks: Hooks) -> Any:
    from transformers import PreTrainedTokenizerFast

    from emcog.lm.training.tokenizer import train_tokenizer

    folder = out / "tokenizer"
    if not folder.exists():
        if given is not None:
            if not (given / "tokenizer.json").exists():
                raise DataError(f"{given} holds no tokenizer.json: give the folder of a model")
            tokenizer = PreTrainedTokenizerFast.from_pretrained(given, local_files_only=True)
        else:
            hooks.line("learning a vocabulary")
            sample = sample_text(texts, VOCABULARY_CHARACTERS // len(texts))
            tokenizer = train_tokenizer(sample, settings.vocab_size)

        def fill(place: Path) -> None:
            """Write the vocabulary."""
            with told_by_rust():
                tokenizer.save_pretrained(place)

        write_folder(folder, fill)
    return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)


def _take_weights(model: Any, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    try:
        weights = load_file(folder / "model.safetensors")
    except OSError as error:
        raise DataError(f"{folder} holds no model.safetensors to start from") from error
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name not in weights or weights[name].shape != parameter.shape:
                raise DataError(
                    f"the model in {folder} has another shape ({name}): give the settings that it was made with"
                )
            parameter.copy_(weights[name])

"""Short trials of the settings that the embedded LM is trained with, on one seed and the same tokens.

    python analyses/training_trials.py TEXT... --heldout HELDOUT.txt.xz [--tokens 200000] [--out FOLDER] [--write]
    python analyses/training_trials.py TEXT... --on-gpu [--tokens 16000000] [--out FOLDER] [--write]
    python analyses/training_trials.py --page REPORT-GPU.CSV...     # put what a GPU elsewhere measured into the page

Each trial trains from scratch, through the whole rise and fall of the learning rate, on rows of 256 tokens, and is
scored by bits per character on the beginnings of held-out books. On a GPU trials have the size of its steps, rows of
1,024 tokens and prose alone, and are scored by the mean loss of the last 20 steps, on text that they had not seen
before. Writes report.csv (report-gpu.csv) to results/training_trials; trials that are in it already are not made again.
With --write the table goes into docs/embedded-lm.md, with --page that of runs on a GPU elsewhere.
"""

import argparse
import logging
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import torch
from transformers import PreTrainedTokenizerFast

from emcog.files import write_files
from emcog.lm.load import EMBEDDED, load_lm
from emcog.lm.training.batches import Curriculum
from emcog.lm.training.command import train_lm
from emcog.lm.training.corpus import read_documents
from emcog.lm.training.evaluate import bits_per_character
from emcog.lm.training.loop import Trainer, build_model
from emcog.lm.training.settings import TrainSettings
from emcog.lm.training.tokens import open_tokens
from emcog.pages import docs_page, fill, markdown_table, measured_on

HELDOUT_CHARACTERS = 5_000
CHOSEN = TrainSettings()
TRIALS = [
    {},
    {"matrix_lr": CHOSEN.matrix_lr / 2},
    {"matrix_lr": CHOSEN.matrix_lr * 2},
    {"other_lr": CHOSEN.other_lr / 2},
    {"other_lr": CHOSEN.other_lr * 2},
    {"batch_tokens": CHOSEN.batch_tokens // 2},
    {"batch_tokens": CHOSEN.batch_tokens * 2},
]
GPU = TrainSettings(
    batch_tokens=65_536, short_share=0.0, drill_share=0.0, recital_share=0.0, speech_share=0.0,
    hidden_size=320, intermediate_size=896,
)  # fmt: skip
GPU_TRIALS = [
    {"matrix_lr": 0.02, "other_lr": 0.003},
    {"matrix_lr": 0.04, "other_lr": 0.003},
    {"matrix_lr": 0.02, "other_lr": 0.006},
]
COLUMNS = ["matrix_lr", "other_lr", "batch_tokens", "tokens", "seed"]


def trial(texts: list[Path], heldout: Path, settings: TrainSettings, folder: Path) -> dict[str, float]:
    """Train with the settings and measure; the columns of one row of the report."""
    model = train_lm(texts, folder, settings, tokenizer_from=EMBEDDED)
    loss = pd.read_csv(folder / "curve.tsv", sep="\t")["loss_nats"]
    table = bits_per_character(load_lm(str(model)), (book[:HELDOUT_CHARACTERS] for book in read_documents(heldout)))
    return {
        **{name: asdict(settings)[name] for name in COLUMNS},
        "loss_nats": float(loss[-20:].mean()),
        "bits_per_character": float(table["bits"].sum() / table["characters"].sum()),
    }


def run(texts: list[Path], heldout: Path, tokens: int, out: Path, seed: int = 0) -> pd.DataFrame:
    """Make the trials that `out`/report.csv does not hold yet.

    Returns
    -------
    DataFrame, one row a trial: matrix_lr, other_lr, batch_tokens, tokens, seed, loss_nats (mean of the last 20
    steps), bits_per_character (held out).
    """
    common = replace(CHOSEN, tokens=tokens, short_share=1.0, warmup_tokens=tokens // 10, seed=seed)
    report = out / "report.csv"
    rows = pd.read_csv(report).to_dict("records") if report.exists() else []
    for number, changes in enumerate(TRIALS):
        settings = replace(common, **changes)
        if not any(all(row[name] == asdict(settings)[name] for name in COLUMNS) for row in rows):
            folder = out / f"trial-{number}"
            (folder / "tokens").parent.mkdir(parents=True, exist_ok=True)
            rows.append(trial(texts, heldout, settings, folder))
            write_files(out, {"report.csv": pd.DataFrame(rows).to_csv(index=False).encode()})
            logging.info("trial %d of %d: %s", number + 1, len(TRIALS), rows[-1])
    return pd.DataFrame(rows)


def run_on_gpu(texts: list[Path], tokens: int, out: Path, seed: int = 0) -> pd.DataFrame:
    """Make the trials of a GPU that `out`/report-gpu.csv does not hold yet, with one compiled model for all.

    Returns
    -------
    DataFrame, one row a trial: matrix_lr, other_lr, batch_tokens, tokens, seed, loss_nats (mean of the last 20
    steps), tokens_per_s, gpu.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED, local_files_only=True)
    store = open_tokens(texts, tokenizer, out / "tokens", GPU.context)
    common = replace(GPU, tokens=tokens, warmup_tokens=tokens // 10, seed=seed, vocab_size=len(tokenizer))
    fresh = build_model(common)
    trainer = Trainer(deepcopy(fresh).to("cuda"), Curriculum(store, tokenizer, seed, common.mixture), common)
    report = out / "report-gpu.csv"
    rows = pd.read_csv(report).to_dict("records") if report.exists() else []
    for number, changes in enumerate(GPU_TRIALS):
        settings = replace(common, **changes)
        if any(all(row[name] == asdict(settings)[name] for name in COLUMNS) for row in rows):
            continue
        trainer.model.load_state_dict(fresh.state_dict())
        trainer.begin(settings)
        trainer.run(out / f"gpu-trial-{number}")
        curve = pd.read_csv(out / f"gpu-trial-{number}" / "curve.tsv", sep="\t")
        rows.append({
            **{name: asdict(settings)[name] for name in COLUMNS},
            "loss_nats": float(curve["loss_nats"][-20:].mean()),
            "tokens_per_s": float(curve["tokens_per_s"].median()),
            "gpu": torch.cuda.get_device_name(),
        })  # fmt: skip
        write_files(out, {"report-gpu.csv": pd.DataFrame(rows).to_csv(index=False).encode()})
        logging.info("trial %d of %d: %s", number + 1, len(GPU_TRIALS), rows[-1])
    return pd.DataFrame(rows)


def put_on_page(reports: list[Path]) -> None:
    """The table of trials that a GPU elsewhere made, in one run or more, and how far runs of the same differ."""
    table = pd.concat([pd.read_csv(report) for report in reports], ignore_index=True)
    losses = table.groupby(COLUMNS)["loss_nats"]
    apart = float(((losses.max() - losses.min()) / losses.mean()).max())
    told = f"Made {len(reports)} times; the losses of the same settings lie at most {apart:.2%} apart."
    shown = table.astype({"matrix_lr": str, "other_lr": str, "tokens_per_s": int})
    fill(docs_page("embedded-lm.md"), "trials_gpu", f"{markdown_table(shown)}\n\n{told}")


def main() -> None:
    """Make the trials and say what came out."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("texts", type=Path, nargs="*")
    parser.add_argument("--page", type=Path, nargs="+", help="reports of a GPU elsewhere, to be put into the page")
    parser.add_argument("--heldout", type=Path)
    parser.add_argument("--on-gpu", action="store_true", help="trials of the size that a GPU takes, on it")
    parser.add_argument("--tokens", type=int, help="tokens of a trial (default: 200000; 16000000 on a GPU)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/training_trials"))
    parser.add_argument("--write", action="store_true", help="put the table into docs/embedded-lm.md")
    arguments = parser.parse_args()
    if arguments.page:
        put_on_page(arguments.page)
        return
    if arguments.on_gpu:
        table = run_on_gpu(arguments.texts, arguments.tokens or 16_000_000, arguments.out, arguments.seed)
    elif arguments.heldout is None:
        parser.error("give --heldout HELDOUT.txt.xz, or --on-gpu")
    else:
        tokens = arguments.tokens or 200_000
        table = run(arguments.texts, arguments.heldout, tokens, arguments.out, arguments.seed)
    print(table.to_string(index=False))
    if arguments.write:
        shown = table.astype({"matrix_lr": str, "other_lr": str})
        block = "trials_gpu" if arguments.on_gpu else "trials"
        fill(
            docs_page("embedded-lm.md"),
            block,
            f"{markdown_table(shown)}\n\n{measured_on('cuda' if arguments.on_gpu else 'cpu')}",
        )


if __name__ == "__main__":
    main()

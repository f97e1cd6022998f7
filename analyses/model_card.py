"""What the embedded LM can do, measured, and the model card written from it.

    python analyses/model_card.py --heldout HELDOUT.txt.xz [--quick] [--write]

Measures bits per character on held-out books, plain and made to look like speech, look-up inside the context, and
calibration; writes the tables to results/model_card/ and, with --write, MODEL_CARD.md beside the weights.
"""

import argparse
import json
import platform
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import torch

from emcog.lm import load_lm
from emcog.lm.load import EMBEDDED, LM
from emcog.lm.training.corpus import read_documents
from emcog.lm.training.evaluate import bits_per_character, calibration, look_up, speech_like

QUICK_CHARACTERS = 5_000
BOUND = 1.75


def run(lm: LM, heldout: Path, characters: int | None = None, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Measure the model.

    Parameters
    ----------
    heldout : books that were never trained on (.txt or .xz).
    characters : read only so many of each book; None reads all.
    seed : of the styles of speech.

    Returns
    -------
    Tables by name: books, speech (bits per character by document), look_up (one row a drill), calibration.
    """
    books = [book[:characters] for book in read_documents(heldout)]
    part = min(characters or 20_000, 20_000)
    prose = " ".join(" ".join(book[: 4 * part].split()) for book in books[:4])
    return {
        "books": bits_per_character(lm, books),
        "speech": bits_per_character(lm, speech_like((book[:part] for book in books), seed)),
        "look_up": look_up(lm, prose, n_drills=60 if characters else 500),
        "calibration": calibration(lm, prose),
    }


def total(table: pd.DataFrame) -> float:
    """Bits per character over all documents together."""
    return float(table["bits"].sum() / table["characters"].sum())


def card(tables: dict[str, pd.DataFrame], record: dict, curve: pd.DataFrame, heldout: str, whole: bool) -> str:
    """The model card as Markdown, every number from the tables and the record of the training."""
    settings, books, drills = record["settings"], tables["books"], tables["look_up"]
    config = json.loads((EMBEDDED / "config.json").read_text())
    size = (EMBEDDED / "model.safetensors").stat().st_size
    places = [curve.index[int(k * (len(curve) - 1) / 12)] for k in range(13)]
    mean = curve["loss_nats"].rolling(20, min_periods=1).mean()
    lines = [
        "# The embedded language model",
        "",
        f"Written by `analyses/model_card.py` on {datetime.now(UTC):%Y-%m-%d}; no number here was typed by hand.",
        "",
        "A small causal language model that comes with emcog, so that a story can be segmented with no GPU and no",
        "download. It has read little and knows nothing of the world. Its surprise follows the wording of a text; it",
        "is no substitute for a large model where meaning over long stretches matters. It reads English prose,",
        "best of 1840 to 1960.",
        "",
        "| | |",
        "|---|---|",
        f"| architecture | Llama, {config['num_hidden_layers']} layers, width {config['hidden_size']}, "
        f"{config['num_attention_heads']} query and {config['num_key_value_heads']} key heads of {config['head_dim']}, "
        f"rotary positions, tied embeddings |",
        f"| vocabulary | {config['vocab_size']} byte-level BPE tokens; typographic quotes, dashes, ellipses and "
        "hard line breaks are folded |",
        f"| context | {config['max_position_embeddings']} tokens |",
        f"| file | {size / 1e6:.1f} MB, bfloat16 safetensors |",
        f"| tokens seen | {record['tokens_seen']:,}, of {record['corpus_tokens']:,} in the files below |",
        "",
        "## Data",
        "",
        "English narrative prose in the public domain in the United States (novels and stories, mostly 1840 to 1930),",
        "cleaned from Project Gutenberg's books. The books carry the views and words of their time. About one",
        f"segment in {1 / settings['speech_share']:.0f} was made to look like a speech transcript, and about one in "
        f"{1 / settings['drill_share']:.0f} is a recall drill (a made-up fact, filler, a question).",
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *[f"| {name} | `{digest}` |" for name, digest in record["corpus_sha256"].items()],
        "",
        "## Training",
        "",
        *record.get("notes", []),
        "" if record.get("notes") else None,
        "| setting | value |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in settings.items()],
        "",
        "Loss in nats a token (drills and speech included), mean of 20 steps; all steps are in `curve.tsv`:",
        "",
        "| tokens | loss |",
        "|---|---|",
        *[f"| {int(curve['tokens'][k]):,} | {mean[k]:.3f} |" for k in places],
        "",
        "## Measured",
        "",
        f"Held-out: {heldout}, {len(books)} books never trained on, "
        + ("read whole" if whole else f"the first {int(books['characters'].max()):,} characters of each")
        + f" ({int(books['characters'].sum()):,} characters, {int(books['tokens'].sum()):,} tokens), with a sliding "
        f"window of 1,024 tokens, in float32.",
        "",
        "| | value |",
        "|---|---|",
        f"| bits per character, held-out books | {total(books):.4f} (books: {books['bits_per_character'].min():.3f} to "
        f"{books['bits_per_character'].max():.3f}) |",
        f"| characters per token | {books['characters'].sum() / books['tokens'].sum():.3f} |",
        f"| bits per character, the same books made to look like speech | {total(tables['speech']):.4f} |",
        f"| look-up inside the context, exact answers | {int(drills['correct'].sum())} of {len(drills)} |",
        "",
        "Look-up by kind of fact:",
        "",
        "| kind | drills | correct |",
        "|---|---|---|",
        *[f"| {kind} | {len(t)} | {int(t['correct'].sum())} |" for kind, t in drills.groupby("kind")],
        "",
        "Calibration (the model's first choice for the next token):",
        "",
        "| confidence | n | mean confidence | right |",
        "|---|---|---|---|",
        *[
            f"| {r.low:.1f} to {r.high:.1f} | {r.n:,} | {r.confidence:.3f} | {r.accuracy:.3f} |"
            for r in tables["calibration"].itertuples()
        ],
        "",
        f"Measured with torch {torch.__version__.split('+')[0]} on {platform.machine()}.",
        "",
    ]
    return "\n".join(line for line in lines if line is not None)


def main() -> None:
    """Measure, save, and write the card if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CHARACTERS:,} characters of each book")
    parser.add_argument("--write", action="store_true", help="write MODEL_CARD.md beside the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/model_card"))
    arguments = parser.parse_args()
    tables = run(load_lm(), arguments.heldout, QUICK_CHARACTERS if arguments.quick else None, arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(arguments.out / f"{name}.csv", index=False)
    found = total(tables["books"])
    print(f"held-out books: {found:.4f} bits per character (bound {BOUND}: {'met' if found <= BOUND else 'NOT met'})")
    print(f"made to look like speech: {total(tables['speech']):.4f}")
    print(f"look-up: {tables['look_up']['correct'].sum()} of {len(tables['look_up'])}")
    if arguments.write:
        record = json.loads((EMBEDDED / "training.json").read_text())
        curve = pd.read_csv(EMBEDDED / "curve.tsv", sep="\t")
        text = card(tables, record, curve, arguments.heldout.name, not arguments.quick)
        (EMBEDDED / "MODEL_CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""What the embedded LM can do, measured, and the model card written from it.

    python analyses/model_card.py --heldout HELDOUT.txt.xz [--ngram TEXT...] [--compare MODEL...]
        [--reading-times natural_stories/words.csv] [--quick] [--write]

Measures bits per character on held-out books, plain and made to look like speech, look-up inside the context, and
calibration; on request bits per character of a 5-gram Kneser-Ney model of the training texts and of any Hugging Face
models, and how well surprisal predicts the reading times of Natural Stories beside GPT-3's. Writes the tables to
results/model_card/ and, with --write, MODEL_CARD.md beside the weights.
"""

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from emcog.lm import listen, load_lm
from emcog.lm.load import EMBEDDED, LM
from emcog.lm.training.corpus import read_documents
from emcog.lm.training.evaluate import bits_per_character, calibration, look_up, speech_like
from emcog.lm.training.kneser_ney import KneserNey
from emcog.lm.training.settings import TrainSettings
from emcog.lm.training.tokens import open_tokens
from emcog.stats import reading_times
from emcog.transcript import Transcript

QUICK_CHARACTERS = 5_000
BOUND = 1.35
FAR = (512, 256)
"""Distances in tokens at which all that is further back stands, as in memory."""
LENGTHS = [0, 200, 400, 600, 800, 1024]
OUT = Path("results/model_card")


@dataclass(frozen=True)
class Against:
    """What the model is compared with: texts for an n-gram model, names of models, words with reading times."""

    ngram: Sequence[Path] = ()
    models: Sequence[str] = ()
    reading_times: Path | None = None


def run(
    lm: LM, heldout: Path, characters: int | None = None, seed: int = 0, against: Against = Against(), out: Path = OUT
) -> dict[str, pd.DataFrame]:
    """Measure the model.

    Parameters
    ----------
    heldout : books that were never trained on (.txt or .xz).
    characters : read only so many of each book; None reads all.
    seed : of the styles of speech.
    against : what to compare it with.
    out : folder for the n-gram model's token files.

    Returns
    -------
    Tables by name: books, speech (bits per character by document), look_up (one row a drill), calibration, others (bits
    per character of other models: model, bits_per_character), reading (see `emcog.stats.reading_times`).
    """
    books = [book[:characters] for book in read_documents(heldout)]
    part = min(characters or 20_000, 20_000)
    prose = " ".join(" ".join(book[: 4 * part].split()) for book in books[:4])
    others = [(name, total(bits_per_character(load_lm(name), books))) for name in against.models]
    if against.ngram:
        others = [("5-gram, modified Kneser-Ney", ngram_bits(lm, against.ngram, books, out)), *others]
    tables = {
        "books": bits_per_character(lm, books),
        "speech": bits_per_character(lm, speech_like((book[:part] for book in books), seed)),
        "look_up": drills(lm, prose, 60 if characters == QUICK_CHARACTERS else 500),
        "calibration": calibration(lm, prose),
        "others": pd.DataFrame(others, columns=["model", "bits_per_character"]),
    }
    if against.reading_times is not None:
        tables["reading"] = reading(lm, against.reading_times)
    return tables


def drills(lm: LM, prose: str, n_drills: int) -> pd.DataFrame:
    """Look-up with everything at its true distance (far 0), and with what is far at one distance, as in memory.

    Returns
    -------
    DataFrame, one row a drill and layout: far, and the columns of `look_up`.
    """
    return pd.concat(
        [look_up(lm, prose, n_drills, far=far or None).assign(far=far) for far in (0, *FAR)], ignore_index=True
    )


def ngram_bits(lm: LM, texts: Sequence[Path], books: Sequence[str], out: Path) -> float:
    """Bits per character of a 5-gram model of the texts, over the embedded LM's own tokens."""
    store = open_tokens(texts, lm.tokenizer, out / "tokens", length=1, report=print)
    learnt = [np.insert(ids.astype(np.int64), at, lm.bos_id) for ids, at in zip(store.ids, store.starts, strict=True)]
    model = KneserNey(np.concatenate(learnt), len(lm.tokenizer))
    bits = 0.0
    for book in books:
        ids = np.array([lm.bos_id, *lm.encode(book)[0]])
        bits += model.surprisal(ids, np.arange(1, len(ids))).sum()
    return float(bits / sum(map(len, books)))


def reading(lm: LM, words: Path) -> pd.DataFrame:
    """Reading times on the model's surprisal and on GPT-3's: the file words.csv of Natural Stories, as tidied."""
    table = pd.read_csv(words, keep_default_na=False, na_values=[""])
    heard = [listen(Transcript.from_text(" ".join(g["word"])), lm) for _, g in table.groupby("story", sort=False)]
    table["embedded"] = np.concatenate([listening.words["surprisal"] for listening in heard])
    return reading_times(
        table.rename(columns={"gpt3_surprisal_bits": "GPT-3"}), ("GPT-3", "embedded"), rt="mean_rt_ms",
        dataset="natural_stories",
    )  # fmt: skip


def right(table: pd.DataFrame) -> str:
    """Drills answered exactly, of all."""
    return f"{int(table['correct'].sum())} of {len(table)}"


def total(table: pd.DataFrame) -> float:
    """Bits per character over all documents together."""
    return float(table["bits"].sum() / table["characters"].sum())


def card(tables: dict[str, pd.DataFrame], record: dict, curve: pd.DataFrame, heldout: str, whole: bool) -> str:
    """The model card as Markdown, every number from the tables and the record of the training."""
    settings, books, others = record["settings"], tables["books"], tables["others"]
    answered = {int(far): t for far, t in tables["look_up"].groupby("far")}
    lengths = pd.cut(answered[0]["tokens"], LENGTHS)
    config = json.loads((EMBEDDED / "config.json").read_text())
    size = (EMBEDDED / "model.safetensors").stat().st_size
    places = [curve.index[int(k * (len(curve) - 1) / 12)] for k in range(13)]
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
        f"| tokens seen | {' + '.join(f'{n:,}' for n in seen(record))} |",
        f"| tokens in the files below | {record['corpus_tokens']:,} |",
        "",
        "## Data",
        "",
        "English narrative prose in the public domain in the United States (novels and stories, mostly 1840 to 1930),",
        "cleaned from Project Gutenberg's books. The books carry the views and words of their time. Shares of the",
        f"segments: {settings['speech_share']:.0%} were made to look like speech transcripts, "
        f"{settings['drill_share']:.0%} are recall drills (made-up facts, filler, questions), and in",
        f"{settings['recital_share']:.0%} a passage comes again and again. In {settings['far_share']:.0%} of the",
        "drills and recitals, and in a third of that of the rest, what is far stands at one distance, as in memory.",
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *[f"| {name} | `{digest}` |" for name, digest in record["corpus_sha256"].items()],
        "",
        "## Training",
        "",
        *history(record),
        "",
        "| setting | value |",
        "|---|---|",
        *[f"| {key} | {value} |" for key, value in settings.items()],
        "",
        "Loss in nats a token (drills, their answers by weight, and speech included), mean of "
        f"{-(-record['steps'] // len(curve))} steps; the whole course is in `curve.tsv`:",
        "",
        pace(curve),
        "",
        "| tokens | loss |",
        "|---|---|",
        *[f"| {int(curve['tokens'][k]):,} | {curve['loss_nats'][k]:.3f} |" for k in places],
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
        f"| look-up inside the context, exact answers | {right(answered[0])} |",
        *[
            f"| the same, all beyond {far} tokens at that one distance, as memory shows it | {right(answered[far])} |"
            for far in FAR
        ],
        *[
            f"| bits per character, held-out books: {r.model} | {r.bits_per_character:.4f} |"
            for r in others.itertuples()
        ],
        "",
        *reading_lines(tables.get("reading")),
        "Look-up by kind of fact:",
        "",
        "| kind | drills | correct |",
        "|---|---|---|",
        *[f"| {kind} | {len(t)} | {int(t['correct'].sum())} |" for kind, t in answered[0].groupby("kind")],
        "",
        "Look-up by the tokens before the answer:",
        "",
        "| tokens | drills | correct |",
        "|---|---|---|",
        *[
            f"| {span.left + 1} to {span.right} | {len(t)} | {int(t['correct'].sum())} |"
            for span, t in answered[0].groupby(lengths, observed=True)
        ],
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


def pace(curve: pd.DataFrame) -> str:
    """How long the course took, and whether the loss still fell at its end."""
    read = curve["tokens"].diff().fillna(curve["tokens"].iloc[0])
    minutes = float((read / curve["tokens_per_s"]).sum()) / 60
    tenth = max(1, len(curve) // 10)
    losses = curve["loss_nats"]
    before, after = (float(part.mean()) for part in (losses[-2 * tenth : -tenth], losses[-tenth:]))
    return (
        f"The course took {minutes:,.0f} minutes at {curve['tokens_per_s'].median():,.0f} tokens a second. From its "
        f"last tenth but one to its last, at whose end the learning rate is 0, the loss went from {before:.3f} to "
        f"{after:.3f}."
    )


def seen(record: dict) -> list[int]:
    """Tokens seen in each course of training, the first one first."""
    before = record.get("started_from")
    return [*(seen(before) if before and "tokens_seen" in before else []), record["tokens_seen"]]


def history(record: dict) -> list[str]:
    """How the weights came to be, the course of training last made first."""
    before = record.get("started_from")
    device = f" on {record['device']}" if "device" in record else ""
    made = f"with emcog at {record['commit']}, torch {record['torch']}"
    lines = [
        f"Trained on {record['tokens_seen']:,} tokens{device} {made}:",
        "",
        f"    {command(record)}",
    ]
    lines += record.get("notes", [])
    if before:
        lines += ["", f"It went on from weights with SHA-256 `{before['weights_sha256']}`, made before:", ""]
        lines += history(before)
    return lines


def command(record: dict) -> str:
    """The command that the weights were made with, what is as by default left out."""
    usual = asdict(TrainSettings())
    changed = {k: v for k, v in record["settings"].items() if v != usual[k] and k != "short_context"}
    options = " ".join(f"--{name.replace('_', '-')} {value:g}" if isinstance(value, float) else
                       f"--{name.replace('_', '-')} {value}" for name, value in changed.items())  # fmt: skip
    begin = "--tokenizer" if record.get("started_from") is None else "--from"
    return f"emcog train-lm train-*.txt.xz {begin} emcog/lm/embedded --out FOLDER {options}"


def reading_lines(table: pd.DataFrame | None) -> list[str]:
    """The comparison with GPT-3 on Natural Stories, as Markdown."""
    if table is None:
        return []
    kept = table[table["metric"].isin(["r", "r_between", "delta_log_likelihood", "delta_log_likelihood_ratio"])]
    return [
        "Reading times of Natural Stories (Futrell et al. 2021, means of each word, stories 1 to 6) on surprisal;",
        "GPT-3's is the corpus's own. Baseline: word length and log frequency, those of the two words before too",
        "(`emcog.stats.reading_times`):",
        "",
        "| predictor | measure | variant | estimate | 95% interval |",
        "|---|---|---|---|---|",
        *[
            f"| {r.method} | {r.metric} | {r.variant} | {r.estimate:.4f} | {r.ci_low:.4f} to {r.ci_high:.4f} |"
            for r in kept.itertuples()
        ],
        "",
    ]


def main() -> None:
    """Measure, save, and write the card if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--ngram", type=Path, nargs="*", default=[], help="training texts for the 5-gram model")
    parser.add_argument("--compare", nargs="*", default=[], metavar="MODEL", help="names of Hugging Face models")
    parser.add_argument("--reading-times", type=Path, help="words.csv of Natural Stories")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CHARACTERS:,} characters of each book")
    parser.add_argument("--characters", type=int, help="read only so many of each book")
    parser.add_argument("--write", action="store_true", help="write MODEL_CARD.md beside the weights")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    against = Against(arguments.ngram, arguments.compare, arguments.reading_times)
    characters = QUICK_CHARACTERS if arguments.quick else arguments.characters
    tables = run(load_lm(), arguments.heldout, characters, arguments.seed, against, arguments.out)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(arguments.out / f"{name}.csv", index=False)
    found = total(tables["books"])
    print(f"held-out books: {found:.4f} bits per character (bound {BOUND}: {'met' if found <= BOUND else 'NOT met'})")
    print(f"made to look like speech: {total(tables['speech']):.4f}")
    for far, table in tables["look_up"].groupby("far", sort=False):
        print(f"look-up{f', all beyond {far} tokens at one distance' if far else ''}: {right(table)}")
    print(tables["others"].to_string(index=False))
    if arguments.write:
        record = json.loads((EMBEDDED / "training.json").read_text())
        curve = pd.read_csv(EMBEDDED / "curve.tsv", sep="\t")
        text = card(tables, record, curve, arguments.heldout.name, characters is None)
        (EMBEDDED / "MODEL_CARD.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

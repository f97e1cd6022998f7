"""The model card: its comparison with counting, and that every number in it comes from the tables."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emcog.lm import load_lm

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("model_card", ROOT / "analyses" / "model_card.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_ngram_model_reads_better_what_it_learnt(script, tmp_path):
    story = (ROOT / "datasets" / "demo" / "late_letter.txt").read_text(encoding="utf-8")
    half = len(story) // 2
    (tmp_path / "a.txt").write_text(story[:half], encoding="utf-8")
    lm = load_lm()
    learnt, new = (
        script.ngram_bits(lm, [tmp_path / "a.txt"], [text], tmp_path) for text in (story[:half], story[half:])
    )
    assert learnt < 1
    assert 2 < new < 4


def test_a_history_of_courses_is_told_in_order(script):
    settings = {"tokens": 7, "far_share": 0.25, "hidden_size": 320, "short_context": 128, "layers": 8}
    first = {"tokens_seen": 10, "commit": "commit aaa", "torch": "2", "settings": settings, "notes": ["By hand."]}
    record = {
        "tokens_seen": 5,
        "commit": "commit bbb",
        "torch": "3",
        "device": "Abacus",
        "settings": settings,
        "started_from": {"weights_sha256": "f00", **first},
    }
    assert script.seen(record) == [10, 5]
    told = "\n".join(script.history(record))
    assert told.index("commit bbb") < told.index("f00") < told.index("commit aaa") < told.index("By hand.")
    assert "on Abacus with emcog" in told
    shown = "--out FOLDER --tokens 7 --far-share 0.25 --hidden-size 320"
    assert f"    emcog train-lm train-*.txt.xz --from emcog/lm/embedded {shown}\n" in told
    assert told.endswith(f"    emcog train-lm train-*.txt.xz --tokenizer emcog/lm/embedded {shown}\nBy hand.")


def test_the_card_holds_what_was_measured(script):
    drills = pd.DataFrame(
        {"kind": ["home", "home", "trade"] * 3, "tokens": [90, 300, 310] * 3, "far": np.repeat([0, 512, 256], 3),
         "correct": [True, False, True, False, False, True, False, False, False]}
    )  # fmt: skip
    books = pd.DataFrame({"bits": [30.0, 20.0], "characters": [20, 20], "tokens": [5, 5]})
    books["bits_per_character"] = books["bits"] / books["characters"]
    bins = pd.DataFrame({"low": [0.0], "high": [0.1], "n": [7], "confidence": [0.05], "accuracy": [0.0625]})
    reading = pd.DataFrame({"method": ["lm"], "metric": ["r"], "variant": ["next word"], "estimate": [0.1234],
                            "ci_low": [0.1], "ci_high": [0.2]})  # fmt: skip
    others = pd.DataFrame({"model": ["5-gram"], "bits_per_character": [2.34567]})
    tables = {
        "books": books,
        "speech": books,
        "look_up": drills,
        "calibration": bins,
        "others": others,
        "reading": reading,
    }
    settings = {"speech_share": 0.08, "drill_share": 0.3, "recital_share": 0.1, "far_share": 0.45}
    record = {"tokens_seen": 5, "steps": 600, "corpus_tokens": 99, "commit": "c", "torch": "2", "settings": settings,
              "corpus_sha256": {"a.txt": "123abc"}}  # fmt: skip
    curve = pd.DataFrame({"tokens": np.arange(1, 31) * 6144, "loss_nats": np.linspace(9, 4, 30),
                          "tokens_per_s": 1024})  # fmt: skip
    card = script.card(tables, record, curve, "held.txt", True)
    books_told = "1.2500 (books: 1.000 to 1.500)"
    looked_up = ("2 of 3", "beyond 512 tokens at that one distance, as memory shows it | 1 of 3", "| home | 2 | 1 |",
                 "| 1 to 200 | 1 | 1 |", "| 201 to 400 | 2 | 1 |", "45%")  # fmt: skip
    for told in (
        books_told,
        *looked_up,
        "2.3457",
        "0.1234",
        "0.062",
        "8%",
        "30%",
        "123abc",
        "The course took 3 minutes at 1,024 tokens a second.",
    ):
        assert told in card, told
    assert "nan" not in card

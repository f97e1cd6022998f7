"""The long text runs in pieces, and its table tells a steady pass from one that slows down."""

import importlib.util
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emcog.errors import DataError
from emcog.lm import LM, journal, load_lm
from emcog.segmentation import Segmentation

SCRIPT = Path(__file__).parents[2] / "analyses" / "long_text.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("long_text", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["long_text"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lm():
    torch.manual_seed(0)
    tokenizer = load_lm().tokenizer
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3,
    )  # fmt: skip
    return LM(LlamaForCausalLM(config).eval(), tokenizer, "tiny")


def test_pieces_come_to_the_same_as_one_run(script, lm, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "EVERY_S", 0.0)
    (tmp_path / "long.txt").write_text("A ship came home. Nobody on the pier had seen it. " * 400)
    told = script.run(tmp_path / "long.txt", lm, "SM", tmp_path / "whole", None, quiet=True)
    pieces = 0
    while "events" not in (again := script.run(tmp_path / "long.txt", lm, "SM", tmp_path / "pieces", 0.0, quiet=True)):
        pieces += 1
        so_far = script.page(script.stretches(tmp_path / "pieces"), again)
        assert f"{told['tokens']:,} tokens, method SM, listened to " in so_far
    assert pieces > 3
    assert {k: again[k] for k in ("tokens", "events", "method")} == {k: told[k] for k in ("tokens", "events", "method")}
    one, other = (Segmentation.load(tmp_path / f / "segmentation") for f in ("whole", "pieces"))
    pd.testing.assert_frame_equal(one.events, other.events, check_exact=True)
    table = script.stretches(tmp_path / "whole", 4)
    assert table["tokens"].iloc[-1] == told["tokens"] and (table["us_per_token"] > 0).all()
    assert f"{told['tokens']:,} tokens, method SM, {told['events']:,} events" in script.page(table, told)


@pytest.mark.parametrize("sample", [100, 10_000])
def test_the_texts_are_joined_up_to_the_length(script, tmp_path, monkeypatch, sample):
    monkeypatch.setattr(script, "SAMPLE", sample)
    (tmp_path / "a.txt").write_text("One ship came. " * 100 + "\n\f\n" + "Two ships left. " * 100)

    def count(text):
        return len(text.split())

    script.join_texts([tmp_path / "a.txt"], tmp_path / "out" / "long.txt", 500, count)
    text = (tmp_path / "out" / "long.txt").read_text()
    assert text.startswith("One ship") and "\n\nTwo ships" in text and 480 <= count(text) <= 520
    with pytest.raises(DataError, match=r"of the 100,000 asked for"):
        script.join_texts([tmp_path / "a.txt"], tmp_path / "other" / "long.txt", 100_000, count)
    assert not (tmp_path / "other" / "long.txt").exists()


def test_a_pass_that_slows_down_is_seen(script, tmp_path):
    rows = [(512 * (i + 1), 512, 0.1 * (1 + 0.2 * (i >= 90)), 100 + i, 51_200) for i in range(100)]
    rows += [(512, 512, 9.0, 100, 51_200)]  # the first chunk again, in another piece: the later time counts
    columns = ["tokens", "n", "cpu_s", "anonymous_mb", "n_tokens"]
    pd.DataFrame(rows, columns=columns).to_csv(tmp_path / script.CHUNKS, index=False)
    table = script.stretches(tmp_path)
    assert len(table) == 20 and (table["chunks"] == 5).all()
    assert table["us_per_token"].iloc[0] == pytest.approx(0.1 / 512 * 1e6)  # a median: one slow chunk is none
    assert script.drift(table) == pytest.approx(0.2)

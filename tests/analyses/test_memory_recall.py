import importlib.util
import mmap
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from emcog.errors import OptionError
from emcog.lm.load import EMBEDDED
from emcog.paths import data_folder


@pytest.fixture(scope="module")
def script():
    path = data_folder("analyses") / "memory_recall.py"
    spec = importlib.util.spec_from_file_location("memory_recall", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a tiny random model that has the embedded LM's tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(EMBEDDED, local_files_only=True)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.3, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_it_runs_and_fills_its_page(script, tiny, tmp_path, monkeypatch, capsys):
    page = tmp_path / "memory.md"
    page.write_text("<!-- begin memory_recall: here -->\n<!-- end memory_recall -->")
    monkeypatch.setattr(script, "docs_page", lambda name: page)
    monkeypatch.setattr(script, "prose", lambda: None)
    words = ["memory_recall", "--quick", "--write", "--model", str(tiny), "--out", str(tmp_path / "out"), "--config",
             '{"n_local": 64, "n_mem": 64, "representative": "all"}']  # fmt: skip
    monkeypatch.setattr(sys, "argv", words)
    script.main()
    first = (tmp_path / "out" / "trials.csv").read_text()
    with monkeypatch.context() as patch:  # what is finished is not done again
        patch.setattr(script, "run_trial", lambda *_: pytest.fail("read again"))
        script.main()
    assert (tmp_path / "out" / "trials.csv").read_text() == first
    monkeypatch.setattr(sys, "argv", [*words, "--seed", "5"])
    with pytest.raises(OptionError, match="other settings"):
        script.main()
    trials, result = (pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in ("trials", "summary"))
    assert trials.groupby("config").size().to_dict() == {"long": 2, "memory": 2, "window": 2}
    assert (trials.n_tokens >= trials.length).all()
    assert trials[trials.config == "window"].recalled.eq(0).all()
    assert result.tokens.tolist() == [2000] * 3 + [3000] * 6
    growth = result.value[7]
    assert np.isnan(growth) or 0.5 < growth < 5
    told = page.read_text()
    assert "held-out" not in told and "the demo story" in told
    assert "| 0.2 to 0.3 |" in told and "Measured on" in told
    assert "keys, with memory" in capsys.readouterr().out


def test_every_depth_is_asked_once_and_each_reading_covers_them_all(script):
    for trials, keys in ((100, 1), (100, 20), (7, 3), (20, 20)):
        readings = list(script.plan(trials, keys))
        assert all(1 <= len(depths) <= keys for depths in readings)
        np.testing.assert_allclose(np.sort(np.concatenate(readings)), (np.arange(trials) + 0.5) / trials)
    assert all(min(depths) < 0.05 and max(depths) > 0.95 for depths in script.plan(100, 20))


def questions(config, correct, distance=5000, length=100):
    n = len(correct)
    return pd.DataFrame(
        {"config": config, "length": length, "distance": distance, "correct": correct, "chosen": correct,
         "log2_p": -1.0, "margin": 1.0, "recalled": 1.0, "read_s": 120.0, "depth": (np.arange(n) + 0.5) / n}
    )  # fmt: skip


def test_the_summary_says_what_holds(script):
    watch = script.Watch(65_536)
    watch.rows = [(0, 0.9e9), (60_000, 1.0e9), (100_000, 1.2e9), (1_000_000, 1.14e9)]
    watch.index_bytes = int(0.16e9)
    table = pd.concat(
        [
            questions("memory", [True] * 95 + [False] * 5),
            questions("window", [False] * 99 + [True]),
            questions("window", [True] * 10, distance=500),  # within the window, which may well find them
            questions("long", [True] * 17 + [False] * 3, length=1000),
        ]
    )
    found = script.summary(table, watch, n_local=1024)
    assert found.n[:5].tolist() == [100, 100, 100, 20, 20]
    assert found.value.tolist() == pytest.approx([1, 0.95, 0.01, 1, 0.85, 2.0, 1.2, 1.04, 0.16])
    assert found.holds.tolist() == [None, True, True, None, False, True, True, True, None]
    assert watch.most == 1.2e9
    wide = script.by_depth(table)
    assert wide["memory, 100 tokens"].tolist() == [1.0] * 9 + [0.5]


def test_anonymous_memory_grows_with_what_is_written_to(script):
    before = script.anonymous_bytes()
    if np.isnan(before):
        pytest.skip("only Linux tells it")
    with mmap.mmap(-1, 80_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:  # not what was freed before
        block.write(bytes(80_000_000))
        assert 70e6 < script.anonymous_bytes() - before < 200e6


def test_prose_comes_from_a_folder_of_books(script, tmp_path):
    assert script.prose(tmp_path) is None
    (tmp_path / "a.txt").write_text("One.\n\f\nTwo.")
    (tmp_path / "b.txt").write_text("Three.")
    assert script.prose(tmp_path) == "One.\n\nTwo.\n\nThree."

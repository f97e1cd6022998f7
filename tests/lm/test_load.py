"""Loading: what is taken, what is refused and in which words, and that nothing foreign is ever run."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, LlamaModel

from emcog.errors import EmcogError, ModelError, OptionError
from emcog.lm import LM, available_models, listen, load_lm


@pytest.fixture(scope="module")
def folder(make_model, word_tokenizer, tmp_path_factory):
    """A tiny model as `save_pretrained` writes it."""
    where = tmp_path_factory.mktemp("models") / "tiny"
    make_model("llama").save_pretrained(where)
    word_tokenizer().save_pretrained(where)
    return where


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def message(error, *args, **options):
    """What load_lm complains of, on one line."""
    with pytest.raises(error) as caught:
        load_lm(*args, **options)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def test_a_folder_is_loaded_as_it_was_saved(folder, llama, some_ids):
    lm = load_lm(folder)
    assert lm.name == str(folder) and lm.bos_id == 0 and lm.limit == 128 and lm.device.type == "cpu"
    assert not lm.model.training and not any(p.requires_grad for p in lm.model.parameters())
    assert lm.weight_hash == load_lm(llama).weight_hash
    assert listen(some_ids(9), lm).tokens.equals(listen(some_ids(9), llama).tokens)
    assert load_lm(str(folder), dtype="bfloat16").model.dtype == torch.bfloat16


def test_the_embedded_model_comes_by_two_names(embedded):
    assert embedded.name == "embedded" and embedded.model.dtype == torch.float32
    assert load_lm("embedded").weight_hash == embedded.weight_hash
    assert embedded.limit == 1024


def test_a_loaded_model_is_taken_as_it_is(llama):
    lm = load_lm(llama, device="auto", dtype="bfloat16")
    assert lm.model is llama and llama.dtype == torch.float32 and lm.tokenizer is None and lm.bos_id is None
    assert load_lm(lm) is lm
    assert lm.name == "LlamaForCausalLM"


def test_the_weight_hash_tells_weights_apart(make_model):
    one, other = make_model("llama"), make_model("llama")
    assert load_lm(one).weight_hash == load_lm(other).weight_hash
    with torch.no_grad():
        other.model.norm.weight[3] += 1
    assert load_lm(one).weight_hash != load_lm(other).weight_hash


def test_a_folder_without_a_model(tmp_path):
    assert "config.json" in message(ModelError, tmp_path)


def test_no_such_name(tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    said = message(ModelError, "nobody/has-this-model")
    assert "nobody/has-this-model" in said and "embedded" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("device", ["gpu", "tpu", "cuda:99", "meta", ""])
def test_an_unusable_device(device):
    assert "choose from auto, cpu" in message(OptionError, device=device)


@pytest.mark.parametrize("dtype", ["float8", "bf16", None, torch.float32])
def test_an_unknown_dtype(dtype):
    assert "choose from auto, float32, bfloat16, float16" in message(OptionError, dtype=dtype)


def test_the_nearest_name_is_suggested():
    assert "did you mean 'float32'?" in message(OptionError, dtype="float3")


@pytest.mark.parametrize("pickled", ["pytorch_model.bin", "model.bin"])
def test_pickled_weights_are_never_opened(pickled, copy, tmp_path):
    class Payload:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it-ran"),)

    (copy / "model.safetensors").unlink()
    (copy / pickled).write_bytes(pickle.dumps(Payload()))
    assert "safetensors" in message(ModelError, copy)
    assert not (tmp_path / "it-ran").exists()


def test_code_of_a_model_repository_is_not_run(copy, tmp_path):
    config = json.loads((copy / "config.json").read_text())
    config |= {
        "model_type": "never-heard-of",
        "auto_map": {"AutoConfig": "theirs.TheirConfig", "AutoModelForCausalLM": "theirs.TheirModel"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    ran = tmp_path / "it-ran"
    (copy / "theirs.py").write_text(f"import os\nos.mkdir({str(ran)!r})\n")
    message(ModelError, copy)
    assert not ran.exists()


def test_a_damaged_file(copy):
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert str(copy) in message(ModelError, copy)


def test_a_folder_without_a_tokenizer(copy):
    for file in copy.glob("tokenizer*"):
        file.unlink()
    assert "tokenizer" in message(ModelError, copy)


def test_models_that_are_no_causal_language_models(llama):
    bert = BertLMHeadModel(
        BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
                   initializer_range=0.3)
    )  # fmt: skip
    assert "tokens to come" in message(ModelError, bert)
    assert "causal language model" in message(ModelError, LlamaModel(llama.config))
    assert "causal language model" in message(ModelError, torch.nn.Linear(2, 2))


def test_a_tokenizer_without_offsets(llama):
    class Slow:
        is_fast, bos_token_id = False, None

    with pytest.raises(EmcogError, match="fast tokenizer"):
        LM(llama, Slow(), "slow").encode("w1")


def test_models_that_are_here(monkeypatch, tmp_path):
    import huggingface_hub

    first = available_models()[0]
    assert first["name"] == "embedded" and 5e6 < first["parameters"] < 15e6

    def no_cache(*_):
        raise huggingface_hub.errors.CacheNotFound("nothing", cache_dir=tmp_path)

    monkeypatch.setattr(huggingface_hub, "scan_cache_dir", no_cache)
    assert available_models() == [first]


def test_ids_reach_the_last_of_the_vocabulary(llama):
    assert np.isfinite(listen([100, 100, 100], llama)["surprisal"][1:]).all()

"""A listening pass that is interrupted and goes on: the same numbers, to the last bit, and nothing else is trusted."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from emcog.lm import LM, journal, listen
from emcog.lm.journal import Journal

SIGNALS = ["surprisal", "entropy", "bayesian_surprise"]
CHUNK = 16


class Stopped(Exception):  # noqa: N818
    """As if the process had ended."""


@pytest.fixture
def hear(some_ids, tmp_path):
    """hear(model, stop=None, ...) -> signals of 300 tokens with a journal; raises Stopped after `stop` tokens."""

    def go(model, stop=None, identity=None, folder=tmp_path / "kept", every_s=0.0, n=300, lm=None, **options):
        read = go.read = []

        def progress(done, total):
            read.append(done)
            if stop is not None and done >= stop:
                raise Stopped

        kept = None if folder is None else Journal(folder, identity or {}, every_s=every_s)
        options = {"chunk": CHUNK, "n_local": 40} | options
        lm = lm or LM(model, None, "tiny")
        heard = listen(some_ids(n), lm, progress=progress, journal=kept, **options)
        return heard.tokens[SIGNALS].to_numpy()

    return go


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("stops", [[CHUNK], [160], [290], [48, 80, 192, 288]])
def test_an_interrupted_pass_goes_on_to_the_same_bits(hear, request, kind, stops):
    model = request.getfixturevalue(kind)
    whole = hear(model, folder=None)
    for stop in stops:
        with pytest.raises(Stopped):
            hear(model, stop)
    found = hear(model)
    assert found.tobytes() == whole.tobytes()
    assert len(hear.read) < (300 - max(stops)) / CHUNK + 3  # nothing was read twice


def test_a_pass_that_was_finished_is_not_repeated(hear, llama):
    whole = hear(llama)
    assert hear(llama).tobytes() == whole.tobytes()
    assert hear.read == []


def test_a_short_text_leaves_no_folder(hear, llama, tmp_path):
    hear(llama, every_s=60.0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["identity", "settings", "ids", "model"])
def test_what_belongs_to_something_else_is_thrown_away(hear, llama, make_model, tmp_path, change):
    with pytest.raises(Stopped):
        hear(llama, 160, identity={"gamma": 1.0})
    options = {"identity": {"gamma": 1.0}}
    model = llama
    if change == "identity":
        options["identity"] = {"gamma": 2.0}
    elif change == "settings":
        options["n_local"] = 39
    elif change == "ids":
        options["n"] = 299
    else:
        model = make_model("llama", num_hidden_layers=3)
    found = hear(model, **options)
    assert hear.read[0] == CHUNK
    assert found.tobytes() == hear(model, folder=None, **options).tobytes()


def spoil(path, how):
    content = path.read_bytes()
    if how == "lost":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:-1])
    elif how == "header":
        path.write_bytes(b"\xff" * 8 + content[8:])
    else:
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])


@pytest.mark.parametrize("what", ["state-160", "signals-144-160"])
@pytest.mark.parametrize("how", ["lost", "cut", "header", "a bit"])
def test_what_is_damaged_is_never_used(hear, llama, tmp_path, what, how):
    whole = hear(llama, folder=None)
    with pytest.raises(Stopped):
        hear(llama, 160)
    # BOS is not counted here, so states lie at whole chunks.
    spoil(tmp_path / "kept" / f"{what}.safetensors", how)
    assert hear(llama).tobytes() == whole.tobytes()
    assert hear.read[0] == CHUNK


def test_killed_between_two_files_the_state_before_counts(hear, llama, tmp_path):
    with pytest.raises(Stopped):
        hear(llama, 144)
    before = {p.name: p.read_bytes() for p in (tmp_path / "kept").iterdir()}
    with pytest.raises(Stopped):
        hear(llama, 160)
    (tmp_path / "kept" / "state-160.safetensors").unlink()
    for name, content in before.items():
        (tmp_path / "kept" / name).write_bytes(content)
    assert hear(llama).tobytes() == hear(llama, folder=None).tobytes()


def test_only_the_last_state_is_kept_and_signals_are_written_once(hear, llama, tmp_path):
    with pytest.raises(Stopped):
        hear(llama, 240)
    names = sorted(p.name for p in (tmp_path / "kept").iterdir())
    assert [name for name in names if name.startswith("state")] == ["state-240.safetensors"]
    spans = sorted(tuple(map(int, name[8:-12].split("-"))) for name in names if name.startswith("signals"))
    assert [a for a, _ in spans] == [0, *[b for _, b in spans[:-1]]] and spans[-1][1] == 240
    with safe_open(tmp_path / "kept" / "state-240.safetensors", "pt") as file:
        assert json.loads(file.metadata()["plain"])["read"] == 240


def test_of_two_at_once_one_keeps_the_journal(hear, llama, tmp_path):
    (tmp_path / "kept").mkdir()
    other = Journal(tmp_path / "kept", {})
    assert other._hold()
    whole = hear(llama)
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == [journal.LOCK]
    assert whole.tobytes() == hear(llama, folder=None).tobytes()


def test_what_is_spoiled_here_would_be_read_otherwise(tmp_path):
    packed = journal._packed({"a": torch.arange(5), "b": torch.zeros(0)}, {"x": [1]})
    (tmp_path / "x").write_bytes(packed)
    tensors, plain = journal._unpacked(tmp_path / "x")
    assert plain == {"x": [1]} and np.array_equal(tensors["a"], np.arange(5)) and tensors["b"].shape == (0,)


def test_what_was_kept_goes_to_the_devices_of_the_layers(hear, llama):
    """One layer lies on torch's meta device, where an operation that mixes devices is an error."""
    import copy

    with pytest.raises(Stopped):
        hear(llama, 160)
    spread = copy.deepcopy(llama)
    layer = spread.model.layers[1].to("meta")

    def move(value):
        return value.to("meta") if isinstance(value, torch.Tensor) else value

    def there(module, args, kwargs):
        moved = {name: tuple(map(move, v)) if isinstance(v, tuple) else move(v) for name, v in kwargs.items()}
        return tuple(map(move, args)), moved

    layer.register_forward_pre_hook(there, with_kwargs=True)
    layer.register_forward_hook(lambda module, args, output: torch.zeros(output.shape, dtype=output.dtype))
    lm = LM(spread, None, "tiny")
    lm.__dict__["weight_hash"] = LM(llama, None, "tiny").weight_hash  # as if it were the same model
    with pytest.raises(Stopped):
        hear(spread, 240, lm=lm, every_s=1e9)  # nothing could be saved from that device
    assert hear.read[0] == 160 + CHUNK

"""Episodic memory on a CUDA device: in float32 the CPU's numbers, nothing waited for, nothing that grows."""

import numpy as np
import pytest
import torch

from emcog.memory import EpisodicLM, MemoryConfig
from emcog.memory.recording import Recorder

pytestmark = pytest.mark.filterwarnings("error:.*cannot be recorded.*:UserWarning")
SMALL = {"n_init": 4, "n_local": 64, "n_mem": 48, "chunk": 16, "min_event": 2, "max_event": 12, "window": 64}
TIERS = [
    {"tier": "accelerator"}, {"tier": "host"}, {"tier": "file"}, {"tier": "host", "budget": {"accelerator": 60_000}},
    {"tier": "file", "budget": {"accelerator": 60_000, "host": 200_000}},
]  # fmt: skip


def read(lm, ids, **settings):
    memory = EpisodicLM(lm, MemoryConfig(**SMALL | settings))
    return memory, memory.read(ids)["surprisal"].to_numpy()[1:]


def same_share(ours, theirs):
    keys = ["step", "layer", "event"]
    common = ours[keys].merge(theirs[keys])
    return len(common) / max(len(ours), len(theirs))


@pytest.mark.parametrize("settings", [
    {"segmentation": "S"}, {"segmentation": "SM"}, {"segmentation": "SC"}, {"segmentation": "F"}, {"chunk": 61},
    {"representative": "mean"}, {"representative": "all"}, {"policy": "recency"}, {"policy": ["random", "similarity"]},
    {"storage": "8bit"}, {"compat": "reference"}, {"n_init": 0, "contiguity": 0}, {"chunk": 7},
])  # fmt: skip
def test_float32_gives_the_cpu_s_numbers(settings, tiny, some_ids):
    ids = some_ids(900)
    ours, bits = read(tiny("cuda"), ids, **settings)
    theirs, wanted = read(tiny("cpu"), ids, **settings)
    share = same_share(ours.recalls, theirs.recalls) if len(theirs.recalls) else 1.0
    gap = np.abs(bits - wanted)
    print(f"{settings}: largest difference {gap.max():.1e} bits, same recalls {share:.4f}")
    if settings.get("storage") == "8bit":
        # A number on the edge between two of 255 steps falls either way: as much as storage itself costs, no more.
        _, whole = read(tiny("cpu"), ids, **settings | {"storage": "full"})
        assert gap.mean() < np.abs(wanted - whole).mean() and share > 0.95
        return
    assert share > 0.995
    # A recall that ties fall otherwise for may move a few tokens.
    assert np.quantile(gap, 0.99) < 1e-3 and (share < 1 or gap.max() < 1e-3)
    columns = ["start_token", "end_token"]
    assert ours.events[columns].equals(theirs.events[columns])
    new = [m.generate(max_new_tokens=20, do_sample=False, eos_token_id=None).tolist() for m in (ours, theirs)]
    assert new[0] == new[1]


@pytest.mark.parametrize(("kind", "config"), [
    ("mistral", {"sliding_window": None}), ("qwen3", {"head_dim": 16}),
    ("smollm3", {"num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]}),
    ("gemma2", {"num_hidden_layers": 4, "head_dim": 16, "sliding_window": 16, "attn_logit_softcapping": 5.0,
                "query_pre_attn_scalar": 12}),
])  # fmt: skip
def test_architectures(kind, config, tiny, some_ids):
    ids = some_ids(400)
    ours, bits = read(tiny("cuda", kind=kind, **config), ids)
    theirs, wanted = read(tiny("cpu", kind=kind, **config), ids)
    assert same_share(ours.recalls, theirs.recalls) > 0.99
    assert np.quantile(np.abs(bits - wanted), 0.99) < 1e-3
    half, _ = read(tiny("cuda", torch.bfloat16, kind=kind, **config), ids)
    assert len(half.recalls)


def test_the_embedded_lm_answers_alike(embedded, story):
    config = MemoryConfig(n_init=16, n_local=256, n_mem=256, chunk=128, representative="all")
    found = []
    for device in ("cuda", "cpu"):
        memory = EpisodicLM(embedded(device), config)
        bits = memory.read(story[:9000])["surprisal"].to_numpy()
        found.append((bits, memory.events, memory.recalls, memory.ask("Who wrote the letter?")))
    ours, theirs = found
    assert np.nanmax(np.abs(ours[0] - theirs[0])) < 1e-3 * 1.443
    assert ours[1]["start_token"].equals(theirs[1]["start_token"])
    assert same_share(ours[2], theirs[2]) > 0.999
    assert ours[3] == theirs[3]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("settings", [{}, {"storage": "8bit"}, {"tier": "host"}, {"representative": "all"}])
def test_half_precision(dtype, settings, tiny, some_ids):
    _, whole = read(tiny("cuda"), some_ids(500), **settings)
    memory, bits = read(tiny("cuda", dtype), some_ids(500), **settings)
    assert np.isfinite(bits).all() and abs(bits.mean() - whole.mean()) < 0.3
    assert len(memory.recalls)
    assert len(memory.generate(max_new_tokens=8, do_sample=False, eos_token_id=None)) == 8


@pytest.mark.parametrize("storage", ["full", "8bit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_tiers_give_the_same_bits(storage, dtype, tiny, some_ids):
    lm, found = tiny("cuda", dtype), []
    for tier in TIERS:
        memory, bits = read(lm, some_ids(700), storage=storage, **tier)
        new = memory.fork().generate(max_new_tokens=6, do_sample=False, eos_token_id=None)
        alone = torch.cat(one_by_one(memory.reader, some_ids(40))).float().cpu()
        found.append((np.append(bits, alone), memory.recalls, new))
    for bits, recalls, new in found[1:]:
        assert (bits == found[0][0]).all() and recalls.equals(found[0][1]) and (new == found[0][2]).all()


def test_choosing_on_the_device_and_on_the_host_give_the_same_bits(tiny, some_ids):
    lm, found = tiny("cuda"), []
    for device in (True, False):
        memory = EpisodicLM(lm, MemoryConfig(**SMALL | {"n_local": 128}))
        memory.reader.chooses = memory.reader.waits = device
        table = memory.read(some_ids(900))
        found.append((table["surprisal"].to_numpy()[1:], memory.recalls, memory.events))
    assert found[0][1].equals(found[1][1]) and found[0][2].equals(found[1][2])
    assert np.abs(found[0][0] - found[1][0]).max() < 1e-4


@pytest.fixture
def recorded(monkeypatch):
    """How often a step was recorded meanwhile."""
    count, record = [], Recorder._record
    monkeypatch.setattr(Recorder, "_record", lambda self, work: count.append(1) or record(self, work))
    return count


@torch.no_grad()
def one_by_one(reader, ids):
    with reader.attention():
        return [reader.forward(ids[k : k + 1]) for k in range(len(ids))]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("settings", [
    {"segmentation": "S"}, {"segmentation": "SM", "n_local": 96}, {"contiguity": 0}, {"representative": "mean"},
    {"policy": ["none", "similarity"]}, {"n_mem": 0},
])  # fmt: skip
def test_a_recorded_step_gives_the_same(dtype, settings, tiny, recorded):
    check_steps(tiny("cuda", dtype), dtype, settings, recorded)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("kind", "config"), [
    ("smollm3", {"num_hidden_layers": 4, "no_rope_layers": [1, 0, 1, 0]}),
    ("gemma2", {"num_hidden_layers": 4, "head_dim": 16, "sliding_window": 16, "attn_logit_softcapping": 5.0}),
])  # fmt: skip
def test_a_recorded_step_gives_the_same_in_other_models(dtype, kind, config, tiny, recorded):
    check_steps(tiny("cuda", dtype, kind=kind, **config), dtype, {}, recorded)


def check_steps(lm, dtype, settings, recorded):
    # Nothing comes back, so that no scores are equal.
    ids, found = np.random.default_rng(9).integers(3, 101, 900), []
    for replays in (False, True):
        memory = EpisodicLM(lm, MemoryConfig(**SMALL | settings))
        reader = memory.reader
        reader.replays = replays
        memory.read(ids[:500])
        logits = one_by_one(reader, ids[500:640])
        reader.read_chunk(ids[640:656])
        fork = memory.fork()
        for one in (reader, fork.reader, reader):
            logits += one_by_one(one, ids[656:720])
        reader.settle()
        found.append((torch.cat(logits).float(), memory.recalls, fork.recalls, reader.starts.rows))
        assert len(recorded) >= 6 if replays else not recorded
    gap = (found[0][0] - found[1][0]).abs()
    share = min(same_share(found[0][k], found[1][k]) if len(found[0][k]) else 1.0 for k in (1, 2))
    print(f"{dtype} {settings}: largest difference {float(gap.max()):.1e}, mean {float(gap.mean()):.1e}, {share:.4f}")
    if dtype == torch.float32:
        assert share == 1 and gap.max() < 1e-3
        np.testing.assert_array_equal(found[0][3], found[1][3])
    else:
        assert share > 0.9 and gap.mean() < 0.1 * found[0][0].std()


def test_generation_replays_its_steps(tiny, some_ids, recorded):
    lm, found = tiny("cuda"), []
    for replays in (False, True):
        memory = EpisodicLM(lm, MemoryConfig(**SMALL))
        memory.reader.replays = replays
        memory.read(some_ids(400))
        new = memory.generate(some_ids(30), max_new_tokens=50, do_sample=False, eos_token_id=None)
        found.append(new.tolist())
    assert found[0] == found[1] and recorded


@pytest.mark.parametrize("watched", [True, False])
def test_a_model_whose_steps_cannot_be_recorded_goes_on(watched, tiny, some_ids, monkeypatch):
    lm, ids = tiny("cuda"), some_ids(430)
    memory = EpisodicLM(lm, MemoryConfig(**SMALL))
    memory.read(ids[:400])
    usual = memory.fork()
    usual.reader.replays = False
    if not watched:  # the recording itself fails then
        monkeypatch.setattr(Recorder, "_watch", lambda self, work: work())
    layer = lm.model.model.layers[1]
    own = layer.forward
    monkeypatch.setattr(layer, "forward", lambda x, *a, **k: x.sum().item() * 0 + own(x, *a, **k))
    with pytest.warns(UserWarning, match="cannot be recorded"):
        ours = torch.cat(one_by_one(memory.reader, ids[400:430]))
    monkeypatch.undo()
    assert torch.randn(3, device="cuda").isfinite().all()  # random numbers go on
    torch.testing.assert_close(ours, torch.cat(one_by_one(usual.reader, ids[400:430])), atol=1e-3, rtol=0)
    other = EpisodicLM(lm, MemoryConfig(**SMALL))  # and so do other recordings
    other.read(ids[:400])
    assert len(other.generate(max_new_tokens=30, do_sample=True, eos_token_id=None)) == 30


def test_a_saved_memory_goes_on(tiny, some_ids, tmp_path):
    lm, ids = tiny("cuda"), some_ids(600)
    memory, _ = read(lm, ids)
    memory.save(tmp_path / "m")
    wanted = memory.read(ids[:200])["surprisal"].to_numpy()
    again = EpisodicLM.load(tmp_path / "m", lm)
    np.testing.assert_allclose(again.read(ids[:200])["surprisal"].to_numpy(), wanted, atol=1e-4)
    assert again.recalls.equals(memory.recalls)


def test_attached_to_plain_transformers_code(tiny, some_ids):
    lm, ids = tiny("cuda"), some_ids(500)
    memory, _ = read(lm, ids)
    wanted = memory.fork().generate(ids[:40], max_new_tokens=6, do_sample=False, eos_token_id=None)
    with memory.attach():
        given = torch.from_numpy(ids[:40])[None].cuda()
        new = lm.model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=6, do_sample=False, eos_token_id=None
        )
    assert new[0, 40:].tolist() == wanted.tolist()


class Watched:
    """An attention function in which whatever waits for the device is an error."""

    def __init__(self, inner):
        self.inner = inner

    def __call__(self, *args, **kwargs):
        torch.cuda.set_sync_debug_mode("error")
        try:
            return self.inner(*args, **kwargs)
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("settings", [{}, {"segmentation": "S"}, {"representative": "mean"}, {"policy": "recency"}])
def test_no_layer_waits_for_the_device(dtype, settings, tiny, some_ids):
    memory, _ = read(tiny("cuda", dtype), some_ids(400), **settings)
    reader, ids = memory.reader, some_ids(400)
    reader._attention = Watched(reader._attention)
    for start in range(0, 320, 16):
        reader.read_chunk(ids[start : start + 16])
    reader.settle()
    assert memory.recalls["step"].max() == reader.step - 1


@pytest.mark.parametrize("tier", [{"tier": "host"}, {"tier": "host", "budget": {"accelerator": 100_000}}])
def test_device_memory_does_not_grow(tier, tiny, some_ids):
    ids = some_ids(20_000)
    memory = EpisodicLM(tiny("cuda", torch.bfloat16), MemoryConfig(**SMALL | {"chunk": 64}, **tier))
    used = []
    for start in (0, 5000, 10_000, 15_000):
        memory.read(ids[start : start + 5000])
        index = sum(len(m.index._blocks) * m.index._blocks[0].nbytes for m in memory.reader.layers.values())
        used.append(torch.cuda.memory_allocated() - index)
    print(f"bytes on the device without the index, after each 5,000 tokens: {used}")
    assert max(used[1:]) < 1.05 * used[1]

"""Where keys and values lie changes no number; budgets hold; 8 bits lose little."""

import os

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from emcog.errors import OptionError, StorageError
from emcog.memory.growing import Growing
from emcog.memory.log import TieredRows
from emcog.memory.rows import GROUP, ByteRows, FullRows, Shape
from emcog.memory.tiers import ArenaTier

CPU = torch.device("cpu")
TIERS = [
    {"tier": "accelerator"},
    {"tier": "host"},
    {"tier": "file"},
    {"tier": "host", "budget": {"accelerator": 20_000}},
    {"tier": "file", "budget": {"accelerator": 20_000, "host": 60_000}},
]


@pytest.mark.parametrize("storage", ["full", "8bit"])
def test_all_tiers_give_the_same_bits(storage, make_memory, some_ids):
    found = []
    for tier in TIERS:
        memory = make_memory(storage=storage, **tier)
        table = memory.read(some_ids(220))
        new = memory.fork().generate(max_new_tokens=4, do_sample=False)
        found.append((table["surprisal"].to_numpy()[1:], memory.recalls, new))
    for surprisal, recalls, new in found[1:]:
        assert (surprisal == found[0][0]).all()
        assert recalls.equals(found[0][1])
        assert (new == found[0][2]).all()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_come_back_from_whichever_tier(data):
    budget = data.draw(st.sampled_from([{}, {"accelerator": 12 * 8}, {"accelerator": 12 * 5, "host": 12 * 20}]))
    rows = TieredRows(3, torch.float32, CPU, "file", budget)
    written = np.empty((0, 3), np.float32)
    base = None
    for step in range(data.draw(st.integers(1, 8))):
        new = np.random.default_rng(step).normal(size=(data.draw(st.integers(1, 12)), 3)).astype(np.float32)
        if written.size and data.draw(st.booleans()):  # a chunk that failed half-way
            rows.write(len(written), torch.from_numpy(-new))
            rows.count = len(written)
        rows.write(len(written), torch.from_numpy(new))
        written = np.concatenate([written, new])
        if data.draw(st.booleans()):
            base = (rows, len(written))
            own = TieredRows(3, torch.float32, CPU, "file", budget)
            rows = rows.fork(own)
        index = np.sort(data.draw(st.lists(st.integers(0, len(written) - 1), max_size=20))).astype(np.int64)
        np.testing.assert_array_equal(rows.gather(index).numpy(), written[index])
    if base is not None:
        base[0].write(base[1], torch.full((4, 3), 7.0))  # the one before goes its own way
        np.testing.assert_array_equal(rows.gather(np.arange(len(written))).numpy(), written)


def test_a_ring_keeps_no_more_than_its_budget():
    tier = ArenaTier(4, torch.float32, CPU, capacity=10)
    tier.write(0, torch.arange(100.0).reshape(25, 4))
    assert tier._rows.shape == (10, 4)
    np.testing.assert_array_equal(tier.gather(np.array([15, 24]))[:, 0], [60, 96])


def test_a_budget_is_kept(make_memory, some_ids):
    memory = make_memory(tier="host", budget=40_000)
    with pytest.raises(StorageError, match="budget for tier 'host' is used up"):
        memory.read(some_ids(400))
    memory = make_memory(tier="file", budget=40_000)
    with pytest.raises(StorageError, match="budget of 20,000 bytes a layer"):
        memory.read(some_ids(400))
    with pytest.raises(OptionError, match="hold no row"):
        make_memory(tier="host", budget={"accelerator": 8})


def test_eight_bits_lose_little(make_memory, some_ids):
    """The error of a key is at most half a step of its channel in its group, that of a value of its own."""
    torch.manual_seed(0)
    shape = Shape(2, 8, 6, torch.float32, CPU)
    key, value = torch.randn(1, 2, GROUP, 8) * torch.logspace(-1, 2, 8), torch.randn(1, 2, GROUP, 6)
    code = ByteRows(shape)
    scales = code.key_scales(key)
    got_key, got_value = code.decode(code.encode(key, value, scales), scales.expand(GROUP, -1))
    step = (key.amax(2) - key.amin(2)) / 255
    assert ((got_key - key).abs() <= step[:, :, None] * 0.501).all()
    step = (value.amax(-1) - value.amin(-1)) / 255
    assert ((got_value - value).abs() <= step[..., None] * 0.501).all()
    assert code.width < 0.4 * FullRows(shape).width * 4

    full, eight = (make_memory(storage=s).read(some_ids(400))["surprisal"].to_numpy() for s in ("full", "8bit"))
    assert (full[1:33] == eight[1:33]).all()
    assert 0 < np.abs(full - eight)[1:].mean() < 0.05


def test_the_file_tier_takes_no_anonymous_memory(make_memory, some_ids):
    memory = make_memory(tier="file")
    memory.read(some_ids(600))
    for layer in memory.reader.log.layers.values():
        assert [type(tier).__name__ for tier in layer.rows._tiers] == ["FileTier"]
        assert layer.rows._tiers[0].file.size == 599 * layer.code.width * 4


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file has a name")
def test_what_is_in_files_leaves_nothing_behind_however_the_process_ends(make_memory, some_ids, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    memory = make_memory(tier="file")
    memory.read(some_ids(300))
    memory.fork().read(some_ids(50))
    assert list(tmp_path.iterdir()) == []


def test_forks_share_and_part(make_memory, some_ids):
    memory = make_memory()
    memory.read(some_ids(200))
    before = memory.fork()
    wanted = make_memory()
    wanted.read(some_ids(200))
    memory.read(some_ids(150))
    first = before.read(some_ids(70))["surprisal"].to_numpy()
    assert (first == wanted.read(some_ids(70))["surprisal"].to_numpy()).all()
    assert before.events.equals(wanted.events)
    assert memory.n_tokens == 350 and before.n_tokens == 270
    again = before.fork().fork()
    assert (again.generate(max_new_tokens=4) == before.generate(max_new_tokens=4)).all()


@pytest.mark.parametrize("in_file", [False, True])
def test_columns_grow_and_part(in_file):
    column, wanted = Growing(np.int64, in_file), np.empty(0, np.int64)
    assert len(column.rows) == 0
    for n in (1, 0, 100, 3, 5000):
        new = np.arange(n) + len(wanted)
        column.extend(new)
        wanted = np.concatenate([wanted, new])
        np.testing.assert_array_equal(column.rows, wanted)
    twin = column.copy()
    column.keep_below(50)
    column.extend([7, 8])
    np.testing.assert_array_equal(column.rows, [*range(50), 7, 8])
    twin.extend([1])
    np.testing.assert_array_equal(twin.rows, [*wanted, 1])

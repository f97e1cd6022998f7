"""The local window: buffers that are written behind, move to the front when they are full, and are shared by forks."""

import resource

import numpy as np
import pytest
import torch

from emcog.memory.local import LocalCache, Window

REACH, ROOM = 10, 8


class Shift:
    """Stands for a rotation: adds the position, so that distances show."""

    origin = 7

    def both(self, queries, keys, start):
        return self(queries, start), self(keys, start)

    def __call__(self, states, start):
        return states + torch.arange(start, start + states.shape[2])[:, None]


def chunk(rng, n):
    return torch.from_numpy(rng.normal(size=(1, 2, n, 3)).astype(np.float32))


@pytest.mark.parametrize("sizes", [[1] * 60, [4] * 12, [3, 8, 1, 1, 7, 2, 8, 8, 5, 1]])
def test_the_window_is_what_was_pushed_last_at_increasing_places(sizes):
    rng, window, turn = np.random.default_rng(0), Window(REACH, ROOM), Shift()
    all_keys = torch.empty(1, 2, 0, 3)
    for n in sizes:
        key = chunk(rng, n)
        near = window.push(key[:, :1], key, 2 * key, turn)
        all_keys = torch.cat([all_keys, key], 2)
        past = min(REACH - 1, all_keys.shape[2] - n)
        torch.testing.assert_close(near.raw, all_keys[:, :, -past - n :])
        torch.testing.assert_close(near.value, 2 * near.raw)
        places = (near.key - near.raw)[0, 0, :, 0]
        assert (places.diff() - 1).abs().max() < 1e-5 if len(places) > 1 else True
        assert round(float(places[-1])) < REACH - 1 + ROOM
        torch.testing.assert_close((near.query - key[:, :1])[0, 0, :, 0], places[-n:])
        window.commit(n)


def test_a_chunk_that_fails_leaves_no_trace_and_forks_part():
    rng, window, turn = np.random.default_rng(1), Window(REACH, ROOM), Shift()
    first, lost, then, other = (chunk(rng, n) for n in (7, 8, 8, 5))
    window.push(first, first, first, turn)
    window.commit(7)
    window.push(lost, lost, lost, turn)  # not committed; the buffers moved on the way or not
    twin = window.fork()
    a, b = window.push(then, then, then, turn), twin.push(other, other, other, turn)
    torch.testing.assert_close(a.raw, torch.cat([first, then], 2))
    torch.testing.assert_close(b.raw, torch.cat([first, other], 2))


def test_a_window_that_was_filled_again_has_the_same_places():
    rng, window, turn = np.random.default_rng(2), Window(REACH, ROOM), Shift()
    for n in (8, 8, 3):
        window.push(key := chunk(rng, n), key, key, turn)
        window.commit(n)
    again = Window(REACH, ROOM)
    again.fill(*(x.clone() for x in window.pair), window.start)
    for n in (6, 8):
        key = chunk(rng, n)
        one, other = (w.push(key, key, key, turn) for w in (window, again))
        for x, y in zip(one[:4], other[:4], strict=True):
            assert torch.equal(x, y)
        window.commit(n)
        again.commit(n)


def test_positions_stay_below_what_the_cache_says():
    assert LocalCache({0: 10, 1: 64}, chunk=50).places == 63 + 200


def test_one_token_at_a_time_is_as_good_as_chunks(make_memory, some_ids):
    settings = {"policy": "none", "segmentation": "F", "n_init": 0, "max_event": 4, "min_event": 1}
    ids = some_ids(300)
    by_chunk, by_token = make_memory(**settings), make_memory(**settings, chunk=1)
    a, b = (memory.read(ids)["surprisal"].to_numpy() for memory in (by_chunk, by_token))
    # Beyond the window a chunk's later queries still see, afar, what leaves it before the next chunk.
    np.testing.assert_allclose(a[1:33], b[1:33], atol=1e-4)
    for memory in (by_chunk, by_token):
        assert all(window.stop <= memory.reader.cache.places for window in memory.reader.cache.windows.values())


def test_room_that_is_not_used_takes_no_memory():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    window, key = Window(4_000_000, 4096), torch.ones(1, 1, 3, 16)
    window.push(key, key, key, None)
    window.commit(3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB; three times 256 MB are laid out

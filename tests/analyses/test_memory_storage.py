import runpy

import numpy as np
import pytest

from emcog.lm import load_lm
from emcog.paths import data_folder


def test_eight_bits_take_less_room_and_lose_little():
    compare = runpy.run_path(str(data_folder("analyses") / "memory_storage.py"))["compare"]
    lm = load_lm(device="cpu", dtype="float32")
    table = compare(
        lm, np.tile(lm.encode("Anna hid the key in the well. The miller saw her, and said nothing. ")[0], 30)
    )
    assert table.storage.tolist() == ["full", "8bit"]
    # 2 heads of 64: 256 floats a layer; 8 bits: 256 bytes, 16 for the values' scales, 1,024 / 64 * 1 for the keys'.
    assert table.bytes_per_token.tolist() == [8 * 1024, pytest.approx(8 * (256 + 16 + 2 * 128 * 4 / 64))]
    assert table.difference[0] == table.absolute[0] == 0
    assert 0 < table.absolute[1] < 0.1
    assert table.same_recalls[1] > 0.5

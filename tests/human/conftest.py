"""Real data where they lie beside the checkout; a folder of the Kumar/Michelmann release, made small."""

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

SHARED = Path(__file__).parents[3] / "shared" / "human"


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """No test looks at, or writes into, the user's own cache and data."""
    monkeypatch.setenv("EMCOG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMCOG_DATA", raising=False)


@pytest.fixture
def shared_human(monkeypatch):
    if not SHARED.is_dir():
        pytest.skip("real human data are not beside this checkout (../shared/human)")
    monkeypatch.setenv("EMCOG_DATA", os.fspath(SHARED))
    return SHARED


def cells(words):
    out = np.empty((len(words), 1), dtype=object)
    for i, word in enumerate(words):
        out[i, 0] = np.array([word])
    return out


WORDS = ["I", "began", "wanna", "go", "home", "It", "rained"]


@pytest.fixture
def release(tmp_path):
    """<Story>/sourcedata for Pieman (2 people, 2 runs), Tunnel (3 people) and Monkey (2 to 3 people a part)."""
    root = tmp_path / "GPT_event_share"
    onset = np.arange(7)[:, None] * 0.5
    for story, suffix in (("Pieman", "_b"), ("Tunnel", "")):
        source = root / story / "sourcedata"
        source.mkdir(parents=True)
        savemat(source / "words.mat", {f"words{suffix}": cells(WORDS)})
        savemat(source / "word_onsets.mat", {f"onsets{suffix}": onset})
        savemat(source / "word_offsets.mat", {f"offsets{suffix}": onset + 0.4})
        (root / story / f"{story}Clean.txt").write_text("\ufeffI began, wanna go home. It rained!", encoding="utf-8")
    pie, tunnel = root / "Pieman" / "sourcedata", root / "Tunnel" / "sourcedata"
    for run, samples in ((1, [(0, 1000), (1, 2000), (1, 2001), (1, 3000)]), (2, [(0, 1500)])):
        values = np.zeros((2, 4000))
        for person, sample in samples:
            values[person, sample] = 1
        savemat(pie / f"alldata_run{run}.mat", {f"alldata_run{run}": values})
        (pie / f"PiemanBoundsRun{run}.txt").write_text("\ufeff1100\n2600\n" if run == 1 else "1500\n", encoding="utf-8")
    values = np.zeros((3, 40))
    values[0, 12] = values[1, 13] = 1
    savemat(tunnel / "alldata.mat", {"alldata": values})
    (tunnel / "TunnelBounds.txt").write_text("1250\n")
    return root

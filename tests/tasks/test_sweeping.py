import numpy as np
import pandas as pd
import pytest

from emcog.errors import OptionError
from emcog.memory import MemoryConfig
from emcog.tasks import rates, sweep

SMALL = {"n_init": 4, "n_local": 64, "n_mem": 48, "chunk": 32, "min_event": 2, "max_event": 16}


def test_a_sweep_is_one_row_a_question_and_the_same_trials_for_all(tiny):
    steps = []
    table = sweep(
        [100, 200], [0.2, 0.7], tasks=["pass_key", "several_keys"], models=tiny, configs=MemoryConfig(**SMALL),
        seed=4, n_distractors=2, progress=lambda done, total: steps.append((done, total)),
    )  # fmt: skip
    # Readings: two a length for pass_key (one a depth), one for several_keys, each with memory and without.
    assert steps == [(i + 1, 12) for i in range(12)]
    assert len(table) == 2 * (2 + 2) * 2
    assert list(table.columns) == [
        "model", "config", "task", "length", "n_tokens", "trial", "seed", "read_s", "depth", "distance", "answer",
        "said", "correct", "log2_p", "margin", "chosen", "recalled",
    ]  # fmt: skip
    with_memory, alone = (table[table.config == name].reset_index(drop=True) for name in ("memory", "window"))
    same = ["task", "length", "n_tokens", "seed", "depth", "distance", "answer"]
    pd.testing.assert_frame_equal(with_memory[same], alone[same])
    assert (alone.recalled == 0).all()
    assert with_memory[with_memory.distance > 100].recalled.gt(0).any()
    assert (table.read_s > 0).all()


def test_models_and_settings_by_name(tiny):
    configs = {"recency": MemoryConfig(**SMALL, policy="recency")}
    table = sweep([80], [0.5], models={"small": tiny}, configs=configs, n_trials=2, n_distractors=1)
    assert table[["model", "config", "trial", "seed"]].to_numpy().tolist() == [
        ["small", "recency", 0, 0], ["small", "recency", 1, 1],
    ]  # fmt: skip
    assert table.answer.nunique() == 2


def test_rates_count_and_have_wilsons_interval():
    table = pd.DataFrame(
        {"config": ["a"] * 100 + ["b"] * 2, "correct": [True] * 95 + [False] * 5 + [False] * 2, "chosen": True,
         "log2_p": -1.0, "margin": 2.0, "recalled": 0.5}
    )  # fmt: skip
    found = rates(table, by=["config"]).set_index("config")
    assert found.n.tolist() == [100, 2]
    assert found.correct.tolist() == [0.95, 0]
    # By hand: (p + z2/2n -+ z sqrt(p(1-p)/n + z2/4n2)) / (1 + z2/n), z = 1.959964.
    np.testing.assert_allclose(found.loc["a", ["ci_low", "ci_high"]].astype(float), [0.888248, 0.978464], atol=1e-5)
    assert found.chosen.tolist() == [1, 1]
    assert found.recalled.tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tasks": "passkey"}, "unknown task"),
        ({"lengths": []}, "at least one"),
        ({"n_trials": 0}, "n_trials must be"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_a_model_reads(tiny, change, said):
    with pytest.raises(OptionError, match=said):
        sweep(**{"lengths": [100], "depths": [0.5], "models": tiny} | change)


def test_two_models_of_one_name_need_names(tiny):
    with pytest.raises(OptionError, match="mapping"):
        sweep([100], [0.5], models=[tiny, tiny])

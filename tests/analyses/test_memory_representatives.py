import runpy

from emcog.memory import MemoryConfig
from emcog.paths import data_folder


def test_each_setting_gets_the_same_questions(monkeypatch):
    monkeypatch.syspath_prepend(data_folder("analyses"))
    measure = runpy.run_path(str(data_folder("analyses") / "memory_representatives.py"))["measure"]
    small = {"n_init": 16, "n_local": 256, "n_mem": 256, "chunk": 128}
    settings = {"all": MemoryConfig(**small, representative="all"), "window": MemoryConfig(**small, policy="none")}
    for name, value in {"TASKS": ("several_keys",), "DEPTHS": (0.1, 0.4), "CONFIGS": settings}.items():
        monkeypatch.setitem(measure.__globals__, name, value)
    table = measure(900, 1)
    assert table["setting"].tolist() == ["all", "window"] and (table["n"] == 2).all()
    assert table["several_keys"][0] > table["several_keys"][1]

"""Whatever bytes stand where emcog's own files should: they are read, or answered with one line."""

import json
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from emcog.batch import read_plan
from emcog.batch.computes import COMPUTES
from emcog.batch.store import Store
from emcog.errors import EmcogError
from emcog.segmentation import Segmentation, check_destination

# EMCOG_FUZZ=20000 pytest tests/robustness --hypothesis-profile=default --hypothesis-seed=1   (make campaign)
FUZZ = settings(
    max_examples=int(os.environ.get("EMCOG_FUZZ", "40")), deadline=None, suppress_health_check=list(HealthCheck)
)


def one_line_at_most(read):
    try:
        return read()
    except EmcogError as error:
        assert str(error).strip()
        assert "\n" not in str(error)
        str(error).encode()
        return None


def spoiled(draw, content):
    """Bytes with a stretch of them replaced, cut out or doubled."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 60)))
    new = draw(
        st.one_of(st.binary(max_size=20), st.sampled_from([b"", b"\x00", b"null", b"[]", b"-1", b"1e999", b'"']))
    )
    return content[:start] + new + content[end:]


@pytest.fixture(scope="module")
def saved(make_segmentation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    make_segmentation().save(folder)
    return folder


@pytest.mark.parametrize("suffix", ["events.tsv", "tokens.parquet", "words.parquet", "json"])
@pytest.mark.parametrize("resealed", [False, True], ids=["as it is", "with a fitting hash"])
def test_spoiled_segmentations(saved, tmp_path_factory, limited, suffix, resealed):
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    (name,) = [name for name in files if name.endswith(suffix)]
    kind = suffix.split(".")[0]
    if resealed and kind == "json":
        pytest.skip("the record vouches for the others, nothing for it")

    @FUZZ
    @given(content=st.composite(spoiled)(files[name]))
    @example(content=b"[" * 100_000)
    @example(
        content=files[name].replace(b'"provenance": {', b'"provenance": {"x": ' + b"[" * 3000 + b"]" * 3000 + b",")
    )
    @example(content=files[name].replace(b'"format_version": 1', b'"format_version": ' + b"9" * 10_000))
    def check(content):
        folder = tmp_path_factory.mktemp("spoiled")
        for other, same in files.items():
            (folder / other).write_bytes(content if other == name else same)
        if resealed:
            import hashlib

            record = json.loads(files["bell.json"])
            record["sha256"][kind] = hashlib.sha256(content).hexdigest()
            (folder / "bell.json").write_text(json.dumps(record))
        with limited("segmentations"):
            found = one_line_at_most(lambda: Segmentation.load(folder))
            one_line_at_most(lambda: check_destination(folder, "bell"))
        if not resealed and kind != "json":
            assert (found is None) == (content != files[name])

    check()


NAMES = [
    "in/*.txt",
    "embedded",
    "segment",
    "compare",
    "pass_key",
    "gamma",
    "out",
    "SM",
    "demo",
    "none",
    "**",
    "/**/*.zzz",
    "*/../" * 22 + "in/*.txt",
    "../..",
    "~",
    "~nobody",
    "x" * 5000,
]
VALUES = st.recursive(
    st.one_of(
        st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
        st.sampled_from(NAMES),
    ),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=6,
)  # fmt: skip
KEYS = st.sampled_from(
    ["transcripts", "models", "compute", "out", "device", "gamma", "method", "levels", "layers", "n_events", "window",
     "format", "human", "metrics", "n_null", "x", "n_mem", "policy", "lengths", "depths", "data", "full"]
)  # fmt: skip
TABLES = st.dictionaries(
    st.sampled_from(["plan", "settings", "memory", "reading", "compare", "segment", "pass_key", "gamma", "x"]),
    st.one_of(st.dictionaries(KEYS, VALUES, max_size=5), VALUES),
    max_size=4,
)


def toml(value):
    """A value as TOML, near enough: what Python writes differently makes a broken plan, which is wanted too."""
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(toml, value)) + "]" if isinstance(value, list) else json.dumps(value)


def as_toml(tables):
    lines = [f"{name} = {toml(value)}" for name, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines += [f"[{name}]", *[f"{key} = {toml(value)}" for key, value in table.items()]]
    return "\n".join(lines).encode()


MEMORY = (
    b'[plan]\ntranscripts = "in/*.txt"\ncompute = ["pass_key", "gamma"]\n[memory]\nn_mem = [64, 128]\n'
    b'segmentation = "SM"\n[pass_key]\nlengths = [100]\ndepths = [0.5]\n[gamma]\ndata = "demo"\n'
)
GOOD = (
    b'[plan]\ntranscripts = ["in/*.txt"]\nmodels = ["embedded"]\ncompute = ["segment"]\n[settings]\ngamma = [1, 2.5]\n'
)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=200), TABLES.map(as_toml), st.composite(spoiled)(GOOD), st.composite(spoiled)(MEMORY)
    )
)
@example(content=MEMORY)
@example(content=MEMORY.replace(b"[64, 128]", b"[[64, -1], 1e999]"))
@example(content=MEMORY.replace(b'"SM"', b"[[3, 2]]"))
@example(content=MEMORY.replace(b"[0.5]", b"[nan, true]"))
@example(content=b"a = " + b"[" * 100_000)
@example(content=b"a." * 500_000 + b"b = 1")
@example(content=b"'a' . " * 150_000 + b"b = 1")
@example(content=b"[" + b"a." * 500_000 + b"b]")
@example(content=b"a" * 1_000_000)
@example(content=b"[plan]\nout = " + b"9" * 10_000)
@example(content=b"[plan]\ntranscripts = 'in/*'\n[settings]\ngamma = " + b"9" * 4_000)
@example(content=b"[plan]\ntranscripts = 'in/" + b"*" * 1_000 + b"'")
@example(content=b"[plan]\ntranscripts = 'in/" + b"[" * 1_000 + b"'")
@example(content=b"[plan]\ntranscripts = 'in/*'\nout = '" + b"x/" * 3_000 + b"'")
@example(content=GOOD.replace(b"in/*.txt", b"*/../" * 22 + b"in/*.txt"))
@example(content=GOOD.replace(b"in/*.txt", b"/**/*.zzz"))
@example(content=GOOD + "".join(f"x{i} = [1, 2]\n" for i in range(40)).encode())
def test_plans(tmp_path_factory, limited, content, monkeypatch):
    monkeypatch.setattr("emcog.batch.transcripts.PATIENCE_S", 0.2)  # which only `**` ever needs
    folder = tmp_path_factory.mktemp("plan")
    (folder / "in").mkdir()
    (folder / "in" / "a.txt").write_text("One.")
    (folder / "plan.toml").write_bytes(content)
    with limited("plans"):
        plan = one_line_at_most(lambda: read_plan(folder / "plan.toml"))
    assert plan is None or (plan.models and plan.settings and plan.memory)
    assert plan is None or plan.transcripts or {COMPUTES[name].per for name in plan.compute} == {"model"}
    assert sorted(p.name for p in folder.rglob("*")) == ["a.txt", "in", "plan.toml"]  # reading writes nothing


RECORD = json.dumps(
    {"format": "emcog job", "key": "k", "files": {"rows.parquet": {"bytes": 3}}, "n_tokens": 1}
).encode()


@FUZZ
@given(content=st.one_of(st.binary(max_size=100), st.composite(spoiled)(RECORD)))
@example(content=b"[" * 100_000)
@example(content=b'{"files": {"../../../../x": {"bytes": 3}}}')
@example(content=RECORD.replace(b"rows", b"\\u0000"))
def test_records_of_jobs(tmp_path_factory, limited, content):
    from types import SimpleNamespace

    folder = tmp_path_factory.mktemp("store")
    job = SimpleNamespace(key="k", folder="story-k")
    (folder / "jobs" / "story-k").mkdir(parents=True)
    (folder / "failed").mkdir()
    (folder / "jobs" / "story-k" / "rows.parquet").write_bytes(b"abc")
    (folder / "jobs" / "story-k" / "job.json").write_bytes(content)
    (folder / "failed" / "k.json").write_bytes(content)
    with limited("records"):
        record, error = Store(folder).record(job), Store(folder).error(job)
    assert record is None or record["key"] == "k"
    assert error is None or "\n" not in error


def test_the_record_that_is_spoiled_is_a_good_one(tmp_path):
    from types import SimpleNamespace

    (tmp_path / "jobs" / "story-k").mkdir(parents=True)
    (tmp_path / "jobs" / "story-k" / "rows.parquet").write_bytes(b"abc")
    (tmp_path / "jobs" / "story-k" / "job.json").write_bytes(RECORD)
    assert Store(tmp_path).record(SimpleNamespace(key="k", folder="story-k"))["n_tokens"] == 1

"""What must never stand in emcog's source: unsafe loading, remote code by default, a machine's own folders."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("emcog", "analyses", "figures") for path in (ROOT / folder).rglob("*.py"))
TEXTS = sorted(
    path
    for path in [
        *ROOT.glob("*"),
        *(ROOT / ".ci").glob("*"),
        *(ROOT / "datasets").rglob("*"),
        *(ROOT / "docs").rglob("*"),
    ]
    if path.suffix in {".md", ".toml", ".txt", ".cff", ".tsv", ""} and path.is_file()
)

UNSAFE_MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"torch.load", "pd.read_pickle", "pandas.read_pickle", "eval", "exec", "compile"}
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:root|home|work|mnt|tmp|Users)/[\w.]")


def unsafe(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, what) of everything in a module that could run code out of a data file or a model repository."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, name) for name in modules if name.split(".")[0] in UNSAFE_MODULES)
        if isinstance(node, ast.Call):
            if (name := ast.unparse(node.func)) in UNSAFE_CALLS:
                yield node.lineno, name
            for keyword in node.keywords:
                on = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                if on and keyword.arg in {"allow_pickle", "trust_remote_code"}:
                    yield node.lineno, f"{keyword.arg}=True"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_source_is_safe(path):
    text = path.read_text(encoding="utf-8")
    assert list(unsafe(ast.parse(text))) == []
    assert MACHINE_PATH.findall(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
        "eval(text)",
    ],
)
def test_the_check_sees_what_it_looks_for(line):
    assert list(unsafe(ast.parse(line)))


def test_the_check_lets_a_model_be_put_in_evaluation_mode():
    assert not list(unsafe(ast.parse("model.eval(); AutoModel.from_pretrained(name, trust_remote_code=trust)")))


def test_no_text_names_a_machines_folder():
    assert len(TEXTS) >= 8
    found = {path.name: MACHINE_PATH.findall(path.read_text(encoding="utf-8")) for path in TEXTS}
    assert {name: hits for name, hits in found.items() if hits} == {}
    assert MACHINE_PATH.search("see " + "/" + "home/someone")

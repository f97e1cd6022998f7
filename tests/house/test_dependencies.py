"""pyproject.toml, constraints.txt and oldest.txt agree with each other and with what is installed."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED = [
    Requirement(line)
    for line in [
        *PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"]["dev"],
        *PROJECT["project"]["optional-dependencies"]["docs"],
        *PROJECT["build-system"]["requires"],
    ]
]


def pins(name: str) -> dict[str, Version]:
    """Package -> version of a file of exact pins."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): Version(version) for package, version in pairs}


CONSTRAINTS = pins("constraints.txt")


@pytest.mark.parametrize("requirement", DECLARED, ids=str)
def test_every_declared_dependency_has_a_floor_and_a_pin_above_it(requirement):
    operators = {specifier.operator for specifier in requirement.specifier}
    assert ">=" in operators
    assert requirement.specifier.contains(CONSTRAINTS[canonicalize_name(requirement.name)])


def test_everything_that_comes_along_is_pinned():
    seen: set[str] = set()
    queue = [(requirement.name, requirement.extras) for requirement in DECLARED]
    while queue:
        name, extras = queue.pop()
        if canonicalize_name(name) in seen:
            continue
        seen.add(canonicalize_name(name))
        for line in metadata.requires(name) or []:
            requirement = Requirement(line)
            environments = [{"extra": extra} for extra in extras] or [{"extra": ""}]
            wanted = requirement.marker is None or any(requirement.marker.evaluate(e) for e in environments)
            if wanted and not requirement.name.startswith(("nvidia", "cuda", "triton")):  # a GPU build of torch
                queue.append((requirement.name, requirement.extras))
    assert len(seen) > len(DECLARED)
    assert seen <= set(CONSTRAINTS)


def test_torch_is_the_one_version_without_a_local_part():
    assert str(CONSTRAINTS["torch"]) == "2.13.0"
    assert all(version.local is None for version in CONSTRAINTS.values())


@pytest.mark.parametrize("name", ["transformers", "pandas"])
def test_the_oldest_version_that_is_tested_is_the_oldest_that_is_promised(name):
    (promised,) = [
        specifier for requirement in DECLARED if requirement.name == name for specifier in requirement.specifier
    ]
    oldest = pins("oldest.txt")[name]
    assert promised.operator == ">="
    assert Version(promised.version) == oldest
    assert oldest < CONSTRAINTS[name]


def test_transformers_5_17_is_supported():
    assert pins("oldest.txt")["transformers"] <= Version("5.17")


def test_one_place_says_the_version():
    import emcog

    assert PROJECT["project"]["dynamic"] == ["version"]
    assert metadata.version("emcog") == emcog.__version__
    assert f"\nversion: {emcog.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## {emcog.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

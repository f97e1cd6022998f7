"""An installed emcog has everything that its commands need."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from emcog.errors import OptionError
from emcog.paths import DATA_FOLDERS, data_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=300)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run_installed(folder: Path, code: str) -> str:
    """Run code with the unpacked wheel in front of everything else, from a folder that holds nothing."""
    setup = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-c", setup + code]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder.parent, timeout=300).stdout


def repository_files(folder: str) -> set[str]:
    """Files of the checkout under a folder that belong to the project, as paths from the root."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {
        path.as_posix() for path in found if "__pycache__" not in path.parts and path.parts[:2] != ("figures", "out")
    }


def test_the_whole_package_is_in_it(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert repository_files("emcog") <= names
    assert "emcog/lm/embedded/model.safetensors" in names
    assert "emcog/lm/embedded/tokenizer.json" in names
    assert "emcog/lm/embedded/config.json" in names
    assert "emcog/lm/embedded/MODEL_CARD.md" in names


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_data_lies_inside_the_package_and_nothing_beside_it(wheel, folder):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"emcog/_data/{name}" for name in repository_files(folder)} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"emcog"}
    assert not (ROOT / folder / "__init__.py").exists()


def test_the_installed_package_finds_its_data_and_not_a_strangers(installed):
    stranger = installed / "datasets"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("whose = 'somebody else'\n")
    code = """
import datasets, emcog
from emcog.paths import data_folder
print(emcog.__file__, data_folder("datasets"), datasets.whose, sep="\\n")
assert (data_folder("datasets") / "demo" / "late_letter.txt").is_file()
"""
    package, data, whose = run_installed(installed, code).splitlines()
    assert Path(package).parent == installed / "emcog"
    assert Path(data) == installed / "emcog" / "_data" / "datasets"
    assert whose == "somebody else"


def test_the_installed_command_exists(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "emcog = emcog.cli:process" in archive.read(entry_points).decode()


def test_a_checkout_has_its_data_beside_the_package():
    assert data_folder("datasets") == ROOT / "datasets"
    with pytest.raises(OptionError, match=r"unknown data folder 'dataset'.*datasets, analyses, figures"):
        data_folder("dataset")


def test_a_checkout_never_hides_hugging_faces_datasets(tmp_path):
    # Without an __init__.py ours is at most a namespace, and any real package of that name wins wherever it stands.
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("whose = 'Hugging Face'\n")
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}]
sys.path.append({str(tmp_path)!r})
import datasets, emcog
print(datasets.whose)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    assert result.stdout.strip() == "Hugging Face"

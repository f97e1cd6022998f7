"""What SECURITY.md promises, promise by promise; each attack is first shown to be one."""

import json
import os
import pickle
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from emcog.errors import DataError, ModelError, StorageError
from emcog.human import read_annotations
from emcog.lm import journal, load_lm
from emcog.lm.load import EMBEDDED

ROOT = Path(__file__).parents[2]


class Evil:
    """Whoever unpickles this makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def one_line(caught):
    assert str(caught.value).strip() and "\n" not in str(caught.value)


def test_every_promise_has_its_test():
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) >= 8
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


# Pickles


def test_pickled_weights_are_not_loaded(tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(EMBEDDED / name, tmp_path / name)
    content = pickle.dumps(Evil(tmp_path / "done"))
    (tmp_path / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_lm(str(tmp_path))
    one_line(caught)
    assert not (tmp_path / "done").exists()
    pickle.loads(content)  # noqa: S301
    assert (tmp_path / "done").exists()  # there was something to keep from being done


def test_pickled_arrays_are_not_loaded(tmp_path):
    np.save(tmp_path / "marks.npy", np.array([Evil(tmp_path / "done")], dtype=object), allow_pickle=True)
    with pytest.raises(DataError) as caught:
        read_annotations(tmp_path / "marks.npy", sampling_hz=1.0)
    one_line(caught)
    assert not (tmp_path / "done").exists()
    np.load(tmp_path / "marks.npy", allow_pickle=True)
    assert (tmp_path / "done").exists()


# safetensors


def safetensors_of(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


WRONG_HEADERS = {
    "a length beyond the file": struct.pack("<Q", 2**62) + b"{}",
    "a length beyond any file": b"\xff" * 8 + b"{}",
    "no JSON": safetensors_of(b"{" * 50_000),
    "offsets beyond the data": safetensors_of({"x": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"1234"),
    "offsets backwards": safetensors_of({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}, b"1234"),
    "a shape that is larger": safetensors_of(
        {"x": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 4]}}, b"1234"
    ),
    "sizes that overflow": safetensors_of({"x": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}),
    "parts that overlap": safetensors_of(
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "xy"}, b"1234"
    ),
    "nothing": b"",
}


@pytest.mark.parametrize("content", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_headers_of_safetensors_are_checked(tmp_path, content):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(EMBEDDED / name, tmp_path / name)
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_lm(str(tmp_path))
    one_line(caught)
    assert journal._unpacked(tmp_path / "model.safetensors") is None  # a checkpoint like that is none


@pytest.mark.parametrize("content", WRONG_HEADERS.values(), ids=WRONG_HEADERS)
def test_a_training_checkpoint_with_such_a_header_is_refused(tmp_path, content):
    from emcog.lm.training.loop import Trainer

    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    trainer = Trainer.__new__(Trainer)  # only its device is asked for before the file is read
    trainer.device = "cpu"
    with pytest.raises(StorageError) as caught:
        trainer.resume(tmp_path)
    one_line(caught)


# XML

TENFOLD = "".join(f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefghi", "bcdefghij", strict=True))
BOMB = (
    f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "{"ha" * 50}">{TENFOLD}]>'
    '<ANNOTATION_DOCUMENT><TIER TIER_ID="&j;"/></ANNOTATION_DOCUMENT>'
)
FILE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file://%s">]><ANNOTATION_DOCUMENT>&a;</ANNOTATION_DOCUMENT>'
SMALL = (
    '<!DOCTYPE ANNOTATION_DOCUMENT [<!ENTITY who "anna">]>'
    '<ANNOTATION_DOCUMENT><TIER TIER_ID="&who;"/></ANNOTATION_DOCUMENT>'
)


@pytest.mark.parametrize("kind", ["bomb", "file", "small"])
def test_entities_of_xml_are_not_expanded(tmp_path, kind, limited):
    (tmp_path / "secret.txt").write_text("secret")
    content = {"bomb": BOMB, "file": FILE % (tmp_path / "secret.txt"), "small": SMALL}[kind]
    path = tmp_path / "a.eaf"
    path.write_text(content)
    with limited("XML with entities"), pytest.raises(DataError, match="declares a document type") as caught:
        read_annotations(path)
    one_line(caught)
    assert "secret" not in str(caught.value).replace(str(tmp_path), "")


# Model repositories

REMOTE = """
from pathlib import Path
Path({marker!r}).write_text("run")
from transformers import LlamaConfig, LlamaForCausalLM
class Config(LlamaConfig):
    model_type = "strange"
class Model(LlamaForCausalLM):
    config_class = Config
"""


def test_model_repositories_run_no_code_unless_told_to(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    marker, folder = tmp_path / "marker", tmp_path / "strange"
    shutil.copytree(EMBEDDED, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "architectures": ["Model"]}
    config["auto_map"] = {"AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(REMOTE.format(marker=str(marker)))
    with pytest.raises(ModelError) as caught:
        load_lm(str(folder))
    one_line(caught)
    assert not marker.exists()
    load_lm(str(folder), trust_remote_code=True)
    assert marker.read_text() == "run"  # so there was something to keep from running


# Manifests that name files elsewhere


@pytest.mark.parametrize("where", ["files", "state"])
@pytest.mark.parametrize("name", ["../secret.i8", "/secret.i8", "ids.i8/../../secret.i8", "..", "a\\\\b", ""])
def test_a_memory_reads_no_file_outside_its_folder(tmp_path, where, name):
    from emcog.memory import read_tables
    from emcog.memory.damage import COLUMNS
    from emcog.memory.saving import FORMAT, FORMAT_VERSION, _own_hash

    files = {column: {"rows": 0, "bytes": 0, "crc32": []} for column in COLUMNS}
    manifest = {"format": FORMAT, "format_version": FORMAT_VERSION, "files": files, "state": "state", "plain": {},
                "config": {}, "model": {}, "state_sha256": ""}  # fmt: skip
    if where == "files":
        files[name] = files["ids.i8"]
    else:
        manifest["state"] = name
    manifest["sha256"] = _own_hash(manifest)
    (tmp_path / "memory.json").write_text(json.dumps(manifest))
    with pytest.raises(StorageError, match="is no name of a file in its folder") as caught:
        read_tables(tmp_path)
    one_line(caught)

"""Whatever bytes stand where a saved memory should: it is loaded, or answered with one line; and nothing is written."""

import hashlib
import json
import os
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM

from emcog.cli.bookshelf import ENTRY, Shelf
from emcog.errors import EmcogError, StorageError
from emcog.lm import load_lm
from emcog.memory import EpisodicLM, MemoryConfig, read_manifest, read_tables
from emcog.memory.saving import _own_hash

FUZZ = settings(
    max_examples=int(os.environ.get("EMCOG_FUZZ", "15")), deadline=None, suppress_health_check=list(HealthCheck)
)
SMALL = {"n_init": 4, "n_local": 32, "n_mem": 24, "chunk": 16, "min_event": 2, "max_event": 12, "window": 64}
ODD = [b"", b"\x00", b"\xff" * 8, b"null", b"[]", b"-1", b"1e999", b'"', b"../x"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.sampled_from(["../x", "ids.i8", 2**70, -1, [2**70], [None], {"x": 1}]),
)  # fmt: skip


@pytest.fixture(scope="module")
def lm():
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llama", vocab_size=101, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
        initializer_range=0.3,
    )  # fmt: skip
    return load_lm(AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval())


@pytest.fixture(scope="module", params=["SM", "F"])
def saved(request, lm, tmp_path_factory):
    """The files of a saved memory."""
    folder = tmp_path_factory.mktemp("saved") / "memory"
    tier = "file" if request.param == "F" else "accelerator"
    memory = EpisodicLM(lm, MemoryConfig(**SMALL, segmentation=request.param, tier=tier))
    memory.read(np.random.default_rng(0).integers(3, 101, 150))
    memory.save(folder)
    EpisodicLM.load(folder, lm)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def read(lm, tmp_path_factory, limited):
    """read(files) -> writes them into a folder, and loads what is there in both ways."""
    folder = tmp_path_factory.mktemp("spoiled")

    def go(files):
        for path in folder.iterdir():
            if path.name not in files:
                path.unlink()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        found = []
        for load in (lambda: EpisodicLM.load(folder, lm), lambda: read_tables(folder)):
            with limited("memories"):
                try:
                    found.append(load())
                except EmcogError as error:
                    assert str(error).strip() and "\n" not in str(error)
                    str(error).encode()
                    found.append(None)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == files  # reading writes nothing
        return found

    return go


def spoiled(draw, content):
    """Bytes with a stretch of them replaced, cut out or doubled."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 60)))
    new = draw(st.one_of(st.binary(max_size=20), st.sampled_from(ODD)))
    return content[:start] + new + content[end:]


def sealed(manifest):
    manifest["sha256"] = _own_hash(manifest)
    return json.dumps(manifest, indent=1).encode()


def test_spoiled_files(saved, read):
    @FUZZ
    @given(st.data())
    def check(data):
        name = data.draw(st.sampled_from(sorted(saved)))
        content = spoiled(data.draw, saved[name])
        loaded, _ = read(saved | {name: content})
        behind = name != "memory.json" and content.startswith(saved[name])  # rows behind those counted are ignored
        if content != saved[name] and name not in ("memory.json", "memory.lock") and not behind:
            assert loaded is None

    check()


@FUZZ
@given(content=st.one_of(st.binary(max_size=100), st.composite(spoiled)(b'{"format": "emcog memory"}')))
@example(content=b"[" * 100_000)
@example(content=b'{"a": ' * 100_000)
@example(content=b'{"format_version": ' + b"9" * 10_000 + b"}")
def test_manifests_of_any_bytes(content, tmp_path_factory, limited):
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "memory.json").write_bytes(content)
    with limited("memories"), pytest.raises(StorageError) as caught:
        read_manifest(folder)
    assert "\n" not in str(caught.value)
    str(caught.value).encode()


BOOKS = b"""{"books": [{"name": "a", "sha256": "00", "n_characters": 5, "first_token": 0, "first_character": 0},
{"name": "b", "sha256": "01", "n_characters": 9, "first_token": 4, "first_character": 5}]}"""


@FUZZ
@given(content=st.one_of(st.binary(max_size=100), st.composite(spoiled)(BOOKS)))
@example(content=BOOKS)
@example(content=b"[" * 100_000)
@example(content=BOOKS.replace(b'"first_token": 4', b'"first_token": Infinity'))
@example(content=BOOKS.replace(b'"first_token": 4', b'"first_token": NaN'))
@example(content=BOOKS.replace(b'"first_token": 4', b'"first_token": -5'))
@example(content=BOOKS.replace(b'"first_token": 4', b'"first_token": ' + b"9" * 10_000))
@example(content=BOOKS.replace(b'"a"', b"[" * 3000 + b"]" * 3000))
def test_books_of_a_memory(content, tmp_path_factory, limited):
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "books.json").write_bytes(content)
    with limited("books of memories"):
        try:
            found = Shelf.open(folder).books
        except StorageError as error:
            assert "\n" not in str(error)
            str(error).encode()
            assert content != BOOKS
            return
    for book in found:
        assert {key: type(value) for key, value in book.items()} == ENTRY
        assert min(book["n_characters"], book["first_token"], book["first_character"]) >= 0
    assert [path.name for path in folder.iterdir()] == ["books.json"]


def test_spoiled_files_with_checksums_that_fit(saved, read):
    """Forged: every checksum fits, and what stands there makes no sense."""
    wanted = json.loads(saved["memory.json"])

    @FUZZ
    @given(st.data())
    def check(data):
        manifest = json.loads(saved["memory.json"])
        name = data.draw(st.sampled_from(sorted([*wanted["files"], wanted["state"]])))
        content = spoiled(data.draw, saved[name])
        if name == manifest["state"]:
            manifest["state_sha256"] = hashlib.sha256(content).hexdigest()
        else:
            manifest["files"][name] |= {"bytes": len(content), "crc32": [zlib.crc32(content)] if content else []}
        read(saved | {name: content, "memory.json": sealed(manifest)})

    check()


def test_forged_manifests(saved, read):
    @FUZZ
    @given(st.data())
    def check(data):
        manifest = json.loads(saved["memory.json"])
        place = manifest
        while True:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], dict | list) and len(place[key]) and data.draw(st.booleans()):
                place = place[key]
                continue
            if data.draw(st.booleans()):
                place[key] = data.draw(VALUES)
            else:
                del place[key]
            break
        read(saved | {"memory.json": sealed(manifest)})

    check()

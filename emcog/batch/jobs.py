"""Jobs: one compute of one transcript with one model under one setting, under a key made of all that decides it."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import emcog
from emcog.batch.compute import PER
from emcog.batch.computes import COMPUTES
from emcog.batch.plan import Plan
from emcog.batch.settings import Setting
from emcog.excerpts import one_line
from emcog.files import sha256_file

FORMAT_VERSION = 1
"""Of a job's folder. Another one gives other keys, so that results of old and new form never mix."""

ANALYSIS_BYTES = 100_000
"""What an analysis counts for where progress is told by the transcripts' bytes."""


@dataclass(frozen=True)
class Job:
    """One thing to compute.

    Attributes
    ----------
    key : 20 hexadecimal digits of the SHA-256 of everything that decides the result.
    compute : a name in `COMPUTES`.
    transcript : the file; None where the compute takes none. sha256 : of its content; empty if it could not be read.
    title : its name in tables, one line.
    model : what the plan calls it. setting : what the plan says, and all that follows from it.
    options : of the compute.
    """

    key: str
    compute: str
    transcript: Path | None
    sha256: str
    title: str
    model: str
    setting: Setting
    options: dict[str, Any]

    @property
    def folder(self) -> str:
        """Name of the job's folder."""
        name = self.compute if self.transcript is None else self.transcript.stem
        stem = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")
        return f"{stem.encode()[:100].decode(errors='ignore')}-{self.key}"


@dataclass(frozen=True)
class Unit:
    """Jobs that one worker does in order, because later ones use the earlier: of one transcript, model and setting.

    Attributes
    ----------
    jobs : all of them. todo : keys of those to do. load : what `load_lm` is given.
    reading : what `read_transcript` is given. out : folder of the batch. n_bytes : size of the transcript.
    """

    jobs: tuple[Job, ...]
    todo: frozenset[str]
    load: dict[str, Any]
    reading: dict[str, str]
    out: Path
    n_bytes: int
    emcog: str = emcog.__version__


def units(plan: Plan) -> list[Unit]:
    """Everything that a plan asks for, grouped by model."""
    contents = {path: _content(path) for path in plan.transcripts}
    titles = _titles(plan.transcripts)
    seen: set[str] = set()
    found = []
    for label, name in plan.models.items():
        load = {"name": name, "device": plan.device, "dtype": plan.dtype, "trust_remote_code": plan.trust_remote_code}
        identity: dict[str, Any] = model_identity(name) | {"device": plan.device, "dtype": plan.dtype}
        if plan.trust_remote_code:
            identity["trust_remote_code"] = True
        for path, setting, computes in _together(plan):
            sha256, n_bytes = ("", ANALYSIS_BYTES) if path is None else contents[path]
            about: dict[str, Any] = {"model": identity}
            if path is not None:
                about |= {"transcript": [path.name, sha256], "reading": plan.reading}
            jobs = tuple(
                Job(key, compute, path, sha256, "" if path is None else titles[path], label, setting,
                    plan.options[compute])
                for compute in computes
                if (key := _key(plan, compute, about, setting, path)) not in seen
            )  # fmt: skip
            seen |= {job.key for job in jobs}  # the same story twice, or a setting that two combinations come to
            if jobs:
                found.append(Unit(jobs, frozenset(job.key for job in jobs), load, plan.reading, plan.out, n_bytes))
    return found


def _together(plan: Plan) -> Iterator[tuple[Path | None, Setting, list[str]]]:
    """A transcript (or none), a combination of settings, and the computes that one worker does with them in order."""
    by = {per: [name for name in plan.compute if COMPUTES[name].per == per] for per in PER}
    for path in plan.transcripts:
        for per in ("setting", "memory"):
            for setting in plan.combinations(by[per][0]) if by[per] else ():
                yield path, setting, by[per]
    for compute in by["model"]:
        for setting in plan.combinations(compute):
            yield None, setting, [compute]


def _key(plan: Plan, compute: str, about: dict[str, Any], setting: Setting, path: Path | None) -> str:
    story = "" if path is None else path.stem
    inputs = {
        "format": FORMAT_VERSION, "emcog": emcog.__version__, "compute": compute, **about,
        "settings": setting.full, "options": COMPUTES[compute].identity(plan.options[compute], story),
    }  # fmt: skip
    content = json.dumps(inputs, sort_keys=True, ensure_ascii=False).encode(errors="surrogatepass")
    return hashlib.sha256(content).hexdigest()[:20]


def _content(path: Path) -> tuple[str, int]:
    try:
        return sha256_file(path), path.stat().st_size
    except OSError:  # the job itself will say what is wrong
        return "", 0


def _titles(paths: tuple[Path, ...]) -> dict[Path, str]:
    """What a transcript is called in tables: its file's name, with folders where two have the same."""
    names = [path.name for path in paths]
    return {path: one_line(path.name if names.count(path.name) == 1 else str(path)) for path in paths}


def model_identity(name: str) -> dict[str, str]:
    """What tells a model from others without loading it.

    A folder goes by its small files' contents, and by the size and a sample of its weights; the embedded model by its
    weights; a name on Hugging Face by itself, for it stands for whatever version is in the cache.
    """
    folder = Path(name)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            digest.update(f"{path.name} {path.stat().st_size} ".encode(errors="surrogatepass"))
            digest.update(_sample(path))
        return {"name": folder.name, "weights": digest.hexdigest()}
    if name == "embedded":
        embedded = Path(emcog.__file__).parent / "lm" / "embedded" / "model.safetensors"
        return {"name": name, "weights": sha256_file(embedded)}
    return {"name": name}


def _sample(path: Path, n_blocks: int = 1024, block: int = 4096) -> bytes:
    """A file's bytes, or of a large file as many evenly spaced blocks."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= n_blocks * block:
            return file.read()
        blocks = []
        for i in range(n_blocks):
            file.seek(i * (size - block) // (n_blocks - 1))
            blocks.append(file.read(block))
        return b"".join(blocks)

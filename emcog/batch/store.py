"""Where a batch's results lie: a folder a finished job, a file a failed one; nothing else remembers anything."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emcog.batch.jobs import Job
from emcog.errors import EmcogError, StorageError
from emcog.excerpts import first_words, one_line
from emcog.files import sha256_file, write_files, write_folder
from emcog.parquet import write_parquet

if TYPE_CHECKING:
    from emcog.batch.compute import Made

RECORD, ROWS = "job.json", "rows.parquet"
FORMAT = "emcog job"
_LARGEST = 2**20  # bytes of a record


@dataclass(frozen=True)
class Store:
    """The folder of a batch.

    `jobs/STORY-KEY` holds the files of a finished job, its rows for the dataset and its record; it appears whole or not
    at all. `failed/KEY.json` says why a job failed. `unfinished/...-KEY` holds what a long one has done so far.
    """

    out: Path

    def folder(self, job: Job) -> Path:
        """Where the job's files are, or will be."""
        return self.out / "jobs" / job.folder

    def record(self, job: Job) -> dict[str, Any] | None:
        """What is known of a finished job; None if it is missing, or not whole any more."""
        folder = self.folder(job)
        record = _json(folder / RECORD)
        if record is None or record.get("format") != FORMAT or record.get("key") != job.key:
            return None
        files = record.get("files")
        if not isinstance(files, dict) or ROWS not in files or not isinstance(record.get("n_tokens"), int):
            return None
        try:
            whole = all((folder / name).stat().st_size == about["bytes"] for name, about in files.items())
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return record if whole else None

    def error(self, job: Job) -> str | None:
        """Why a job failed; None if it did not."""
        record = _json(self._failure(job))
        error = None if record is None else record.get("error")
        return first_words(error, 1000) if isinstance(error, str) else None

    def write(self, job: Job, made: "Made") -> None:
        """Keep what a job made, in one step; what another run has kept in the meantime stays."""
        folder = self.folder(job)
        if folder.exists() and self.record(job) is None:  # damaged: a file is missing or cut off
            shutil.rmtree(folder)
        write_folder(folder, lambda place: _fill(place, job, made))
        self._failure(job).unlink(missing_ok=True)

    def kept(self, job: Job) -> Path:
        """Where an unfinished job may keep what it has done so far."""
        return self.out / "unfinished" / f"{_short(self._name(job))}-{_short(job.sha256)}-{job.key}"

    def drop_kept(self, job: Job) -> None:
        """Remove what the job, which is finished, had kept."""
        shutil.rmtree(self.kept(job), ignore_errors=True)
        with suppress(OSError):  # not there, or another job's is in it
            self.kept(job).parent.rmdir()

    def clear_changed(self, jobs: Iterable[Job]) -> None:
        """Remove what failed and unfinished jobs have left of these jobs' transcripts as they were before a change."""
        contents = {self._name(job): job.sha256 for job in jobs if job.sha256}
        for path in (self.out / "failed").glob("*.json"):
            record = _json(path) or {}
            now = contents.get(str(record.get("transcript")))
            if now is not None and record.get("sha256") != now:
                path.unlink(missing_ok=True)
        short = {_short(name): _short(now) for name, now in contents.items()}
        for path in (self.out / "unfinished").glob("*-*-*"):
            name, before, _ = path.name.split("-", 2)
            if short.get(name, before) != before:
                shutil.rmtree(path, ignore_errors=True)

    def fail(self, job: Job, error: str) -> None:
        """Remember why a job failed, if the disk lets us; if not, the next run tries it again."""
        about = {"format": FORMAT, "key": job.key, "transcript": self._name(job), "sha256": job.sha256, "error": error}
        content = json.dumps(about, ensure_ascii=False)
        with suppress(StorageError):
            write_files(self.out / "failed", {self._failure(job).name: content.encode(errors="replace")})

    def forget_failure(self, job: Job) -> None:
        """Let a failed job be tried again."""
        try:
            self._failure(job).unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove {self._failure(job)}: {error.strerror or error}") from error

    def _name(self, job: Job) -> str:
        """A transcript's path from here, so that both may be moved together; empty where there is none."""
        return "" if job.transcript is None else one_line(os.path.relpath(job.transcript, self.out))

    def _failure(self, job: Job) -> Path:
        return self.out / "failed" / f"{job.key}.json"


def _fill(place: Path, job: Job, made: "Made") -> None:
    made.fill(place)
    write_files(place, {ROWS: lambda path: write_parquet(made.rows, path)})
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_file(path)} for path in sorted(place.iterdir())}
    record = {
        "format": FORMAT, "key": job.key, "compute": job.compute,
        "transcript": None if job.transcript is None else job.transcript.name,
        "sha256": job.sha256, "model": job.model, "settings": job.setting.full, "options": job.options,
        "n_tokens": made.n_tokens, "files": files,
    }  # fmt: skip
    content = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    write_files(place, {RECORD: content.encode(errors="replace")})


def _short(text: str) -> str:
    """Eight digits that stand for a text in a folder's name."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]


def _json(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def check_out(out: Path) -> None:
    """Refuse, before any work, an output folder that cannot be made or written to."""
    try:
        write_files(out / "jobs", {})
    except EmcogError as error:
        raise StorageError(str(error)) from None

"""What happens in a worker: one model at a time is kept, and jobs are done one after the other."""

import gc
import os
import sys
import threading
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import emcog
from emcog.batch.compute import Made, Work, check_rows
from emcog.batch.computes import COMPUTES
from emcog.batch.jobs import Job, Unit
from emcog.batch.store import Store
from emcog.errors import DataError, EmcogError
from emcog.excerpts import first_words

if TYPE_CHECKING:
    from emcog.transcript import Transcript


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes
    ----------
    key : the job's. error : why it failed; None if it is done.
    n_tokens : that were read. loaded : whether the model had to be loaded for it. worker : process id.
    """

    key: str
    error: str | None
    n_tokens: int = 0
    loaded: bool = False
    worker: int = 0


class _Shelf:
    """The model that this worker has loaded last, or the error that loading it gave."""

    def __init__(self) -> None:
        self.wanted: dict[str, Any] | None = None
        self.held: Any = None
        self.loads = 0

    def get(self, wanted: dict[str, Any]) -> Any:
        """The model, loaded unless it is the one that is held."""
        if wanted != self.wanted:
            self._clear()
            self.loads += 1
            try:
                self.held = _load(wanted)
            except EmcogError as error:  # the next hundred jobs need not try it again
                self.held = error
            self.wanted = dict(wanted)
        if isinstance(self.held, EmcogError):
            raise self.held
        return self.held

    def _clear(self) -> None:
        self.wanted = self.held = None
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available():
            torch.cuda.empty_cache()


_SHELF = _Shelf()
_ONE_AT_A_TIME = threading.Lock()  # a model is changed while it is read with; a worker may have several threads


def run_unit(unit: Unit) -> list[Outcome]:
    """Do the jobs of a unit that are to be done. An error is an outcome; it never leaves this function."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [_run(job, unit, Store(unit.out)) for job in unit.jobs if job.key in unit.todo]


def _run(job: Job, unit: Unit, store: Store) -> Outcome:
    before = _SHELF.loads
    record = store.record(job)
    if record is not None:  # another run was quicker
        return Outcome(job.key, None, worker=os.getpid())
    try:
        if unit.emcog != emcog.__version__:
            raise DataError(f"the worker has emcog {emcog.__version__}, the plan was read by {unit.emcog}")
        made = _made(job, unit, store)
        store.write(job, made)
        store.drop_kept(job)
    # Whatever one transcript does must not touch the others: its error goes into the table.
    except Exception as error:
        if store.record(job) is not None:  # another run was quicker, and has cleared away what this one was at
            return Outcome(job.key, None, worker=os.getpid())
        known = isinstance(error, EmcogError)
        said = first_words(str(error) if known else f"{type(error).__name__}: {error}", 1000)
        store.fail(job, said)
        return Outcome(job.key, said, 0, _SHELF.loads > before, os.getpid())
    return Outcome(job.key, None, made.n_tokens, _SHELF.loads > before, os.getpid())


def _made(job: Job, unit: Unit, store: Store) -> Made:
    from emcog.segmentation import Segmentation

    earlier = {other.compute: other for other in unit.jobs}
    work = Work(
        job.transcript,
        unit.reading,
        lambda: _read(job, unit),
        partial(_check, job),
        lambda: _SHELF.get(unit.load),
        unit.load["name"],
        job.setting.full,
        job.options,
        lambda: Segmentation.load(_needed(store, earlier["segment"])),
        store.kept(job),
    )
    made = COMPUTES[job.compute].run(work)
    return Made(made.fill, check_rows(made.rows, job.compute), made.n_tokens)


def _read(job: Job, unit: Unit) -> "Transcript":
    from emcog.transcript import read_transcript

    if job.transcript is None:
        raise DataError(f"compute {job.compute!r} takes no transcript")
    transcript = read_transcript(job.transcript, **unit.reading)
    _check(job, transcript.sha256)
    return transcript


def _check(job: Job, sha256: str) -> None:
    if job.sha256 and sha256 != job.sha256:
        raise DataError(f"{job.title} was changed while the batch ran: run it again")


def _needed(store: Store, job: Job) -> Path:
    if store.record(job) is None:
        raise DataError(f"needs the result of {job.compute}, which failed")
    return store.folder(job)


def _load(wanted: dict[str, Any]) -> Any:
    from emcog.lm import load_lm

    return load_lm(**{**wanted, "device": own_device(wanted["device"], _worker_number(), _gpus)})


def own_device(device: str, number: int | None, count: Any) -> str:
    """The GPU of a worker: where "cuda" is asked for and this machine has several, its workers take turns."""
    if device != "cuda" or number is None or (n := count()) < 2:
        return device
    return f"cuda:{number % n}"


def _gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _worker_number() -> int | None:
    """The number of a worker of a local cluster; others have names, and a scheduler that hands out their GPUs."""
    from distributed import get_worker

    try:
        name = get_worker().name
    except ValueError:
        return None
    return name if isinstance(name, int) else None

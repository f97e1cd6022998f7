"""run_batch(): everything that a plan asks for and that is not there yet."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emcog.batch.cluster import GPU, all_lost, connect, n_slots
from emcog.batch.jobs import Job, Unit, units
from emcog.batch.plan import Plan, read_plan
from emcog.batch.results import jobs_table, write_results
from emcog.batch.store import Store, check_out
from emcog.batch.worker import Outcome, run_unit
from emcog.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client, Future

log = logging.getLogger(__name__)
_SECONDS_BETWEEN_LOOKS = 0.05
_SECONDS_BETWEEN_COUNTS = 1.0
_AGAIN = ("pending", "lost")
"""Of a future that was finished: its worker died before the outcome was fetched, and Dask does it again."""


@dataclass
class Tally:
    """How far a batch is.

    Attributes
    ----------
    total : jobs that this run is to do. done, failed : of them, so far. kept : jobs that were there already.
    n_tokens : read so far. loads : of models. seconds : since the first job went out. share : 0 to 1, of the work, by
        the transcripts' bytes.
    """

    total: int
    kept: int
    done: int = 0
    failed: int = 0
    n_tokens: int = 0
    loads: int = 0
    seconds: float = 0.0
    share: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Of all workers together."""
        return self.n_tokens / self.seconds if self.seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimate from what is done; None before anything was read."""
        return self.seconds * (1 - self.share) / self.share if self.n_tokens else None


Progress = Callable[[Tally], None]


def run_batch(
    plan: str | Path | Plan,
    scheduler: str | None = None,
    workers: int | None = None,
    cluster: Any = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    trust_remote_code: bool = False,
) -> "pd.DataFrame":
    """Do what a plan asks for and is not done yet, on Dask workers, and gather the results.

    Parameters
    ----------
    plan : a `Plan`, or the TOML file of one.
    scheduler : address of a Dask scheduler ("tcp://...", "tls://..."), whose workers have emcog and see the same files.
    workers : processes of one thread each to start on this machine instead; default one for each processor or GPU
        (one in all with device "spread").
    cluster : a Dask cluster object, such as `dask_jobqueue.SLURMCluster`.
    retry_failed : do jobs again that have failed before; otherwise they stay failed.
    progress : called as progress(tally) now and then.
    trust_remote_code : as in `read_plan`, where the plan is a file.

    Returns
    -------
    DataFrame, one row a job, as `emcog.batch.results.jobs_table` says. In the plan's folder `out` lie the same table
    (`jobs.tsv`), a folder a job (`jobs/`) and all rows in one dataset (`pandas.read_parquet(out / "results")`).

    Raises
    ------
    OptionError, DataError : a wrong plan; no scheduler. StorageError : the folder cannot be written to; the cluster
        went away (what is finished is kept).
    """
    plan = plan if isinstance(plan, Plan) else read_plan(plan, trust_remote_code)
    store = Store(plan.out)
    check_out(plan.out)
    everything = units(plan)
    jobs = [job for unit in everything for job in unit.jobs]
    store.clear_changed(jobs)
    todo = _todo(jobs, store, retry_failed)
    work = [replace(unit, todo=frozenset(j.key for j in unit.jobs if j.key in todo)) for unit in everything]
    work = [unit for unit in work if unit.todo]
    tally = Tally(len(todo), len(jobs) - len(todo))
    errors: dict[str, str] = {}
    if work:
        gpu = plan.device == "spread" or plan.device.startswith("cuda")
        if plan.device == "spread" and scheduler is None and cluster is None and workers is None:
            workers = 1  # which has all the GPUs of this machine
        with connect(scheduler, workers, cluster, len(work), gpu) as client:
            for outcome in _outcomes(client, work, store, gpu, tally, progress or (lambda _: None)):
                if outcome.error is not None:
                    errors[outcome.key] = outcome.error
    table = jobs_table(jobs, store, plan.setting_names, errors)
    write_results(table, jobs, store, plan.setting_names)
    return table


def batch_status(plan: str | Path | Plan, trust_remote_code: bool = False) -> "pd.DataFrame":
    """The jobs of a plan as they stand, as `run_batch` returns them; nothing is done or written."""
    plan = plan if isinstance(plan, Plan) else read_plan(plan, trust_remote_code)
    jobs = [job for unit in units(plan) for job in unit.jobs]
    return jobs_table(jobs, Store(plan.out), plan.setting_names, {})


def _todo(jobs: list[Job], store: Store, retry_failed: bool) -> set[str]:
    todo = set()
    for job in jobs:
        if store.record(job) is None:
            if retry_failed:
                store.forget_failure(job)
            if store.error(job) is None:
                todo.add(job.key)
    return todo


def _outcomes(
    client: "Client", work: list[Unit], store: Store, gpu: bool, tally: Tally, progress: Progress
) -> Iterator[Outcome]:
    """What becomes of each job, as they finish."""
    from distributed import as_completed

    queue = _in_order(work)
    waiting: dict[Future, Unit] = {}
    coming = as_completed(loop=client.loop)
    started, everything, done_bytes = time.monotonic(), sum(_weight(unit) for unit in work), 0
    slots, counted = n_slots(client, gpu), started
    if not slots:
        needed = f" with a GPU (dask worker ... --resources {GPU}=1)" if gpu else ""
        log.info("waiting: the scheduler has no worker%s yet", needed)
    try:
        while queue or waiting:
            # No more than can run at once: where a job kills its worker, Dask blames all that wait there as well.
            if queue and time.monotonic() - counted > _SECONDS_BETWEEN_COUNTS:
                slots, counted = n_slots(client, gpu), time.monotonic()
            while queue and len(waiting) < max(1, slots):
                unit = queue.pop(0)
                future = _submit(client, unit, gpu)
                waiting[future] = unit
                coming.add(future)
            finished = coming.next_batch(block=False)
            if not finished and all_lost(client):
                raise StorageError("all workers died and none could be started again: run it again for the rest")
            if not finished:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            for future in finished:
                if future.status in _AGAIN:
                    coming.add(future)
                    continue
                unit = waiting.pop(future)
                done_bytes += _weight(unit)
                for outcome in _settled(future, unit, store):
                    tally.failed += outcome.error is not None
                    tally.done += outcome.error is None
                    tally.n_tokens += outcome.n_tokens
                    tally.loads += outcome.loaded
                    yield outcome
                future.release()
            tally.seconds, tally.share = time.monotonic() - started, done_bytes / everything
            progress(tally)
    finally:
        client.cancel(list(waiting))


def _in_order(work: list[Unit]) -> list[Unit]:
    """A model's jobs before the next model's, so that no worker loads one twice."""
    models = list(dict.fromkeys(unit.load["name"] for unit in work))
    return sorted(work, key=lambda unit: models.index(unit.load["name"]))


def _submit(client: "Client", unit: Unit, gpu: bool) -> "Future":
    key = f"emcog-{unit.jobs[0].key}-{time.time_ns()}"
    return client.submit(run_unit, unit, key=key, resources={GPU: 1} if gpu else None)


def _settled(future: "Future", unit: Unit, store: Store) -> Iterator[Outcome]:
    """The outcomes of a unit; where its worker was lost again and again, that is its error."""
    if future.status == "finished":
        for outcome in future.result():
            job = next(job for job in unit.jobs if job.key == outcome.key)
            if outcome.error is None and store.record(job) is None:
                error = "the worker wrote its results where this machine does not see them: use a folder both see"
                yield replace(outcome, error=error)
            else:
                yield outcome
    elif future.status == "error":
        error = future.exception()
        said = f"its worker died again and again, as for want of memory ({type(error).__name__})"
        if type(error).__name__ != "KilledWorker":
            said = f"the worker cannot run it: {type(error).__name__}: {error}"
        for job in unit.jobs:
            if job.key in unit.todo:
                store.fail(job, said)
                yield Outcome(job.key, said)
    else:
        raise StorageError("the cluster went away: what is finished is kept; run it again for the rest")


def _weight(unit: Unit) -> int:
    return max(1, unit.n_bytes)

"""Dask clusters: one of this machine's own processes, or one that is there already."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from emcog.errors import OptionError
from emcog.excerpts import first_words
from emcog.options import check_number

if TYPE_CHECKING:
    from distributed import Client

GPU = "GPU"
"""The resource that workers with a GPU are started with: `dask worker ADDRESS --resources GPU=1`."""
PATIENCE_S = 20
"""Seconds that a scheduler has to answer."""


@contextmanager
def connect(scheduler: str | None, workers: int | None, cluster: Any, n_units: int, gpu: bool) -> Iterator["Client"]:
    """A client of the cluster that is to do the work, closed afterwards with the cluster if it was started here.

    Parameters
    ----------
    scheduler : address of an existing one. workers : how many processes of one thread each to start here.
    cluster : a Dask cluster object, such as dask-jobqueue makes. At most one of the three is given; without any, a
        worker is started for each processor (or GPU) that this process may use.
    n_units : there is no use for more workers than that. gpu : whether workers need a GPU.

    Raises
    ------
    OptionError : no scheduler answers there.
    """
    if sum(given is not None for given in (scheduler, workers, cluster)) > 1:
        raise OptionError("scheduler and workers cannot both be given: a scheduler has workers of its own")
    from distributed import Client

    logging.getLogger("tornado").setLevel(logging.CRITICAL)  # what a dying worker leaves is told by its job
    if scheduler is None and cluster is None:
        with _local(workers, n_units, gpu) as made, Client(made, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(scheduler if cluster is None else cluster, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, ImportError) as error:
        reason = first_words(str(error) or type(error).__name__, 200)
        raise OptionError(f"no Dask scheduler answers at {scheduler!r}: {reason}; check its address") from None
    with client:
        yield client


@contextmanager
def _local(workers: int | None, n_units: int, gpu: bool) -> Iterator[Any]:
    """Processes of one thread each on this machine, that talk over encrypted connections: others use it too."""
    import dask
    from distributed import LocalCluster

    count = default_workers(gpu) if workers is None else int(check_number("workers", workers, low=1, integer=True))
    # By default a worker that died is given up unless its successor is there in 15 s, which a busy machine misses.
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"}):
        cluster = LocalCluster(
            n_workers=max(1, min(count, n_units)),
            threads_per_worker=1,
            processes=True,
            memory_limit=None,  # a model is most of a worker; pausing or restarting it for its size would never end
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
            security=True,
            resources={GPU: 1} if gpu else None,
        )
        try:
            yield cluster
        finally:
            with suppress(TimeoutError):  # on a machine so busy, workers end when this process does
                cluster.close(timeout=10)


def default_workers(gpu: bool) -> int:
    """One a GPU, or one a processor."""
    if gpu:
        import torch

        return max(1, torch.cuda.device_count())
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def all_lost(client: "Client") -> bool:
    """Whether the workers that were started here have all been given up."""
    from distributed import LocalCluster

    return isinstance(client.cluster, LocalCluster) and not client.cluster.workers


def n_slots(client: "Client", gpu: bool) -> int:
    """How many jobs can run at once: a thread each, or a GPU."""
    found = client.scheduler_info(n_workers=-1)["workers"].values()
    return sum(int(worker.get("resources", {}).get(GPU, 0)) if gpu else worker["nthreads"] for worker in found)

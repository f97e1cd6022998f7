"""Many transcripts x models x settings, on one machine or a Dask cluster."""

from emcog.batch.plan import Plan, read_plan
from emcog.batch.run import batch_status, run_batch

__all__ = ["Plan", "batch_status", "read_plan", "run_batch"]

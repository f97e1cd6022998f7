"""What a batch came to: a table of its jobs, and one Parquet dataset of all their rows."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emcog.batch.computes import COMPUTES
from emcog.batch.jobs import Job
from emcog.batch.store import ROWS, Store
from emcog.errors import StorageError
from emcog.excerpts import first_words
from emcog.files import sha256_file, write_files

JOB_COLUMNS = ("job", "compute", "transcript", "model")
DATASET, TABLE = "results", "jobs.tsv"


def jobs_table(jobs: Sequence[Job], store: Store, names: Sequence[str], errors: Mapping[str, str]) -> pd.DataFrame:
    """One row a job.

    Parameters
    ----------
    names : the settings that the plan names. errors : of jobs that failed just now, by key.

    Returns
    -------
    DataFrame: job (its key), compute, transcript, model, setting_NAME for each of the plan's settings, state ("done",
    "failed" or "missing"), n_tokens (that were read; 0 if none), error, folder (in the batch's).
    """
    rows = []
    for job in jobs:
        record = store.record(job)
        error = None if record is not None else errors.get(job.key) or store.error(job)
        state = "done" if record is not None else "failed" if error is not None else "missing"
        rows.append(
            _about(job, names)
            | {"state": state, "n_tokens": record["n_tokens"] if record else 0, "error": error or ""}
            | {"folder": f"jobs/{job.folder}" if record else ""}
        )
    columns = [*JOB_COLUMNS, *[f"setting_{name}" for name in names], "state", "n_tokens", "error", "folder"]
    return pd.DataFrame(rows, columns=columns)


def _about(job: Job, names: Sequence[str]) -> dict[str, Any]:
    about = {"job": job.key, "compute": job.compute, "transcript": job.title, "model": job.model}
    return about | {f"setting_{name}": job.setting.given.get(name) for name in names}


def write_results(table: pd.DataFrame, jobs: Sequence[Job], store: Store, names: Sequence[str]) -> None:
    """Write `jobs.tsv` and the dataset `results`, a file a compute, which `pandas.read_parquet` reads together.

    Every row of a job (an event of "segment", a result of "compare") follows the columns of its job: job, compute,
    transcript, model, setting_NAME. Columns that one compute has and another has not are empty there.
    """
    done = [job for job, state in zip(jobs, table["state"], strict=True) if state == "done"]
    kinds = _setting_types(jobs, names)
    schema = _unified([_head(kinds), *_schemas(done, store)])
    contents = {}
    for compute in dict.fromkeys(job.compute for job in jobs):
        chosen = [job for job in done if job.compute == compute]
        contents[f"{compute}.parquet"] = partial(_write_rows, chosen, store, names, kinds, schema)
    write_files(store.out / DATASET, contents)
    for name in COMPUTES:
        if f"{name}.parquet" not in contents:  # of a plan that asked for more
            (store.out / DATASET / f"{name}.parquet").unlink(missing_ok=True)
    content = table.to_csv(sep="\t", index=False, lineterminator="\n").encode(errors="replace")
    write_files(store.out, {TABLE: content})


def _write_rows(
    chosen: list[Job], store: Store, names: Sequence[str], kinds: dict[str, pa.DataType], schema: pa.Schema, path: Path
) -> None:
    with open(path, "wb") as file, pq.ParquetWriter(file, schema) as writer:
        for job in chosen:
            writer.write_table(_rows(job, store, names, kinds, schema))


def _rows(job: Job, store: Store, names: Sequence[str], kinds: dict[str, pa.DataType], schema: pa.Schema) -> pa.Table:
    path = store.folder(job) / ROWS
    record = store.record(job)
    try:
        if record is None or sha256_file(path) != record["files"][ROWS]["sha256"]:
            raise StorageError(f"{path} was changed: delete its folder and run the batch again")
        with open(path, "rb") as file:  # Arrow takes names in UTF-8 only
            table = pq.read_table(file)
    except (OSError, KeyError, TypeError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    about = _about(job, names)
    columns = []
    for field in schema:
        if field.name in about:
            columns.append(pa.array([_as(kinds, field.name, about[field.name])] * len(table), field.type))
        elif field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        else:
            columns.append(pa.nulls(len(table), field.type))
    return pa.table(columns, schema=schema)


def _unreadable(path: Path, error: Exception) -> StorageError:
    return StorageError(
        f"cannot read {path}: {first_words(str(error), 200)}; delete its folder and run the batch again"
    )


def _schemas(done: Sequence[Job], store: Store) -> Iterator[pa.Schema]:
    for job in done:
        path = store.folder(job) / ROWS
        try:
            with open(path, "rb") as file:
                found = pq.read_schema(file)
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error
        # The columns of the job say the same more exactly.
        yield pa.schema([field for field in found if field.name not in JOB_COLUMNS])


def _unified(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """The columns of all, of kinds that hold all values: what is a number here and a text there becomes text."""
    kinds: dict[str, list[pa.Field]] = {}
    for field in (field for schema in schemas for field in schema):
        same = kinds.setdefault(field.name, [])
        if all(field.type != other.type for other in same):
            same.append(field)
    return pa.schema([_common(name, found) for name, found in kinds.items()])


def _common(name: str, fields: list[pa.Field]) -> pa.Field:
    try:
        one = pa.unify_schemas([pa.schema([field]) for field in fields], promote_options="permissive").field(name)
        return pa.field(name, one.type)
    except pa.ArrowException:
        return pa.field(name, pa.string())


def _head(kinds: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in JOB_COLUMNS] + list(kinds.items()))


def _setting_types(jobs: Sequence[Job], names: Sequence[str]) -> dict[str, pa.DataType]:
    """Whole numbers, numbers or texts: what holds every value that the plan gives a setting."""
    kinds = {}
    for name in names:
        values = [job.setting.given[name] for job in jobs if name in job.setting.given]
        whole = all(isinstance(v, int) and abs(v) < 2**63 for v in values)
        number = all(isinstance(v, int | float) for v in values)
        kinds[f"setting_{name}"] = pa.int64() if whole else pa.float64() if number else pa.string()
    return kinds


def _as(kinds: dict[str, pa.DataType], name: str, value: Any) -> Any:
    return str(value) if value is not None and name in kinds and kinds[name] == pa.string() else value

"""One segmentation against a crowd: every measure with its ceiling, its interval and what chance gives."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from emcog.human import Crowd
from emcog.stats.agreement import MEASURES, AgreementSettings, Measure, Partitions
from emcog.stats.agreement.windows import HALF_EVENT
from emcog.stats.notes import people_note, settings_note
from emcog.stats.nulls import against, draws
from emcog.stats.observers import observer_interval, stretch_interval

BATCH_BYTES = 4_000_000
Key = tuple[str, str]


def measures_of(names: Sequence[str] | None, crowd: Crowd) -> tuple[list[tuple[Measure, str]], list[str]]:
    """The measures asked for with their variants, those that must stand beside them, and why any is left out.

    Parameters
    ----------
    names : of `MEASURES`; None for all of them.
    """
    chosen = list(MEASURES) if names is None else list(names)
    for name in list(chosen):
        chosen += [other for other in MEASURES[name].beside if other not in chosen]
    kept, reasons = [], []
    for name in dict.fromkeys(chosen):
        measure = MEASURES[name]
        for variant in measure.variants:
            reason = measure.missing(crowd, variant)
            if reason is None:
                kept.append((measure, variant))
            elif variant == next(iter(measure.variants)):
                reasons.append(f"{name} left out: {reason}")
    return kept, reasons


def against_chance(
    starts: np.ndarray,
    crowd: Crowd,
    chosen: Sequence[tuple[Measure, str]],
    settings: AgreementSettings,
    null: str | None,
    n_null: int,
    seed: int,
) -> dict[Key, dict[str, Any]]:
    """How every measure compares with `n_null` draws from the null model, all measures of one on the same draws.

    Parameters
    ----------
    null : None is each measure's own (`Measure.null`).

    Returns
    -------
    (measure, variant) -> the columns null_model, null_mean, null_sd, z, p and n_null.
    """
    out: dict[Key, dict[str, Any]] = {}
    for model in dict.fromkeys(null or m.null for m, _ in chosen):
        own = [(m, v) for m, v in chosen if (null or m.null) == model]
        found = _against(starts, crowd, own, settings, draws(starts, crowd.n_units, model, n_null, seed))
        out |= {key: {"null_model": model} | columns for key, columns in found.items()}
    return out


def _against(
    starts: np.ndarray,
    crowd: Crowd,
    chosen: Sequence[tuple[Measure, str]],
    settings: AgreementSettings,
    drawn: np.ndarray,
) -> dict[Key, dict[str, Any]]:
    values: dict[Key, list[np.ndarray]] = {(m.name, v): [] for m, v in chosen}
    tested: dict[Key, list[np.ndarray]] = {key: [] for key in values}
    own = Partitions.of([starts], crowd.n_units)
    for batch in (own, *(Partitions.of(part, crowd.n_units) for part in _batches(drawn, crowd.n_units))):
        for measure, variant in chosen:
            values[measure.name, variant].append(measure.score_many(batch, crowd, settings, variant))
            if measure.tested:
                tested[measure.name, variant].append(measure.tested_many(batch, crowd, settings, variant))
    out = {}
    for key, parts in values.items():
        out[key] = against(float(parts[0][0]), np.concatenate(parts[1:]))
        if tested[key]:
            test = against(float(tested[key][0][0]), np.concatenate(tested[key][1:]))
            out[key] |= {"z": test["z"], "p": test["p"]}  # of one thing, both; null_mean and null_sd are the value's
    return out


def compare_rows(
    starts: np.ndarray,
    crowd: Crowd,
    *,
    metrics: Sequence[str] | None = None,
    settings: AgreementSettings | None = None,
    null: str | None = None,
    n_null: int = 10_000,
    seed: int = 0,
    ceilings: dict[Key, float] | None = None,
    intervals: bool = True,
) -> list[dict[str, Any]]:
    """Rows of the table of results for one segmentation.

    Parameters
    ----------
    starts : first units of the events; 0 does not count.
    ceilings : by (measure, variant), where they are known already: they do not depend on the segmentation.
    intervals : with 95% intervals.
    """
    settings = settings or AgreementSettings()
    chosen, reasons = measures_of(metrics, crowd)
    starts = np.unique(np.asarray(starts, dtype=np.int64))
    starts = starts[starts > 0]
    batch = Partitions.of([starts], crowd.n_units)
    observed = {(m.name, v): float(m.score_many(batch, crowd, settings, v)[0]) for m, v in chosen}
    by_chance = against_chance(starts, crowd, chosen, settings, null, n_null, seed) if len(starts) else {}
    limits = observer_interval(starts, crowd, chosen, settings, seed) if intervals else {}
    if intervals and not limits:
        limits = stretch_interval(starts, crowd, chosen, settings)
    told, rows = _told(crowd, settings, chosen, reasons), []
    for measure, variant in chosen:
        key = measure.name, variant
        value = observed[key]
        row = {"metric": measure.name, "variant": variant, "unit": measure.unit_of(crowd, variant),
               "bin": crowd.bin_s, "tolerance": settings.tolerance if measure.tolerant else np.nan,
               "estimate": value, "n": len(starts), "seed": seed,
               "ceiling": (ceilings or {}).get(key, np.nan)}  # fmt: skip
        row["ci_low"], row["ci_high"] = limits.get(key, (np.nan, np.nan))
        if key in by_chance:
            row |= by_chance[key]
        if measure.higher is None:
            row |= {"null_model": None, "null_mean": None, "null_sd": None, "z": None, "p": None, "n_null": None}
        otherwise = f"; z and p: of {measure.tested_name}" if measure.tested_name else ""
        rows.append(row | {"variant": _form(variant, settings), "note": told + otherwise})
    return rows


def _told(
    crowd: Crowd, settings: AgreementSettings, chosen: Sequence[tuple[Measure, str]], reasons: Sequence[str]
) -> str:
    measures = [measure for measure, _ in chosen]
    return "; ".join(["n: boundaries", people_note(crowd), settings_note(crowd, settings, measures), *reasons])


def _form(variant: str, settings: AgreementSettings) -> str:
    """A variant as a row names it: with the window that was given in place of the usual one."""
    return variant if settings.window is None else variant.replace(HALF_EVENT, f"window {settings.window}")


def _batches(drawn: np.ndarray, n_units: int) -> Iterator[np.ndarray]:
    size = max(1, BATCH_BYTES // n_units)
    for start in range(0, len(drawn), size):
        yield drawn[start : start + size]

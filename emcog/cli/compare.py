"""emcog compare: segmentations against people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from emcog.cli.console import few_enough, show_json, show_line, show_table
from emcog.cli.people import (
    Columns,
    Consensus,
    Duration,
    Event,
    FromFormat,
    Grade,
    ObserversIn,
    ReactionTime,
    SamplingHz,
    Stimulus,
    Tier,
    TimeUnit,
    people_given,
)
from emcog.cli.segmentations import load_segmentations

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "Example:\n\nemcog compare events --human presses.csv --out comparison"


def compare(
    segmentations: Annotated[
        list[Path], typer.Argument(metavar="SEGMENTATION...", help="Folders that emcog segment wrote, or FOLDER/NAME.")
    ],
    human: Annotated[
        str, typer.Option(help="A file of annotations, a dataset, or NAME/ITEM of one.", metavar="NAME|FILE")
    ],
    metrics: Annotated[str | None, typer.Option(help="Some only: f1,recall.", metavar="NAME,NAME")] = None,
    null: Annotated[str | None, typer.Option(help="What chance means; see above.", metavar="NAME")] = None,
    n_null: Annotated[int, typer.Option("--n-null", help="Draws from it.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    tolerance: Annotated[float, typer.Option(help="How far boundaries may lie apart and match.")] = 5.0,
    tolerance_unit: Annotated[
        str, typer.Option("--tolerance-unit", help="unit (words) or s.", metavar="UNIT")
    ] = "unit",
    reaction_time: ReactionTime = 0.0,
    consensus: Consensus = None,
    grade: Grade = None,
    signals: Annotated[
        str | None, typer.Option(help="Correlate these with people too: surprisal, ..., or all.", metavar="NAME,NAME")
    ] = None,
    from_format: FromFormat = None,
    stimulus: Stimulus = None,
    duration: Duration = None,
    time_unit: TimeUnit = None,
    sampling_hz: SamplingHz = None,
    observers_in: ObserversIn = None,
    event: Event = None,
    tier: Tier = None,
    columns: Columns = None,
    stars: Annotated[bool, typer.Option("--stars", help="Mark small corrected p with stars.", metavar="")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the files.", metavar="FOLDER")] = Path("."),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.", metavar="")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No table; errors only.", metavar="")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="After an error, show where it arose.", metavar="")] = False,
) -> None:
    """Compare segmentations with people's: agreement, chance and the people's agreement with each other.

    Writes comparison.csv, .parquet, .md and .tex. Null models: circular_shift (default), shuffled_lengths
    (default for matched), uniform.
    """
    from emcog.files import check_folder
    from emcog.human import ConsensusRule
    from emcog.stats import AgreementSettings, save
    from emcog.stats import compare as compare_tables

    check_folder(out)
    settings = AgreementSettings(tolerance=tolerance, tolerance_unit=tolerance_unit)
    rule = None if consensus is None else ConsensusRule(consensus)
    reading = {
        "format": from_format, "stimulus": stimulus, "duration_s": duration, "time_unit": time_unit,
        "sampling_hz": sampling_hz, "observers_in": observers_in, "event": event, "tier": tier, "columns": columns,
    }  # fmt: skip
    people = people_given(human, reading, "--human")
    table = compare_tables(
        load_segmentations(segmentations), people, metrics=None if metrics is None else _names(metrics), null=null,
        n_null=n_null, seed=seed, settings=settings, rule=rule, reaction_time_s=reaction_time, grade=grade,
        signals=_names(signals or ""), dataset=None if people is human else Path(human).name,
    )  # fmt: skip
    files = save(table, out, stars=stars)
    if as_json:
        show_json({"results": table.astype(object).where(table.notna(), None).to_dict("records"),
                   "files": [str(path) for path in files]})  # fmt: skip
    elif not quiet:
        _show(table, files)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _show(table: "pd.DataFrame", files: list[Path]) -> None:
    rows = [
        [row.method, *[_number(value) for value in (row.estimate, row.ceiling, row.null_mean, row.z)],
         _p(row.p), _p(row.p_bh), f"{row.metric} ({row.variant}), {row.unit}"]
        for row in table.itertuples()
    ]  # fmt: skip
    columns = ["method", "estimate", "people", "chance", "z", "p", "p_bh", "measure"]
    show_table(columns, few_enough(rows, more=files[0].name), spare=("p", "z"))
    if len(table):
        show_line("\nIn the files, people is called ceiling and chance null_mean.")
        show_line(f"{table['note'].iloc[0]}. Written:")
    else:
        show_line("\nNothing to compare. Written:")
    for path in files:
        show_line(f"  {path}")


def _number(value: float) -> str:
    """Three decimals, from 10 on three digits that count."""
    if value != value:
        return ""
    return f"{value:.3f}" if abs(value) < 9.9995 else f"{value:.1f}" if abs(value) < 99.95 else f"{value:,.0f}"


def _p(value: float) -> str:
    return "" if value != value else "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")

"""emcog compare: segmentations against people."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emcog.cli.console import few_enough, show_json, show_line, show_table
from emcog.cli.people import people_given
from emcog.cli.segmentations import load_segmentations

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "Example:\n\nemcog compare events --human presses.csv --out comparison"
PEOPLE = "People's file"


def _people(help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=PEOPLE, metavar=metavar)


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
    reaction_time: Annotated[float, typer.Option("--reaction-time", help="Seconds taken off people's times.")] = 0.0,
    consensus: Annotated[str | None, typer.Option(help="density, proportion or release.", metavar="RULE")] = None,
    grade: Annotated[str | None, typer.Option(help="Whose marks: coarse or fine, say.", metavar="NAME")] = None,
    signals: Annotated[
        str | None, typer.Option(help="Correlate these with people too: surprisal, ..., or all.", metavar="NAME,NAME")
    ] = None,
    from_format: Annotated[str | None, _people("Its format; default: recognised.", "--from", metavar="FORMAT")] = None,
    stimulus: Annotated[str | None, _people("Which one, of several.", metavar="NAME")] = None,
    duration: Annotated[float | None, _people("Of the stimulus, in seconds.")] = None,
    time_unit: Annotated[str | None, _people("s or ms.", "--time-unit", metavar="UNIT")] = None,
    sampling_hz: Annotated[float | None, _people("Matrix: samples a second.", "--sampling-hz")] = None,
    observers_in: Annotated[str | None, _people("Matrix: columns or rows.", "--observers-in", metavar="NAME")] = None,
    event: Annotated[str | None, _people("Logs and BIDS: which event, trial or run is a mark.", metavar="NAME")] = None,
    tier: Annotated[str | None, _people("ELAN, TextGrid: the tier.", metavar="NAME")] = None,
    columns: Annotated[str | None, _people("Table: observer=who,time=when.", "--columns", metavar="ROLE=NAME")] = None,
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
    from emcog.human import ConsensusRule
    from emcog.stats import AgreementSettings, save
    from emcog.stats import compare as compare_tables

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
    shown = table[["method", "estimate", "ceiling", "null_mean", "z", "p", "p_bh", "metric", "variant", "unit"]]
    rows = [
        [row.method, *[_number(value) for value in (row.estimate, row.ceiling, row.null_mean, row.z, row.p, row.p_bh)],
         f"{row.metric} ({row.variant}), {row.unit}"]
        for row in shown.itertuples()
    ]  # fmt: skip
    columns = ["method", "estimate", "people", "chance", "z", "p", "p_bh", "measure"]
    show_table(columns, few_enough(rows, more=files[0].name), spare=("p", "z"))
    show_line(f"\n{table['note'].iloc[0]}. Written:" if len(table) else "\nNothing to compare. Written:")
    for path in files:
        show_line(f"  {path}")


def _number(value: float) -> str:
    return "" if value != value else f"{value:.3g}"

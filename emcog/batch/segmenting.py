"""Segmentations of a batch: what `emcog segment` writes."""

import shutil
from pathlib import Path

from emcog.batch.compute import Made, Work


def run_segment(work: Work) -> Made:
    """The files of the events; a text too long to be held goes from file to file, and only its events are held."""
    from emcog.transcript import is_long

    if work.path is not None and is_long(work.path, work.reading.get("format"), work.reading.get("encoding")):
        return _long(work, work.path)
    from emcog.segmenting import segment

    transcript = work.transcript()
    segmentation = segment(transcript, work.lm(), checkpoint=work.kept, **work.settings)
    return Made(
        lambda folder: segmentation.save(folder, _stem(transcript.name)), segmentation.events, len(segmentation.tokens)
    )


def _stem(name: str) -> str:
    """How the files of a story are called; `job.json` beside them is the job's."""
    from emcog.segmentation import file_stem

    stem = file_stem(name)
    return f"{stem}_" if stem.casefold() == "job" else stem


def _long(work: Work, path: Path) -> Made:
    import pandas as pd

    from emcog.segmenting.long import segment_long

    events: list[pd.DataFrame] = []
    written = segment_long(
        path, work.lm(), work.kept / "files", _stem(path.stem), encoding=work.reading.get("encoding"),
        checkpoint=work.kept / "heard", on_events=events.append, **work.settings,
    )  # fmt: skip
    work.check(written.sha256)

    def fill(folder: Path) -> None:
        """Copied, not moved: another run may be about to take them too."""
        for file in written.files:
            shutil.copyfile(file, folder / file.name)

    return Made(fill, pd.concat(events, ignore_index=True), written.n_tokens)

"""Inputs guided by coverage (atheris, libFuzzer) for every reader: never anything but a result or an error of emcog's.

    python analyses/fuzz_guided.py [--seconds 60] [--seed 1] [--only NAME]

Needs `pip install atheris`. Each reader is fuzzed in a process of its own; an input that takes more than 10 seconds, or
that raises what is no `EmcogError` or an error of several lines, is printed and ends with exit status 1. The last line
printed counts the inputs.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emcog.errors import EmcogError

FOLDER = Path(tempfile.gettempdir())
EXAMPLES = {
    "text": b"Once upon a time.", "markdown": b"# One\n\nTwo *three*.\n", "csv": b"word,onset,offset\na,0,1\n",
    "tsv": b"word\tonset\toffset\na\t0\t1\n", "srt": b"1\n00:00:01,000 --> 00:00:02,000\na\n",
    "webvtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\na\n",
    "textgrid": b'File type = "ooTextFile"\nObject class = "TextGrid"\n0 1 <exists> 2 "IntervalTier" "w" 0 1 1 0 1 "a" '
    b'"TextTier" "p" 0 1 1 0.5 "x"',
    "whisper": b'{"segments": [{"text": "a", "start": 0, "end": 1}]}', "gentle": b"a,a,0,1\nb,b,1,2\n",
    "long": b"participant,time\np1,3.5\n", "matrix": b"p1,p2\n0,1\n1,0\n", "bids": b"onset\ttrial_type\n3.5\tb\n",
    "elan": b'<ANNOTATION_DOCUMENT><TIER TIER_ID="a"/></ANNOTATION_DOCUMENT>', "psychopy": b"id,key.rt\np,3.5\n",
    "jspsych": b'[{"trial_type": "x", "trial_index": 1, "rt": 4200}]', "list": b"3.5\n7.25\n",
    "plan": b'[plan]\ntranscripts = "*.toml"\n[settings]\ngamma = [1, 2.5]\n',
}  # fmt: skip


def readers() -> dict[str, Callable[[bytes], Any]]:
    """Every reader that takes the bytes of one file, by name."""
    from emcog.batch import read_plan
    from emcog.human import read_annotations
    from emcog.human.readers.reading import ANNOTATION_FORMATS
    from emcog.transcript import FORMATS, read_transcript

    def through_file(read: Callable[[Path], Any], name: str) -> Callable[[bytes], Any]:
        path = FOLDER / name

        def go(data: bytes) -> Any:
            path.write_bytes(data)
            return read(path)

        return go

    found: dict[str, Callable[[bytes], Any]] = {}
    for name in FORMATS:
        found[f"transcript {name}"] = through_file(lambda path, name=name: read_transcript(path, format=name), "story")
    for name in ANNOTATION_FORMATS:
        if name not in ("kumar", "array"):
            options = {"sampling_hz": 1.0} if name == "matrix" else {}
            found[f"annotations {name}"] = through_file(
                lambda path, name=name, options=options: read_annotations(path, name, **options), "marks"
            )
    found["plan"] = through_file(read_plan, "plan.toml")
    return found


def fuzz(name: str, seconds: int, seed: int) -> None:
    """Fuzz one reader in this process, which libFuzzer ends."""
    import atheris

    with atheris.instrument_imports(include=["emcog"]):
        read = readers()[name]

    def one(data: bytes) -> None:
        try:
            read(data)
        except EmcogError as error:
            assert str(error).strip() and "\n" not in str(error), repr(str(error))

    corpus = FOLDER / "corpus"
    corpus.mkdir(exist_ok=True)
    (corpus / "good").write_bytes(EXAMPLES.get(name.split()[-1], b"a"))
    limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=10", "-max_len=4096", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *limits, f"-artifact_prefix={FOLDER}/", str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    """Fuzz each reader, print, count."""
    global FOLDER
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", metavar="NAME")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here:
        FOLDER = given.here
        fuzz(given.only[0], given.seconds, given.seed)
    total, failed = 0, []
    names = given.only or list(readers())
    for name in names:
        with tempfile.TemporaryDirectory(prefix="emcog-fuzz-") as folder:
            words = ["--seconds", str(given.seconds), "--seed", str(given.seed), "--only", name, "--here", folder]
            done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True)
        runs = re.findall(r"Done (\d+) runs", done.stderr)
        total += int(runs[-1]) if runs else 0
        print(
            f"{name}: {int(runs[-1]) if runs else 0:,} inputs" + ("" if done.returncode == 0 else ", FAILED"),
            flush=True,
        )
        if done.returncode or not runs:
            failed.append(name)
            print(done.stderr[-4000:])
    print(
        f"{total:,} inputs, {len(names)} readers, {len(failed)} failed" + (f" ({', '.join(failed)})" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Put in front of a worker's real work: a segmentation that needs no model and takes as long as the story says,
or as FAKE_SECONDS in the environment says of every story.

Dask imports this file in each worker (`distributed.worker.preload`); `put_in` does the same in this process.
"""

import os
import re
import signal
import time

import pandas as pd

from emcog.batch import worker
from emcog.batch.compute import Compute, Made
from emcog.batch.computes import COMPUTES
from emcog.errors import DataError, ModelError
from emcog.files import write_files

LOADS = []


def fake_segment(work):
    """An event a sentence."""
    transcript = work.transcript()
    text = transcript.text
    if "KILL" in text:
        os.kill(os.getpid(), signal.SIGKILL)
    work.lm()
    if "ODD" in text:
        raise DataError("an odd story")
    if "BUG" in text:
        raise RuntimeError("two\nlines")
    for seconds in [*re.findall(r"sleep (\d\S*)", text), os.environ.get("FAKE_SECONDS", "0")]:
        time.sleep(float(seconds))
    sentences = [s for s in re.split(r"(?<=\.)\s+", text) if s]
    events = pd.DataFrame({"event": range(len(sentences)), "surprise": work.settings["gamma"], "text": sentences})
    content = events.to_csv(sep="\t", index=False).encode()
    name = f"{transcript.name}.events.tsv"
    return Made(lambda folder: write_files(folder, {name: content}), events, len(text.split()))


def fake_load(wanted):
    """A model by name."""
    LOADS.append(wanted["name"])
    if wanted["name"] == "broken":
        raise ModelError("cannot load 'broken'")
    return wanted["name"]


FAKE = Compute("a stand-in", fake_segment)


def dask_setup(_):
    """What Dask calls in a worker that has this file as its preload."""
    COMPUTES["segment"] = FAKE
    worker._load = fake_load

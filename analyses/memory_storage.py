"""What does it cost to keep keys and values in 8 bits? The embedded LM reads with both, and the numbers are compared.

    python analyses/memory_storage.py [--tokens 6000] [--write]

One reading with storage="full", one with "8bit", all else equal; only tokens beyond the first window count. --write
fills the marked place of docs/memory.md.
"""

import argparse

import numpy as np
import pandas as pd

from emcog.lm import LM, load_lm
from emcog.memory import EpisodicLM, MemoryConfig
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.paths import data_folder
from emcog.transcript import read_transcript

SMALL = {"n_init": 16, "n_local": 256, "n_mem": 256, "chunk": 128}


def compare(lm: LM, ids: np.ndarray) -> pd.DataFrame:
    """One row a storage: storage, bytes_per_token, bits (mean surprisal), difference (of it, from "full"), absolute
    (mean absolute difference of a token's), same_recalls (share of the events that "full" recalled), n (tokens)."""
    rows, first, recalled = [], np.empty(0), set()
    for storage in ("full", "8bit"):
        memory = EpisodicLM(lm, MemoryConfig(**SMALL, storage=storage))
        bits = memory.read(ids)["surprisal"].to_numpy()[SMALL["n_local"] :]
        seen = set(memory.recalls[["step", "layer", "event"]].itertuples(index=False, name=None))
        if storage == "full":
            first, recalled = bits, seen
        log = memory.reader.log
        scales = sum(part.scales.width * 4 / 64 for part in log.layers.values() if part.scales is not None)
        rows.append({
            "storage": storage, "bytes_per_token": log.bytes_of_token + scales, "bits": bits.mean(),
            "difference": bits.mean() - first.mean(), "absolute": np.abs(bits - first).mean(),
            "same_recalls": len(seen & recalled) / max(1, len(recalled)), "n": len(bits),
        })  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=6000)
    parser.add_argument("--model", help="name or folder; default: the embedded LM")
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/memory.md")
    options = parser.parse_args()
    lm = load_lm(options.model)
    text = read_transcript(data_folder("datasets") / "demo" / "late_letter.txt").text
    table = compare(lm, lm.encode(text)[0][: options.tokens])
    print(table.to_string(index=False))
    if options.write:
        told = ", ".join(f"{name}={value}" for name, value in SMALL.items())
        page = f"{markdown_table(table, 4)}\n\nThe demo story, tokens beyond the first window; {told}. {measured_on()}"
        fill(docs_page("memory.md"), "storage", page)


if __name__ == "__main__":
    main()

"""Is a number that was stated once in a long text found again, whatever the length and wherever it stood?

    python analyses/passkey.py [--model NAME] [--seed 0] [--quick] [--force] [--out FOLDER]

Length x depth for S, SM, SM with contiguity, F (as InfLLM has it), the same memory by recency and at random, the
sliding window alone, and full attention where the model's limit allows it. Contexts of 131,072 and 1,048,576 tokens are
analyses/memory_recall.py's.
"""

import sys
from collections.abc import Iterator
from typing import Any

from emcog.reproduce import Setting
from emcog.reproduce.recalling import grid_rows

TRIALS, QUICK_TRIALS = {900: 4, 4096: 4, 16_384: 2}, {900: 1, 2048: 3}
"""Trials at each depth by length in tokens: long ones cost most."""
DEPTHS, QUICK_DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9), (0.2, 0.5, 0.8)


def rows(setting: Setting) -> Iterator[dict[str, Any]]:
    """Rows of the report; beside the columns of `emcog.stats.COLUMNS`: length (tokens), depth (NaN: all together)."""
    if setting.quick:
        return grid_rows(setting, "passkey", ["pass_key"], QUICK_TRIALS, QUICK_DEPTHS)
    return grid_rows(setting, "passkey", ["pass_key"], TRIALS, DEPTHS)


if __name__ == "__main__":
    from emcog.cli.scripts import analysis

    sys.exit(analysis("passkey", __doc__))

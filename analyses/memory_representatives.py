"""Is what was said found again with the default settings? By what events are found, and in which layers.

    python analyses/memory_representatives.py [--length 4096] [--trials 4] [--write]

Facts in the wording of the embedded LM's drills, hidden in the demo story and asked for on forks (`emcog.tasks`). Every
setting gets the same trials; settings that are not named are the defaults. --write fills the marked place of
docs/memory.md.
"""

import argparse

import pandas as pd
from memory_recall import SETTINGS

from emcog.memory import MemoryConfig
from emcog.pages import docs_page, fill, markdown_table, measured_on
from emcog.tasks import rates, sweep

TASKS = ("pass_key", "several_keys", "key_value", "who_lives_where")
DEPTHS = (0.1, 0.3, 0.5, 0.7, 0.9)
CONFIGS = {
    "default (top)": MemoryConfig(),
    'representative="mean"': MemoryConfig(representative="mean"),
    'representative="all"': MemoryConfig(representative="all"),
    "as in the table above": MemoryConfig(**SETTINGS),
    "the same, by top": MemoryConfig(**SETTINGS | {"representative": "top"}),
    "window alone": MemoryConfig(policy="none"),
}


def measure(length: int, n_trials: int) -> pd.DataFrame:
    """One row a setting: setting, and for each task the share that was said exactly; n (questions of each task)."""
    table = sweep([length], DEPTHS, TASKS, configs=CONFIGS, n_trials=n_trials)
    found = rates(table, by=("config", "task"))
    shares = found.pivot(index="config", columns="task", values="correct").loc[list(CONFIGS), list(TASKS)]
    return shares.assign(n=table.groupby("config").size() // len(TASKS)).rename_axis("setting").reset_index()


def main() -> None:
    """Print the table, and write it if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--length", type=int, default=4096)
    parser.add_argument("--trials", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="fill the marked place of docs/memory.md")
    options = parser.parse_args()
    table = measure(options.length, options.trials)
    print(table.to_string(index=False))
    if options.write:
        page = (
            f"{markdown_table(table, 2)}\n\nShare said exactly, greedily; contexts of {options.length:,} tokens, facts "
            f"at depths {', '.join(map(str, DEPTHS))}, seeds 0 to {options.trials - 1}. {measured_on()}"
        )
        fill(docs_page("memory.md"), "representatives", page)


if __name__ == "__main__":
    main()

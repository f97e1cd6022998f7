"""emcog memory: what is in a memory, told without its model."""

from typing import Any

from emcog.cli.console import few_enough, show_json, show_line, show_list, show_table
from emcog.cli.memories import AsJson, Debug, Folder

EXAMPLE = "Example, after emcog read letter.txt --memory my-memory:\n\nemcog memory my-memory"


def memory(
    folder: Folder,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Tell what is in a memory: books, model, settings, sizes and events.

    Its text and events are shown even if the keys and values are damaged.
    """
    from emcog.cli.bookshelf import Shelf
    from emcog.memory import read_tables

    found = read_tables(folder)
    manifest, events = found["manifest"], found["events"]
    books = _books(Shelf.open(folder).books, len(found["tokens"]))
    n_bytes = sum(entry["bytes"] for entry in manifest["files"].values())
    if as_json:
        show_json({
            "memory": str(folder), "tokens": len(found["tokens"]), "bytes": n_bytes, "books": books,
            "model": manifest["model"], "settings": manifest["config"], "versions": manifest["versions"],
            "events": events.to_dict("records"),
        })  # fmt: skip
        return
    model = manifest["model"]
    told = [
        ["books", "; ".join(f"{book['name']} ({book['tokens']:,} tokens)" for book in books) or "not known"],
        ["tokens", f"{len(found['tokens']):,}"],
        ["events", f"{len(events):,} behind the sliding window"],
        ["size", f"{n_bytes / 1e6:,.1f} MB"],
        ["model", f"{model['name']}, {model['dtype']}, weights {model['weights'][:12]}"],
        ["settings", ", ".join(f"{key}={value}" for key, value in manifest["config"].items() if value is not None)],
        ["written by", ", ".join(f"{package} {version}" for package, version in manifest["versions"].items())],
    ]
    show_list(["", str(folder)], told)
    if len(events):
        show_line("")
        cells = [
            [str(row.event), f"{row.start_token}-{row.end_token - 1}",
             "" if row.surprise != row.surprise else f"{row.surprise:.1f}", row.text]
            for row in events.itertuples()
        ]  # fmt: skip
        rows = few_enough(cells, more="emcog memory --json")
        show_table(["event", "tokens", "surprise", "text"], rows, spare=("surprise", "tokens"))


def _books(shelf: list[dict[str, Any]], n_tokens: int) -> list[dict[str, Any]]:
    """Each book's name, its first token, and how many tokens were read until the next one began."""
    ends = [*[book["first_token"] for book in shelf[1:]], n_tokens] if shelf else []
    return [
        {"name": book["name"], "sha256": book["sha256"], "first_token": book["first_token"],
         "tokens": max(0, end - book["first_token"])}
        for book, end in zip(shelf, ends, strict=True)
    ]  # fmt: skip

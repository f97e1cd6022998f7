"""Pages that are made whenever the site is built: the API, the commands, the data sets."""

import ast
import tomllib
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

ROOMS = {
    "transcript": "Transcripts", "lm": "Language models and listening", "signals": "Signals",
    "segmenting": "Segmenting text", "segmentation": "The segmentation and its tables", "series": "Segmenting series",
    "boundaries": "Boundaries: proposing and refining", "graph": "The similarity graph", "memory": "Episodic memory",
    "human": "People's annotations and datasets", "stats": "Statistics", "stats.agreement": "Agreement measures",
    "tasks": "Recall tasks", "batch": "Many stories at once", "viz": "Pictures and the report",
    "reproduce": "The paper again",
}  # fmt: skip
"""The rooms that have a public face, and what their pages are called."""


def pages() -> dict[str, str]:
    """Path of each page below docs/ -> its Markdown."""
    made = {"datasets.md": datasets(), "cli.md": commands(), "api/index.md": face()}
    where = homes()
    return made | {f"api/{room}.md": room_page(room, title, where) for room, title in ROOMS.items()}


def public_names(room: str) -> dict[str, str]:
    """The room's `__all__`, each name with the place that defines it."""
    imported = imports(f"emcog.{room}")
    listed = next(
        node.value for node in parsed(f"emcog.{room}").body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    )  # fmt: skip
    return {name: imported.get(name, f"emcog.{room}.{name}") for name in ast.literal_eval(listed)}


def homes() -> dict[str, tuple[str, str]]:
    """Every public name (`emcog.stats.compare`) -> (room that shows it, place that defines it)."""
    shown: dict[str, str] = {}
    out = {}
    for room in sorted(ROOMS, key=lambda name: -name.count(".")):  # what a room hands on is shown where it is made
        for name, place in public_names(room).items():
            out[f"emcog.{room}.{name}"] = shown.setdefault(place, room), place
    return out


def room_page(room: str, title: str, where: dict[str, tuple[str, str]]) -> str:
    """A room's page: everything in its `__all__`."""
    lines = [f"# {title}", "", f"`from emcog.{room} import ...`", ""]
    handed_on = []
    for name in public_names(room):
        shown_in, place = where[f"emcog.{room}.{name}"]
        if shown_in == room:
            lines += [f"::: {place}", ""]
        else:
            handed_on.append(f"[`{name}`][{place}]")
    if handed_on:
        lines += ["Handed on from other rooms: " + ", ".join(handed_on) + ".", ""]
    return "\n".join(lines)


def face() -> str:
    """The public face: what `import emcog` offers, and where the rest is."""
    import emcog

    where = homes()
    rows = []
    for name in emcog.__all__:
        if name in ("__version__", "EmcogError"):
            continue
        _, place = where[f"{emcog._HOMES[name]}.{name}"]
        rows.append(f"- [`emcog.{name}`][{place}]: {claim(place)}")
    rooms = [f"- [{title}]({room}.md): `emcog.{room}`" for room, title in ROOMS.items()]
    return "\n".join([
        "# The API", "", "`import emcog` loads nothing heavy: each name is fetched when it is first used.", "",
        *rows, "- [`emcog.EmcogError`][emcog.errors.EmcogError]: the family of all errors, below", "",
        "## Rooms", "", *rooms, "", "## Errors", "",
        "Every error of emcog's own is one line that says what was wrong, where, and what to do.", "",
        *[f"::: emcog.errors.{name}\n    options:\n      heading_level: 3\n" for name in defined("emcog.errors")],
    ])  # fmt: skip


def parsed(module: str) -> ast.Module:
    """A module of this checkout, read and not run."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(module: str) -> dict[str, str]:
    """Name -> the place that it is imported from, anywhere in a module."""
    nodes = [node for node in ast.walk(parsed(module)) if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


def defined(module: str) -> dict[str, ast.ClassDef | ast.FunctionDef]:
    """The classes and functions that a module defines, by name."""
    return {node.name: node for node in parsed(module).body if isinstance(node, ast.ClassDef | ast.FunctionDef)}


def claim(place: str) -> str:
    """The first line of what a class or function says of itself, with a small letter and no full stop."""
    module, _, name = place.rpartition(".")
    found = defined(module).get(name)
    if found is None:  # handed on from further in
        return claim(imports(module)[name])
    said = (ast.get_docstring(found) or "").partition("\n")[0].rstrip(".")
    return said if said[1:2].isupper() else said[:1].lower() + said[1:]


def commands() -> str:
    """Every command with its options, from the command line itself."""
    from typer.main import get_command

    from emcog.cli.app import app

    lines = ["# The command line", "",
             "Every command prints its help with `--help`. What goes wrong is one line on standard error, and the exit",
             "status is 2; `--debug` shows where it arose.", ""]  # fmt: skip
    for name, command in sorted(_flat(get_command(app), "emcog")):
        lines += [f"## `{name}`", "", _text(command.help), ""]
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option" and p.name != "help" and not p.hidden]
        if arguments or options:
            lines += ["| | what it does | default |", "| --- | --- | --- |"]
            lines += [f"| {_call(p)} | {_cell(p.help)} | {_default(p)} |" for p in [*arguments, *options]]
            lines.append("")
        lines += _example(command.epilog or "")
    return "\n".join(lines)


def _example(epilog: str) -> list[str]:
    """The paragraphs of an example: what ends in a colon is said, the rest is typed."""
    parts = [part.strip() for part in epilog.split("\n\n") if part.strip()]
    lines: list[str] = []
    for said, group in groupby(parts, key=lambda part: part.endswith(":")):
        block = list(group)
        lines += [*block, ""] if said else ["```sh", *block, "```", ""]
    return lines


def _flat(command: Any, name: str) -> list[tuple[str, Any]]:
    inside = getattr(command, "commands", None)
    if inside is None:
        return [(name, command)]
    return [pair for key, one in inside.items() for pair in _flat(one, f"{name} {key}")]


def _text(told: str | None) -> str:
    return (told or "").replace("\f", "").replace("\b", "").replace("<", "&lt;").strip()


def _call(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    metavar = parameter.metavar if parameter.metavar is not None else ""
    return f"`{', '.join([*parameter.opts, *parameter.secondary_opts])}`" + (f" {metavar}".replace("|", "\\|").rstrip())


def _cell(told: str | None) -> str:
    return _text(told).replace("\n", " ").replace("|", "\\|")


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or value is False or callable(value) or type(value).__name__ == "Sentinel" or value in ((), []):
        return ""
    return f"`{value}`"


def datasets() -> str:
    """Every data set's card."""
    lines = ["# Data sets", "",
             "`emcog.load_dataset(NAME)` reads a data set; `emcog datasets fetch NAME` gets it. What the cards say is",
             "shown here as it stands in `datasets/*.toml`. Read the caveats: they change results.", ""]  # fmt: skip
    for file in sorted((ROOT / "datasets").glob("*.toml")):
        card = tomllib.loads(file.read_text(encoding="utf-8"))
        lines += [f"## {card['name']}", "", f"**{card['title']}** ({card['year']}). {_flow(card['description'])}", ""]
        said = {"holds": ", ".join(card.get("holds", [])), "licence": card["licence"], "terms": card.get("terms", ""),
                "caveat": card.get("caveat", ""), "by hand": card.get("manual", ""),
                "cite": card["citation"]}  # fmt: skip
        lines += [f"- **{key}**: {_flow(value)}" for key, value in said.items() if value]
        if card.get("doi"):
            lines.append(f"- **DOI**: [{card['doi']}](https://doi.org/{card['doi']})")
        lines.append("")
    return "\n".join(lines)


def _flow(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;").replace("*", "\\*")

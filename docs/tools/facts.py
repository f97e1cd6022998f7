"""Facts that pages show and nobody types: `<!-- fact: NAME -->` in a page is replaced when the site is built."""

import re
from pathlib import Path

from emcog.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
CARD = ROOT / "emcog" / "lm" / "embedded" / "MODEL_CARD.md"
PLACE = re.compile(r"<!-- fact: (.+?) -->")


def fill(markdown: str, page: str) -> str:
    """The page with its facts; DataError names the page and a fact that nobody knows."""

    def told(found: re.Match[str]) -> str:
        kind, _, name = found[1].partition(": ")
        if kind not in KINDS:
            raise DataError(f"docs/{page}: there is no fact {found[1]!r}; choose from {', '.join(KINDS)}")
        return KINDS[kind](name)

    return PLACE.sub(told, markdown)


def card_section(name: str) -> str:
    """A section of the model card, its heading left out."""
    sections = dict(
        re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", CARD.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    )
    if name not in sections:
        raise DataError(f"{CARD.name} has no section {name!r}; it has {', '.join(sections)}")
    return str(sections[name]).strip()


def card_value(name: str) -> str:
    """The second cell of the model card's row that begins with `name`."""
    row = re.search(rf"^\| {re.escape(name)} \| (.+?) \|$", CARD.read_text(encoding="utf-8"), re.MULTILINE)
    if row is None:
        raise DataError(f"{CARD.name} has no row {name!r}")
    return row[1]


def look_up_share(_: str) -> str:
    """The share of look-ups inside the context that the model answers exactly, as a percentage."""
    right, of = re.findall(r"\d+", card_value("look-up inside the context, exact answers"))
    return f"{100 * int(right) / int(of):.0f}%"


def columns(_: str) -> str:
    """The columns of the table of results."""
    from emcog.stats.rows import COLUMNS

    rows = [f"| `{name}` | {kind} | {doc} |" for name, (kind, doc) in COLUMNS.items()]
    return "\n".join(["| column | type | what it says |", "| --- | --- | --- |", *rows])


def measure(name: str) -> str:
    """What a measure of agreement is, as its registry says: claim, unit, direction, needs, companions."""
    from emcog.stats.agreement import MEASURES

    one = MEASURES[name]
    units = one.unit if isinstance(one.unit, str) else ", ".join(dict.fromkeys(one.unit.values()))
    better = {True: "higher is more agreement", False: "lower is more agreement", None: "neither direction is better"}
    said = [f"unit: {units}", better[one.higher], f"needs: {', '.join(one.needs)}"]
    said += ["has a tolerance"] if one.tolerant else []
    said += [f"variants: {', '.join(one.variants)}"] if len(one.variants) > 1 else []
    said += [f"never shown without `{'`, `'.join(one.beside)}`"] if one.beside else []
    return f"{one.doc[0].upper()}{one.doc[1:]}.\n\n*{'; '.join(said)}.*"


def nulls(_: str) -> str:
    """The null models of boundaries."""
    from emcog.stats.nulls import DEFAULT_NULL, NULLS

    rows = [f"| `{name}`{' (default)' if name == DEFAULT_NULL else ''} | {one.doc} |" for name, one in NULLS.items()]
    return "\n".join(["| null model | what a draw is, and what it keeps |", "| --- | --- |", *rows])


def methods(_: str) -> str:
    """The methods that have names."""
    from emcog.segmenting import METHODS

    rows = [f"| `{name}` | {one.doc} |" for name, one in METHODS.items()]
    return "\n".join(["| method | events by |", "| --- | --- |", *rows])


def settings(_: str) -> str:
    """The defaults of agreement."""
    from dataclasses import fields

    from emcog.stats.agreement import AgreementSettings

    rows = [f"| `{one.name}` | {one.default!r} |" for one in fields(AgreementSettings)]
    return "\n".join(["| setting | default |", "| --- | --- |", *rows])


def analyses(_: str) -> str:
    """The analyses, what each asks, and the claims that are read off it."""
    from emcog.reproduce.claims import CLAIMS
    from emcog.reproduce.listed import ANALYSES

    rows = [f"| `{name}` | {one.about} | {'; '.join(claim.text for claim in CLAIMS.get(name, ()))} |"
            for name, one in ANALYSES.items()]  # fmt: skip
    return "\n".join(["| analysis | asks | claims |", "| --- | --- | --- |", *rows])


KINDS = {
    "card section": card_section, "card value": card_value, "look-up share": look_up_share, "columns": columns,
    "measure": measure, "nulls": nulls, "methods": methods, "agreement settings": settings, "analyses": analyses,
}  # fmt: skip

"""Point tiers of a Praat TextGrid, annotations of an ELAN .eaf: a tier is an observer."""

import xml.etree.ElementTree as ET

from emcog.errors import TranscriptError
from emcog.human.readers.source import Read, Source, number
from emcog.transcript.formats.textgrid import read_tiers
from emcog.transcript.source import Source as TranscriptSource


def read_points(source: Source) -> Read:
    """Points of a TextGrid's point tiers, each tier an observer; `tier` chooses one. Labels are not read."""
    try:
        tiers = list(read_tiers(TranscriptSource(source.label, source.content)))
    except TranscriptError as error:
        raise source.error(str(error).removeprefix(f"{source.label}: ")) from None
    points = {tier.name: tier for tier in tiers if not tier.is_interval}
    if not points:
        names = ", ".join(tier.name for tier in tiers) or "none"
        raise source.error(f"no point tier: its tiers are {names} (intervals); boundaries go on a point tier")
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or source.stem)
    for name in _chosen(source, list(points)):
        found.present(name)
        for place, time in enumerate(points[name].onset_s.tolist(), start=1):
            found.mark(name, place, time_s=time)
    return found


def read_elan(source: Source) -> Read:
    """Annotations of an ELAN file, each tier an observer; an event begins where an annotation does.

    Tiers that refer to others (translations, notes) have no times of their own and are left aside. `tier` chooses one.
    """
    try:
        root = ET.fromstring(source.content, ET.XMLParser(target=_NoDoctype()))
    except ET.ParseError as error:
        raise source.error(f"not XML ({error}): save it in ELAN again") from None
    except _DoctypeError:
        raise source.error("it declares a document type, which ELAN files have not: save it in ELAN again") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise source.error(f"not an ELAN file but <{root.tag}>: give an .eaf")
    times = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iterfind("TIME_ORDER/TIME_SLOT")}
    tiers = {
        tier.get("TIER_ID", ""): tier.findall("ANNOTATION/ALIGNABLE_ANNOTATION")
        for tier in root.iterfind("TIER")
        if tier.find("ANNOTATION/REF_ANNOTATION") is None
    }
    if not tiers:
        raise source.error("no tier with times of its own: annotate on a tier without a parent")
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or source.stem)
    for name in _chosen(source, list(tiers)):
        found.present(name)
        for place, annotation in enumerate(tiers[name], start=1):
            value = times.get(annotation.get("TIME_SLOT_REF1"))
            milliseconds = None if value is None else number(source, value, place, "TIME_VALUE")
            if milliseconds is None:
                identity = annotation.get("ANNOTATION_ID", "?")
                raise source.error(f"tier {name!r}, row {place} ({identity}): no time; align it in ELAN, or remove it")
            found.mark(name, place, time_s=milliseconds / 1000)  # ELAN's own unit
    return found


class _DoctypeError(Exception):
    """The file declares a document type."""


class _NoDoctype(ET.TreeBuilder):
    """Refuses document types, because only they can declare entities: references to files, or texts that grow."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """Called at the declaration, before what it declares is read."""
        raise _DoctypeError


def _chosen(source: Source, names: list[str]) -> list[str]:
    tier = source.options.tier
    if tier is None:
        return names
    if tier not in names:
        raise source.error(f"no tier {tier!r}: there are {', '.join(names)}")
    return [tier]

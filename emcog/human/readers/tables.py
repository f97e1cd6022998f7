"""Long tables (one row a mark or a rating) and BIDS events."""

import re
from itertools import pairwise

from emcog.human.readers.matrix import flag_columns, read_wide
from emcog.human.readers.source import (
    MISSING,
    NO,
    YES,
    Body,
    Read,
    Source,
    cells_of,
    column_of,
    counted,
    number,
    rescaled,
    scale_of,
)  # fmt: skip

BOUNDARY_EVENT = re.compile(r"bound|press|button|segment|response|keypress", re.IGNORECASE)
SUBJECT = re.compile(r"(?:^|[_/])sub-([A-Za-z0-9]+)")

Roles = dict[str, int | None]


def read_long(source: Source) -> Read:
    """A CSV or TSV with a row a mark: observer and time or word, perhaps grade, stimulus; with a value it is ratings.

    A row without a time (and word) says that its observer took part and marked nothing. A table with a row for every
    word that an observer was shown, and 0 or 1 beside it (observer, word_index, boundary), has its marks where 1 is; so
    has one with a column of 0 and 1 for each observer (`read_wide`).

    Raises
    ------
    DataError : neither a column of times nor one of words, or both and the caller names none.
    """
    header, body = cells_of(source)
    roles = {
        role: column_of(source, header, role) for role in ("observer", "time", "word", "grade", "value", "stimulus")
    }
    body = of_stimulus(source, header, body, roles["stimulus"])
    if own := _own_columns(header, body, roles):
        return read_wide(source, header, body, roles["time"], roles["word"], own)
    if "word" not in source.options.columns and not counted(body, roles["word"]):
        roles["word"] = None
    flags = _flags(source, roles, body)
    column, timed = _place(source, header, body, roles, flags)
    place = header[column]
    scale = scale_of(source, place) if timed else 1.0
    found = Read(
        duration_s=source.options.duration_s, stimulus=source.options.stimulus or _only(body, roles["stimulus"])
    )
    for row, cells in body:
        who = cells[roles["observer"]] if roles["observer"] is not None else source.options.observer or "1"
        if not who:
            raise source.error(f"row {row}: no observer in column {header[roles['observer'] or 0]!r}: name one")
        grade = cells[roles["grade"]] if roles["grade"] is not None else ""
        value = number(source, cells[column], row, place)
        if value is None or (flags is not None and cells[flags] not in YES):
            found.present(who)
        elif timed and roles["value"] is not None:
            rating = number(source, cells[roles["value"]], row, header[roles["value"]])
            found.present(who)
            if rating is not None:
                found.ratings.append((who, rescaled(value, scale), rating, row))
        elif timed:
            found.mark(who, row, time_s=rescaled(value, scale), grade=grade)
        else:
            if value != int(value) or value < 0:
                raise source.error(f"row {row}: {value:g} in column {place!r} is no word index: they count from 0")
            found.mark(who, row, word=int(value), grade=grade)
    return found


def _own_columns(header: list[str], body: Body, roles: Roles) -> list[int]:
    """Columns of 0 and 1 without a role of theirs, an observer each, in a table that has no column of observers.

    A single one could be anything, unless the rows are all the story's words.
    """
    if roles["observer"] is not None or roles["value"] is not None:
        return []
    flags = flag_columns(body, [i for i in range(len(header)) if i not in roles.values()])
    word = roles["word"]
    numbers = [row[word] for _, row in body] if word is not None else []
    all_words = word is not None and (not counted(body, word) or numbers == [str(i) for i in range(len(body))])
    return flags if len(flags) > 1 or all_words else []


def _flags(source: Source, roles: Roles, body: Body) -> int | None:
    """The column beside that of words whose cells are all 0 or 1: it says which rows are marks. None without one."""
    if roles["word"] is None or "time" in source.options.columns:
        return None
    column = roles["time"] if roles["time"] is not None else roles["value"]
    if column is None:
        return None
    cells = {row[column] for _, row in body if row[column].casefold() not in MISSING}
    return column if cells and cells <= {*YES, *NO} else None


def _place(source: Source, header: list[str], body: Body, roles: Roles, flags: int | None) -> tuple[int, bool]:
    """The column that says where the marks are, and whether it holds times."""
    time, word = roles["time"], roles["word"]
    named = [role for role in ("time", "word") if role in source.options.columns]
    if time is None and word is None:
        raise source.error(
            f"no column of times or of word indices: the columns are {', '.join(header)}; name it with "
            "time_column or word_column"
        )
    if word is not None and flags is not None:
        return word, False
    if time is not None and word is not None and named != ["time"] and named != ["word"]:
        raise source.error(
            f"both {header[time]!r} (times?) and {header[word]!r} (word indices?) could say where the marks are: "
            "name the one that does, with time_column or word_column"
        )
    timed = word is None or named == ["time"]
    place = int(time if timed else word)  # type: ignore[arg-type]
    if (not timed or "time" not in named) and _flags_alone(body, place, roles):
        raise source.error(
            f"column {header[place]!r} holds nothing but 0 and 1, one for each word? Add a column word_index, counted "
            "from 0; if these are seconds, name the column with time_column"
        )
    if not timed and roles["value"] is not None:
        raise source.error(
            f"ratings in column {header[roles['value']]!r} need times, and {header[word or 0]!r} counts words: give "
            "times, or leave that column out where each row is a mark"
        )
    return place, timed


def _flags_alone(body: Body, column: int, roles: Roles) -> bool:
    """Whether a column says yes and no again and again, which no list of an observer's times does."""
    if roles["value"] is not None:
        return False
    who = [index for role in ("observer", "grade") if (index := roles[role]) is not None]
    rows = [(row[column], *(row[i] for i in who)) for _, row in body if row[column].casefold() not in MISSING]
    return len(set(rows)) < len(rows) and {row[0] for row in rows} <= {*YES, *NO}


def of_stimulus(
    source: Source, header: list[str], body: list[tuple[int, list[str]]], column: int | None
) -> list[tuple[int, list[str]]]:
    """Rows of the stimulus that was asked for.

    Raises
    ------
    DataError : the rows are of several stimuli and none was chosen, or of others than the one that was.
    """
    if column is None:
        return body
    wanted = source.options.stimulus
    there = list(dict.fromkeys(cells[column] for _, cells in body))
    if wanted is None:
        if len(there) > 1:
            raise source.error(
                f"marks of {len(there)} stimuli in column {header[column]!r}: choose with stimulus=, one of "
                f"{', '.join(there[:20])}"
            )
        return body
    kept = [(row, cells) for row, cells in body if cells[column] == wanted]
    if not kept:
        raise source.error(
            f"row {body[0][0] if body else 2}: another story's marks: column {header[column]!r} has "
            f"{', '.join(there[:20])}, not {wanted!r}"
        )
    return kept


def read_bids(source: Source) -> Read:
    """BIDS events.tsv: onset in seconds; of several trial types, those that speak of boundaries or presses.

    The observer is that of the row's own column, where events of several people were put together, else the sub- of the
    file's name. `event` names the trial type to take.
    """
    header, body = cells_of(source, "\t")
    if "onset" not in header:
        raise source.error(f"no column onset, which BIDS events have: the columns are {', '.join(header)}")
    onset = header.index("onset")
    found = Read(duration_s=source.options.duration_s, stimulus=source.options.stimulus or "")
    subject = SUBJECT.search(str(source.path))
    everybody = source.options.observer or (subject[1] if subject else source.stem)
    own = column_of(source, header, "observer")
    if own is not None and "observer" not in source.options.columns and header[own].casefold() == "id":
        own = None  # in BIDS more likely the event's
    if own is None:
        found.present(everybody)
    kind = header.index("trial_type") if "trial_type" in header else None
    chosen = _events(source, [cells[kind] for _, cells in body]) if kind is not None else None
    scale = scale_of(source, "onset")
    for row, cells in body:
        who = cells[own] if own is not None and cells[own].casefold() not in MISSING else everybody
        found.present(who)
        if chosen is not None and kind is not None and cells[kind] not in chosen:
            continue
        value = number(source, cells[onset], row, "onset")
        if value is not None:
            found.mark(who, row, time_s=rescaled(value, scale))
    return found


def _events(source: Source, kinds: list[str]) -> set[str]:
    """Trial types that are boundaries."""
    there = list(dict.fromkeys(kinds))
    wanted = source.options.event
    if wanted is not None:
        if wanted not in there:
            raise source.error(f"no trial_type {wanted!r}: there are {', '.join(there)}")
        return {wanted}
    if len(there) <= 1:
        return set(there)
    speaking = {kind for kind in there if BOUNDARY_EVENT.search(kind)}
    if not speaking:
        raise source.error(f"which trial_type is a boundary? There are {', '.join(there)}: choose with event=")
    return speaking


def _only(body: list[tuple[int, list[str]]], column: int | None) -> str:
    return body[0][1][column] if column is not None and body else ""


def read_list(source: Source) -> Read:
    """One time a line (in seconds, or the unit given): a consensus list. Lines that begin with # are comments."""
    scale = scale_of(source, "time")
    times = []
    for line, text in enumerate(source.content.split("\n"), start=1):
        cell = text.split("#", 1)[0].strip().rstrip(",;")
        if cell:
            value = number(source, cell, line, "time")
            if value is not None:
                times.append((rescaled(value, scale), line))
    if not times:
        raise source.error("no times in it: give one a line")
    for (before, _), (after, line) in pairwise(times):
        if after < before:
            raise source.error(f"row {line}: {after:g} s comes after {before:g} s: sort the list")
        if after == before:
            raise source.error(f"row {line}: {after:g} s is there twice: leave one")
    return Read(
        lists={source.options.observer or source.stem: [time for time, _ in times]},
        duration_s=source.options.duration_s, stimulus=source.options.stimulus or source.stem,
    )  # fmt: skip

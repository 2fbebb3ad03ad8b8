"""TS in elements of ResearchStudy, and of the Group that it enrols: the table of places, read and written.

A place takes the records of its parameters where it can give all of them back; the rest is for the extension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy

from trialbridge.converters.design_forms import Record
from trialbridge.converters.design_places import (
    CODELISTS,
    HL7,
    Characteristics,
    Concepts,
    Line,
    Objectives,
    Outcomes,
    Parameters,
    Period,
    Records,
    Study,
    Translated,
)
from trialbridge.converters.design_population import Ages, Arms, Enrolled, Registry, Sexes, Sponsor
from trialbridge.errors import TermError
from trialbridge.standards import codelist

PLACES: Sequence[Parameters] = (
    Line("TITLE", "title"),
    Translated("TPHASE", "phase", "phase", f"{HL7}/research-study-phase"),
    Translated("TINDTP", "primaryPurposeType", "purpose", f"{HL7}/research-study-prim-purp-type"),
    Concepts("INDIC", "condition", "condition"),
    Concepts("KEYWORD", "keyword", "keyword"),
    Concepts("TRT", "focus", "focus", "concept"),
    Concepts("FCNTRY", "location", "region"),
    Characteristics(),
    Objectives(),
    Outcomes(),
    Period("SSTDTC", "start"),
    Period("SENDTC", "end"),
    Registry(),
    Sponsor(),
    Enrolled("PLANSUB", "targetNumber"),
    Enrolled("ACTSUB", "actualNumber"),
    Ages(),
    Sexes(),
    Arms(),
)


def read_parameters(parts: Study) -> Records:
    """Return what the elements of a study say, by parameter."""
    found: Records = {}
    for place in PLACES:
        found |= place.read(parts)
    return found


def write_parameters(parts: Study, records: Mapping[str, Sequence[Record]]) -> None:
    """Write into elements what comes back from them; the others are left for the extension."""
    for place in PLACES:
        some = {code: list(records[code]) for code in place.codes if code in records}
        if some and not place.read(parts):
            trial = deepcopy(parts)
            if _try(place, trial, some):
                parts.study, parts.group, parts.sponsor = trial.study, trial.group, trial.sponsor


def _try(place: Parameters, trial: Study, records: Records) -> bool:
    """Write into a copy, and return whether every value of every record comes back from it."""
    stated = {code: some for code, some in records.items() if all(_states(code, one) for one in some)}
    if not stated:
        return False
    place.write(trial, stated)
    back = place.read(trial)
    return bool(back) and all(_same(back.get(code, []), stated.get(code, [])) for code in {*back, *stated})


def _states(code: str, record: Record) -> bool:
    """Return whether a record has a value, or says that ages have no upper end."""
    return "TSVAL" in record or (code == "AGEMAX" and record.get("TSVALNF") == "PINF")


def _same(back: Sequence[Record], records: Sequence[Record]) -> bool:
    return [one.get("TSVAL") for one in back] == [one.get("TSVAL") for one in records]


def known_term(code: str, text: str, ct: str) -> str:
    """Return the NCI code of a parameter's value in a release; empty where it is no term there.

    Example:
        >>> known_term("TBLIND", "DOUBLE BLIND", "2026-03-27")
        'C15228'
    """
    try:
        term = codelist(CODELISTS[code], ct).term(text) if code in CODELISTS else None
    except TermError:
        return ""
    return term.code if term else ""

"""What a whole study says of single records: its arms, its questions, and which record another belongs to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import SEPARATOR, TEXT, flat
from trialbridge.converters.fhir_parts import Part, declaration_of
from trialbridge.converters.overview import Overview
from trialbridge.converters.record_ids import code_of
from trialbridge.elements import Version
from trialbridge.end_reasons import state_of
from trialbridge.lexical import is_legal
from trialbridge.model import Dataset
from trialbridge.native import own

Constants = tuple[tuple[str, str], ...]
Questions = Mapping[str, Sequence[Mapping[str, Any]]]


def arms_of(design: Sequence[Dataset], version: Version) -> Constants:
    """Return path -> value of the arms that the trial design names, for the study that every subject is in.

    A code that stands for several names, or a name for several codes, is left out: it could not be told back.

    Args:
        design: Datasets of the trial design, TA among them.
        version: The FHIR release: R5 knows an arm by a ``linkId``.
    """
    found: dict[str, str] = {}
    for number, (code, name) in enumerate(arm_names(design).items(), 1):
        arm = f"overall->arm[id=arm-{number}]"
        found[f"{arm}.name"] = name
        found[f"{arm}.type.coding[system={own('armcd')}].code"] = code
        if version == "R5":
            found[f"{arm}.linkId"] = code if is_legal("id", code) else f"arm-{number}"
    return tuple(found.items())


def arm_names(datasets: Sequence[Dataset]) -> dict[str, str]:
    """Return the code of each arm of TA, and its name, where each has only the other."""
    pairs = {
        pair
        for dataset in datasets
        if dataset.name == "TA" and {"ARMCD", "ARM"} <= set(dataset.table.column_names)
        for pair in zip(dataset.table["ARMCD"].to_pylist(), dataset.table["ARM"].to_pylist(), strict=True)
        if all(pair) and all(is_legal("code", pair[0]) and text == text.strip() for text in pair)
    }
    codes, names = ([pair[place] for pair in pairs] for place in (0, 1))
    return {code: name for code, name in sorted(pairs) if codes.count(code) == 1 and names.count(name) == 1}


RANKS = ("screening", "eligible", "on-study", "off-study", "ineligible", "withdrawn")
"""States of a subject: each counts before those that stand before it, for dispositions may share a day."""


def states_of(parts: Sequence[Part]) -> dict[str, str]:
    """Return USUBJID -> what became of the subject, by the dispositions; of nobody of whom none says it.

    Args:
        parts: All records of some subjects, DS among them.
    """
    found: dict[str, str] = {}
    for part in (one for one in parts if one.name == "DS"):
        nothing = pa.nulls(len(part.subjects), TEXT)
        names = ("DSDECOD", "DSCAT", "DSSCAT")
        columns = [part.columns.get(name, nothing).to_pylist() for name in names]
        for subject, *said in zip(part.subjects.to_pylist(), *columns, strict=True):
            states = {found.get(subject, ""), state_of(*(text or "" for text in said))} - {""}
            if subject and states:
                found[subject] = max(states, key=RANKS.index)
    return found


def questions_of(overviews: Iterable[Overview]) -> Questions:
    """Return --CAT of each questionnaire -> its items, in the order of their codes."""
    found: dict[str, dict[str, str]] = {}
    for one in overviews:
        for cat, code, text in one.questions:
            if cat and code and text and is_legal("string", text):
                found.setdefault(cat, {}).setdefault(code, text)
    return {
        cat: [{"linkId": code, "text": text, "type": "string"} for code, text in sorted(items.items())]
        for cat, items in found.items()
    }


def parents_of(parts: Sequence[Part]) -> dict[str, pa.Array]:
    """Return dataset -> reference to the resource that each of its records says something of.

    Records of SUPP--, CO and RELREC name another by its domain, a variable and its value; only a sequence
    number, or the subject alone, is sure to name one. An answer stands in a response, and cannot be named.

    Args:
        parts: All records of some subjects.
    """
    asking = [part for part in parts if "RDOMAIN" in part.columns]
    wanted = {name for part in asking for name in pc.unique(part.columns["RDOMAIN"]).to_pylist()}
    keys, references = [], []
    for part in parts:
        if code_of(part.name) in wanted:
            for key, reference in _named(part):
                keys.append(key)
                references.append(reference)
    if not keys:
        return {}
    known, targets = pa.concat_arrays(keys), pa.concat_arrays(references)
    return {part.name: targets.take(pc.index_in(_asked(part), known, skip_nulls=True)) for part in asking}


def _named(part: Part) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Yield the keys by which the records of a dataset are named, and the references to them."""
    domain = declaration_of(part.name, part.layout.variables)
    if domain.rows == "item":
        return
    code = code_of(part.name)
    references = pc.binary_join_element_wise(pa.array(part.kinds, TEXT), part.ids, "/")
    number = part.columns.get(f"{code}SEQ")
    if number is not None:
        yield _key(code, part.subjects, f"{code}SEQ", number), references
    elif code == "DM":
        yield _key(code, part.subjects, "", pc.utf8_slice_codeunits(part.subjects, 0, 0)), references


def _asked(part: Part) -> pa.Array:
    nothing = pa.nulls(len(part.subjects), TEXT)
    variable, value = (pc.fill_null(part.columns.get(name, nothing), "") for name in ("IDVAR", "IDVARVAL"))
    return _key(part.columns["RDOMAIN"], part.subjects, variable, value)


def _key(*cells: pa.Array | str) -> pa.Array:
    return flat(pc.binary_join_element_wise(*cells, SEPARATOR))

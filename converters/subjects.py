"""The subjects of a study: who takes part, as DM's mapping declares it, and whose each resource is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import by_value, joined, split
from trialbridge.converters.identity import Identities, Index, keys_of
from trialbridge.converters.leaves import Rowset, StagedLeaves
from trialbridge.converters.printable import CONTROL_CHARACTER, printable, unprintable
from trialbridge.converters.stage import Staged, column
from trialbridge.errors import ConfigurationError
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import Domain, Records, to_records
from trialbridge.registry import SUBJECTS
from trialbridge.study import Study

TEMPLATE = "{STUDYID}-{SITEID}-{SUBJID}"
WITHOUT_SITE = "{STUDYID}-{SUBJID}"
OTHER_NUMBERS = "OTHSUBID"
"""The qualifier that keeps under which other numbers a person took part."""

LAST_CHOICE = ("ineligible", "not-registered", "withdrawn")


@dataclass(frozen=True)
class Subjects:
    """The subjects, one row each, in the order of USUBJID.

    Attributes:
        leaves: The FHIR side of DM.
        records: DM as its rules give it.
        usubjid: Unique subject identifiers.
        studyid: STUDYID of the run.
        others: Row of ResearchSubject -> why it is no record of its own.
        findings: What was found.
        patients: Row of each subject's Patient; null where there is none.
    """

    leaves: StagedLeaves
    records: Records
    usubjid: pa.Array
    studyid: str
    others: dict[int, str]
    findings: list[Finding]
    patients: pa.Array

    def numbers(self, kind: str, table: pa.Table, identities: Identities) -> pa.Array:
        """Return the number of the subject that each resource of a table belongs to; null for none."""
        if kind == "Patient":
            return _places(self.patients, pa.array(np.arange(len(table))))
        references = column(table, SUBJECTS.get(kind, "subject.reference"))
        patients = identities.resolve("Patient", table, kind, references)
        enrolled = identities.resolve("ResearchSubject", table, kind, references)
        return pc.coalesce(_places(self.patients, patients), _places(self.leaves.rowset.base, enrolled))


def _places(known: pa.Array, rows: pa.Array) -> pa.Array:
    return pc.if_else(rows.is_valid(), pc.index_in(rows, known.cast(pa.int64())), None)


def with_every_patient(staged: Staged, identities: Identities, study: Study) -> tuple[Staged, Identities]:
    """Return the input with each Patient as a subject, where nobody is one and the study was named.

    Raises:
        ConfigurationError: There is no ResearchSubject, and no study was named.
    """
    if staged.table("ResearchSubject") is not None:
        return staged, identities
    patients = staged.table("Patient")
    if not study.id or patients is None:
        problem = (
            "there is no ResearchSubject in it; name the study with --study, and every Patient is a subject"
        )
        raise ConfigurationError(
            "the input", problem if patients is not None else "there is no Patient in it"
        )
    made = pa.table(
        {
            **{name: patients[name] for name in patients.column_names if name.startswith("_")},
            "id": column(patients, "id"),
            "individual.reference": keys_of("Patient", patients),
        }
    )
    live = identities.indexes["Patient"].live
    indexes = {**identities.indexes, "ResearchSubject": Index("ResearchSubject", made, live)}
    tables = {**staged.tables, ("ResearchSubject", ""): made}
    return replace(staged, tables=tables, made=frozenset({"ResearchSubject"})), replace(
        identities, indexes=indexes
    )


def subjects_of(domain: Domain, staged: Staged, identities: Identities, study: Study) -> Subjects:
    """Return the subjects of the study.

    Args:
        domain: The declaration of DM.
        staged: What was read.
        identities: Who is who in it.
        study: The study's settings.
    """
    table = staged.table("ResearchSubject")
    assert table is not None  # noqa: S101 -- `with_every_patient` saw to it
    live = np.flatnonzero(identities.indexes["ResearchSubject"].live)
    everyone = _leaves(domain, staged, identities, live)
    excluded = everyone("status").to_pylist()
    reasons = domain.excluded["status"]
    others = {int(row): reasons[why] for row, why in zip(live, excluded, strict=True) if why in reasons}
    candidates = np.array([row for row in live if int(row) not in others], int)
    kept, doubles = _one_each(_leaves(domain, staged, identities, candidates), candidates)
    others |= doubles
    leaves = _leaves(domain, staged, identities, kept)
    records = to_records(domain, leaves, study.vocabulary)
    records.values[OTHER_NUMBERS] = _other_numbers(leaves, records.values["SUBJID"], doubles, study)
    usubjid, studyid, findings = _identifiers(records, study)
    order = _order(usubjid, leaves)
    findings += _same_name(usubjid)
    ordered = StagedLeaves(domain, staged, identities, leaves.rowset.take(order))
    _, patients = ordered.joined("patient")
    sorted_records = Records(
        {name: values.take(order) for name, values in records.values.items()},
        {name: which.take(order) for name, which in records.which.items()},
        {name: lost.take(order) for name, lost in records.lost.items()},
    )
    return Subjects(ordered, sorted_records, usubjid.take(order), studyid, others, findings, patients)


def _order(usubjid: pa.Array, leaves: StagedLeaves) -> pa.Array:
    """Return the order of USUBJID; of several persons who have the same, that of what they hold."""
    patients, rows = leaves.joined("patient")
    persons = rows if patients is None else column(patients, "_hash").take(rows)
    columns = {"usubjid": usubjid.cast(pa.binary()), "person": persons, **leaves.pointers({"hash": "_hash"})}
    return pc.sort_indices(pa.table(columns), [(name, "ascending") for name in columns])


def _leaves(domain: Domain, staged: Staged, identities: Identities, rows: np.ndarray) -> StagedLeaves:
    rowset = Rowset(pa.array(rows, pa.int64()), pa.nulls(len(rows), pa.int64()))
    return StagedLeaves(domain, staged, identities, rowset)


def _one_each(leaves: StagedLeaves, rows: np.ndarray) -> tuple[np.ndarray, dict[int, str]]:
    """Return one ResearchSubject a person: one that took part before one that did not, then the latest."""
    people = leaves.joined("patient")[1].to_pylist()
    took_part = _took_part(leaves)
    start = leaves("period.start").to_pylist()
    ids = leaves("id").to_pylist()
    best: dict[object, int] = {}
    digests = leaves.pointers({"_hash": "_hash"})["_hash"].to_pylist()
    rank = [
        (took, begun or "", name or "", digest)
        for took, begun, name, digest in zip(took_part, start, ids, digests, strict=True)
    ]
    for number, person in enumerate(people):
        key = ("alone", number) if person is None else person
        if key not in best or rank[number] > rank[best[key]]:
            best[key] = number
    chosen = sorted(best.values())
    why = "the same person takes part under another ResearchSubject: one record in DM"
    return rows[chosen], {int(row): why for row in np.delete(rows, chosen)}


def _other_numbers(kept: StagedLeaves, own: pa.Array, doubles: Mapping[int, str], study: Study) -> pa.Array:
    """Return, for each subject, the numbers that the same person has under other ResearchSubjects."""
    others = _leaves(kept.domain, kept.staged, kept.identities, np.array(sorted(doubles), int))
    found: dict[int, set[str]] = {}
    if doubles:
        numbers = to_records(kept.domain, others, study.vocabulary).values["SUBJID"].to_pylist()
        for person, number in zip(others.joined("patient")[1].to_pylist(), numbers, strict=True):
            if number:
                found.setdefault(person, set()).add(number)
    people = zip(kept.joined("patient")[1].to_pylist(), own.to_pylist(), strict=True)
    names = ["; ".join(sorted(found.get(person, set()) - {number})) or None for person, number in people]
    return pa.array(names, pa.string())


def _took_part(leaves: StagedLeaves) -> list[bool]:
    """Return who came to no state that says otherwise; R5 keeps every state, in any order."""
    places = [
        joined(leaves(path)).to_pylist() for path in ("status", "progress[*].subjectState.coding[].code")
    ]
    return [
        not any(word in LAST_CHOICE for state in states if state for word in split(state))
        for states in zip(*places, strict=True)
    ]


def _identifiers(records: Records, study: Study) -> tuple[pa.Array, str, list[Finding]]:
    """Fill STUDYID, SITEID, SUBJID and USUBJID in `records`, by the study's settings."""
    values = records.values
    findings: list[Finding] = []
    for name in ("STUDYID", "SITEID", "SUBJID", "USUBJID"):
        odd = unprintable(values[name])
        if odd is not None:
            finding = Finding(Severity.WARNING, "control-character", CONTROL_CHARACTER, "DM", name)
            findings.append(replace(finding, count=odd.true_count))
            values[name] = printable(values[name])
    subject = values["SUBJID"]
    for name in ("SITEID", "SUBJID"):
        values[name] = _patterned(values[name], study.patterns.get(f"DM.{name}", ""), name, findings)
    studyid = study.id or _only(values["STUDYID"], findings)
    rows = len(subject)
    values["STUDYID"] = pa.array([studyid] * rows, pa.string())
    parts = {
        "STUDYID": values["STUDYID"],
        "SITEID": values["SITEID"],
        "SUBJID": values["SUBJID"],
        "subject": subject,
    }
    lists = {name: pc.fill_null(part, "").to_pylist() for name, part in parts.items()}
    named = [_named(study.usubjid, {name: part[row] for name, part in lists.items()}) for row in range(rows)]
    values["USUBJID"] = pc.coalesce(values["USUBJID"], pa.array(named, pa.string()))
    return values["USUBJID"], studyid, findings


def _named(template: str, parts: dict[str, str]) -> str:
    chosen = template or (TEMPLATE if parts["SITEID"] else WITHOUT_SITE)
    for name, part in parts.items():
        chosen = chosen.replace(f"{{{name}}}", part)
    return chosen


def _patterned(values: pa.Array, pattern: str, name: str, findings: list[Finding]) -> pa.Array:
    if not pattern:
        return values
    compiled = re.compile(pattern)
    found = by_value(values, _first_group(compiled))
    for value in pc.unique(values.filter(pc.and_(values.is_valid(), found.is_null()))).to_pylist():
        message = f"the pattern {pattern!r} of the study configuration does not match {value!r}"
        findings.append(Finding(Severity.WARNING, "pattern-no-match", message, "DM", name, value=value))
    return found


def _first_group(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    def group(value: str) -> str | None:
        match = pattern.search(value)
        return match[1] if match else None

    return group


def _only(values: pa.Array, findings: list[Finding]) -> str:
    """Return the study that most subjects are in; a second one is a finding."""
    counted = pc.value_counts(values.drop_null()).to_pylist()
    if not counted:
        problem = "no ResearchSubject in it names a study that was read; name it with --study"
        raise ConfigurationError("the input", problem)
    best = max(counted, key=lambda item: (item["counts"], item["values"]))["values"]
    if len(counted) > 1:
        names = ", ".join(sorted(item["values"] for item in counted))
        message = f"the subjects name several studies ({names}); all are taken as {best}"
        findings.append(Finding(Severity.ERROR, "study-several", message, "DM", "STUDYID", value=names))
    return str(best)


def _same_name(usubjid: pa.Array) -> list[Finding]:
    counted = pc.value_counts(usubjid).to_pylist()
    return [
        Finding(
            Severity.ERROR,
            "usubjid-shared",
            f"{item['counts']} persons have the same USUBJID",
            "DM",
            "USUBJID",
            value=item["values"],
        )
        for item in counted
        if item["counts"] > 1
    ]

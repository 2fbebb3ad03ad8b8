"""FHIR to SDTM: read, stage, identify, route, map, derive, and keep account of all of it."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import joined, remembering, split
from trialbridge.conversion import Conversion
from trialbridge.converters.blinding import may_be_seen
from trialbridge.converters.carried_records import Restored, carried_paths, restored, seem_carried
from trialbridge.converters.check_scores import check_scores
from trialbridge.converters.check_terms import check_foreign, check_terms
from trialbridge.converters.contradictions import Oddities
from trialbridge.converters.conventional import in_conventional_units
from trialbridge.converters.datasets import datasets, with_lengths
from trialbridge.converters.dates import check_after_death, check_participation
from trialbridge.converters.decided import other_tables
from trialbridge.converters.design_step import take_design, trial_design
from trialbridge.converters.earlier_guide import to_guide
from trialbridge.converters.earlier_numbers import NO_EARLIER, EarlierNumbers
from trialbridge.converters.excluded import not_excluded, without_excluded
from trialbridge.converters.finish import Block, Plan, derive_block, map_block, units_of
from trialbridge.converters.gather import elements_table, ordered_findings, title_of
from trialbridge.converters.identity import Identities, identify
from trialbridge.converters.judge_decisions import judged
from trialbridge.converters.leaves import Rowset
from trialbridge.converters.ledger import NO_SUBJECT, Account, ledger, note_drawn, note_records
from trialbridge.converters.own_domains import own_domains
from trialbridge.converters.panels import with_panels
from trialbridge.converters.planned_visits import overlap_findings
from trialbridge.converters.provenance import provenance
from trialbridge.converters.read_fhir import Source, sources
from trialbridge.converters.related import PATHS as RELATED
from trialbridge.converters.related import with_related
from trialbridge.converters.restore import restored_conversion
from trialbridge.converters.route import REPEATED, Routed, route, routing_paths
from trialbridge.converters.run import Run
from trialbridge.converters.stage import Progress, Staged, column, stage
from trialbridge.converters.subjects import Subjects, subjects_of, with_every_patient
from trialbridge.converters.unmapped import unknown_tests
from trialbridge.converters.write_xpt import study_lengths
from trialbridge.elements import Version, resource_types
from trialbridge.mapping import Domain
from trialbridge.registry import DERIVED, DOMAINS, Paths, all_declarations, declarations
from trialbridge.study import Study
from trialbridge.versions import VERSIONS

BLOCK_SUBJECTS = 2000


def to_sdtm(  # noqa: PLR0913 -- the settings of a run, by name
    inputs: Sequence[Path],
    study: Study | None = None,
    *,
    release: Version | None = None,
    block_subjects: int = BLOCK_SUBJECTS,
    processes: int | None = None,
    progress: Progress | None = None,
    others: Executor | None = None,
    earlier: EarlierNumbers = NO_EARLIER,
) -> Conversion:
    """Return the SDTM datasets of FHIR input, with where every value came from and what was not used.

    Args:
        inputs: Files, folders and archives of FHIR JSON.
        study: The study's settings; without them the data must name the study.
        release: The FHIR release, where it is known; else each resource is looked at.
        block_subjects: Subjects in a block; any number gives the same result.
        processes: How many read; by default one for each processor where there is much to read.
        progress: Told how far each step is.
        others: Processes that read, too, where they were started before.
        earlier: The numbers of an earlier cut, which its records keep.

    Raises:
        ReadError: Nothing in `inputs` can be read as FHIR.
        ConfigurationError: Nothing says which study it is, or who takes part.
    """
    run = Run(study or Study(), progress)
    decisions, refused = judged(run.study.decisions, run.study.ct)
    run.study = replace(run.study, decisions=decisions)
    run.study.loinc.published("")  # a file that cannot be read stops the run before it begins
    with run.step("find"):
        found, unread = sources(inputs)
        run.findings = [*unread, *refused]
    reading = partial(stage, release=release, processes=processes, progress=progress, others=others)
    staged, identities, carried = _read(run, found, reading)
    if others is not None:
        others.shutdown(wait=False)  # all is read
    with ThreadPoolExecutor(1) as pool:  # files are hashed while the tables are worked on
        hashes = pool.submit(lambda: {source.name: source.sha256 for source in found})
        if carried.datasets:
            return may_be_seen(restored_conversion(run, staged, identities, carried, hashes.result()))
        plan = replace(_plan(run, staged, identities), earlier=earlier)
        tables = _tables(run, plan, block_subjects)
        return may_be_seen(_conversion(run, plan, tables, hashes.result()))


def _read(
    run: Run, found: Sequence[Source], reading: Callable[[Sequence[Source], Mapping[str, Paths]], Staged]
) -> tuple[Staged, Identities, Restored]:
    """Return what was read, who is who in it, and what was carried from SDTM."""
    natively = seem_carried(found)
    before = run.findings
    while True:
        with run.step("read"):
            paths = carried_paths(natively=natively)
            for kind, more in (*routing_paths(run.study.vocabulary), *RELATED.items()):
                paths[kind][""] |= dict.fromkeys(more)
            staged = reading(found, paths)
        with run.step("identify"):
            identities = identify(staged)
        with run.step("restore"):
            carried = restored(staged, identities, run.study.vocabulary)
        if bool(carried.datasets) == natively:
            run.findings = [*before, *staged.findings, *identities.findings]
            return staged, identities, carried
        natively = not natively  # the first bytes told otherwise than the whole


def _plan(run: Run, staged: Staged, identities: Identities) -> Plan:
    """Return who is who, and where each record goes."""
    with run.step("identify"):
        run.design = take_design(run, staged, identities)
        staged, identities = with_every_patient(staged, identities, run.study)
        subjects = subjects_of(declarations("DM")[0], staged, identities, run.study)
        run.findings += subjects.findings
        run.study = _with_products(run.study, staged)
    run.findings += overlap_findings(run.study.design)
    with run.step("route"):
        rowsets = _routed(run, staged, identities, subjects)
    return Plan(run.study, staged, identities, subjects, rowsets)


def _with_products(study: Study, staged: Staged) -> Study:
    """Return the study with every name of its product: set, or found in focus, arms and Medications."""
    names = set(study.products)
    research = staged.table("ResearchStudy")
    if research is not None:
        for path in ("focus[*].coding[*].code", "focus[*].coding[*].display", "focus[*].text", "arm[*].name"):
            names |= {
                one
                for text in joined(column(research, path)).to_pylist()
                if text
                for one in split(text)
                if one
            }
    folded = {name.casefold() for name in names}
    for kind, references in (
        ("Medication", MEDICATION_NAMES),
        ("MedicationAdministration", ADMINISTRATION_NAMES),
    ):
        table = staged.table(kind)
        if table is not None:
            names |= _references(kind, table, references, folded)
            folded = {name.casefold() for name in names}
    return replace(study, found_products=frozenset(names - study.products))


MEDICATION_NAMES = ("code.coding[*].code", "code.coding[*].display", "code.text", "identifier[*].value")
ADMINISTRATION_NAMES = (
    "medicationCodeableConcept.coding[*].code",
    "medicationCodeableConcept.coding[*].display",
    "medicationCodeableConcept.text",
    "medicationReference.reference",
)


def _references(kind: str, table: pa.Table, paths: Sequence[str], folded: set[str]) -> set[str]:
    """Return ``Type/id`` of the resources that one of the product's names is found in."""
    found = set()
    ids = column(table, "id").to_pylist()
    for path in paths:
        for name, text in zip(ids, joined(column(table, path)).to_pylist(), strict=True):
            if name and text and any(one.casefold() in folded for one in split(text)):
                found.add(f"{kind}/{name}")
    return found


def _routed(
    run: Run, staged: Staged, identities: Identities, subjects: Subjects
) -> list[tuple[Domain, Rowset, np.ndarray]]:
    rowsets = []
    for (kind, unit), table in staged.tables.items():
        if unit or kind in staged.made:
            continue
        account = run.accounts[kind]
        numbers = subjects.numbers(kind, table, identities)
        account.usubjid = subjects.usubjid.take(numbers)
        live = identities.indexes[kind].live & not_excluded(kind, table, account)
        belongs = numbers.is_valid().to_numpy(zero_copy_only=False)
        if kind not in MAPPED_TYPES:
            if kind in SUPPORT:
                continue
            account.unmapped |= dict.fromkeys(np.flatnonzero(live).tolist(), _no_mapping(kind))
            continue
        if kind not in SUPPORT:
            account.unmapped |= {int(row): NO_SUBJECT for row in np.flatnonzero(live & ~belongs)}
        routed = route(kind, np.flatnonzero(live & belongs), staged, identities, run.study.vocabulary)
        _account(run, account, routed, support=kind in SUPPORT)
        whose = pc.fill_null(numbers, -1).to_numpy(zero_copy_only=False)
        for domain, rowset in _with_a_plan(routed.rowsets, run.study):
            kept = without_excluded(domain, rowset, table, account)
            rowsets.append((domain, kept, whose[kept.base.to_numpy()]))
    mine = [rowset.base for domain, rowset, _ in rowsets if domain.source == "ResearchSubject"]
    used = {row for rows in mine for row in rows.to_pylist()}
    participation = run.accounts["ResearchSubject"]
    participation.excluded |= {row: why for row, why in subjects.others.items() if row not in used}
    participation.unmapped |= {row: why for row, why in subjects.others.items() if row in used}
    return rowsets


def _with_a_plan(rowsets: Sequence[tuple[Domain, Rowset]], study: Study) -> list[tuple[Domain, Rowset]]:
    """Return the records, but no visits where nothing says which there are."""
    return [one for one in rowsets if one[0].code != "SV" or study.design.visits.num_rows]


def _no_mapping(kind: str) -> str:
    """Return why nothing of this type is mapped; the tables know no more than a part of FHIR's types."""
    known = any(kind in resource_types(release) for release in VERSIONS)
    return f"{kind} has no mapping yet" if known else f"{kind} is no resource type that is read here"


SUPPORT = frozenset(
    {
        "Patient", "ResearchStudy", "Organization", "Location", "Practitioner", "PractitionerRole", "Group",
        "ResearchSubject", "Specimen", "Encounter", "Consent", "Questionnaire", "MedicationRequest",
        "Medication", "Substance",
        "PlanDefinition", "ActivityDefinition", "ObservationDefinition", "Device", "OperationOutcome",
        "EvidenceVariable", "Bundle", "Parameters", "CarePlan", "ServiceRequest", "Appointment",
    }
)  # fmt: skip
"""Types that are no records of a subject by themselves: they count as mapped where a record draws on them."""


MAPPED_TYPES = frozenset(domain.source for domain in all_declarations() if domain.code != "DM")
"""Types that become records."""


def _account(run: Run, account: Account, routed: Routed, *, support: bool) -> None:
    repeated = {row for row, why in routed.reasons.items() if why == REPEATED}
    account.excluded |= dict.fromkeys(repeated, REPEATED)
    if not support:  # what no record draws on is said at the end
        account.unmapped |= {row: why for row, why in routed.reasons.items() if row not in repeated}
    account.drawn |= routed.panels
    for domain, leaves in routed.unknown:
        why = "no table says which SDTM test this is"
        left = unknown_tests(domain, leaves, why, run.study.decisions, run.unmapped)
        run.uses.counts.update(left.values())
        account.left |= {row: decision.said() for row, decision in left.items()}


def _tables(run: Run, plan: Plan, block_subjects: int) -> dict[str, pa.Table]:
    """Return the derived table of each domain, in its total order, whatever the size of the blocks."""
    total = len(plan.subjects.usubjid)
    blocks: list[Block] = []
    workers = _workers(plan)
    with run.step("map"), ThreadPoolExecutor(workers) as pool:
        each = -(-block_subjects // workers)
        bounds = _bounds(plan.subjects.usubjid, each)
        for number, block in enumerate(pool.map(partial(_map, plan), bounds), 1):
            blocks.append(block)
            run.tell("map", min(number * each, total), total)
    with run.step("derive"), ThreadPoolExecutor(workers) as pool:
        units = units_of(blocks)
        exposed = any(len(block.tables.get("EX", ())) for block in blocks)
        for number, _ in enumerate(pool.map(partial(_derive, plan, units, exposed), blocks), 1):
            run.tell("derive", number, len(blocks))
    tables, found = with_related(_gathered(run, plan, blocks), plan, run.accounts)
    run.findings += found
    return tables


def _derive(
    plan: Plan,
    units: Mapping[str, Mapping[tuple[str, str], frozenset[str]]],
    exposed: bool,  # noqa: FBT001 -- a fact of the study
    block: Block,
) -> None:
    with remembering():
        derive_block(block, plan.study, units, exposed, plan.earlier)
        check_participation(block.tables, block.findings)
        check_after_death(block.tables, block.findings)
        check_scores(block.tables, block.findings)


WORTH_A_THREAD = 20_000
"""Records from which a second thread is quicker than one: Arrow and NumPy let others work while they do."""


def _workers(plan: Plan) -> int:
    records = sum(rowset.rows for _, rowset, _ in plan.rowsets)
    return max(1, min(os.cpu_count() or 1, records // WORTH_A_THREAD))


def _map(plan: Plan, bounds: tuple[int, int]) -> Block:
    block = map_block(plan, *bounds)
    block.tables = with_panels(block.tables, plan)
    return block


def _bounds(usubjid: pa.Array, block_subjects: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of each block and the row behind its last; no USUBJID stands in two blocks."""
    names = usubjid.to_numpy(zero_copy_only=False)
    starts = [row for row in range(len(names)) if row == 0 or names[row] != names[row - 1]]
    firsts = starts[::block_subjects]
    yield from pairwise([*firsts, len(names)])


def _gathered(run: Run, plan: Plan, blocks: Sequence[Block]) -> dict[str, pa.Table]:
    parts: dict[str, list[pa.Table]] = defaultdict(list)
    oddities = Oddities()
    for block in blocks:
        run.findings += block.findings
        oddities.merge(block.oddities)
        run.unmapped.merge(block.unmapped)
        run.uses.merge(block.uses)
        run.tests += block.tests
        note_drawn(run.accounts, block.drawn)
        for kind, reasons in block.topicless.items():
            run.accounts[kind].unmapped |= reasons
        for code, table in block.tables.items():
            parts[code].append(table)
    run.findings += oddities.findings()
    other_tables(run.study.decisions, run.study.vocabulary, run.uses)
    run.findings += run.uses.findings(run.study.decisions)
    _keep_loinc(run)
    whole = {
        code: pa.concat_tables(parts[code], promote_options="default")
        for code in (*DOMAINS, *DERIVED)
        if code in parts
    }
    tables = {code: table.combine_chunks() for code, table in whole.items() if len(table)}
    for code, table in tables.items():
        origin = column(table, "_declaration").to_numpy(zero_copy_only=False)
        rows = column(table, "_row").to_numpy(zero_copy_only=False)
        for number, domain in enumerate(declarations(code)):
            source = "Patient" if domain.source in plan.staged.made else domain.source
            note_records(run.accounts, source, code, rows[origin == number])
    return tables


def _keep_loinc(run: Run) -> None:
    """Keep what the user's own LOINC file says of the codes in use, and report the terms it has retired."""
    files, used = run.study.loinc, Counter[str]()
    for one, count in run.tests.items():
        if one.basis == "cdisc-file":
            used[one.loinc] += count
    run.findings += files.findings(used, run.study.ct)
    run.study = replace(run.study, loinc=files.with_used(used))


def _conversion(
    run: Run, plan: Plan, tables: Mapping[str, pa.Table], inputs: Mapping[str, str]
) -> Conversion:
    with run.step("describe"):
        found = to_guide(datasets(tables, run.study.design), run.study.sdtmig)
        run.findings += check_terms(found, run.study.ct)
        run.findings += run.study.concept_maps.findings()
        if run.study.units == "both":
            again, refused = in_conventional_units(found)
            found, run.findings = (*found, *again), [*run.findings, *refused]
        designed = trial_design(run, run.design, plan.subjects.studyid, tables).datasets
        run.findings += check_terms(designed, run.study.ct)
        own = own_domains(tables, plan, run.accounts)
        run.findings += own.findings
        found = (*found, *own.datasets, *designed)
        found = with_lengths(found, study_lengths(found))
    with run.step("account"):
        account = ledger(plan.staged, plan.identities, run.accounts)
        pointers = {code: provenance(code, table, plan) for code, table in tables.items()} | own.provenance
        unmapped = run.unmapped.table(run.study.decisions)
        run.findings += check_foreign(unmapped, run.study.ct)
    return Conversion(
        study=replace(run.study, id=plan.subjects.studyid, title=run.study.title or title_of(plan.staged)),
        datasets=found,
        provenance=pointers,
        resources=account,
        elements=elements_table(plan.staged.census),
        unmapped=unmapped,
        findings=ordered_findings(run.findings, plan.staged.census),
        inputs=inputs,
        seconds=run.seconds,
        tests=run.tests,
        earlier=plan.earlier.sha256,
    )

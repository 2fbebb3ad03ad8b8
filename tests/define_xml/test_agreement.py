"""Data and description must say the same: each disagreement, put in on one side, is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.define_xml.agreement import check_agreement
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.html import to_html
from trialbridge.define_xml.model import CodeListItem, Define, MetaDataVersion, RangeCheck, WhereClauseDef
from trialbridge.define_xml.study import StudyDescription
from trialbridge.model import Dataset

Change = Callable[[MetaDataVersion], MetaDataVersion]


@pytest.fixture
def dataset(small: Callable[..., Dataset]) -> Dataset:
    return small(
        VSTESTCD=["HR", "HR", "TEMP"],
        VSTEST=["Heart Rate", "Heart Rate", "Temperature"],
        VSORRES=["70", "72", "36.6"],
        VSSTRESN=[70.0, 72.0, 36.6],
        VSDTC=["2014-01-02", "2014-01-03", "2014-01-04"],
        VSSEQ=[1.0, 2.0, 3.0],
        name="VS",
    )


@pytest.fixture
def define(study: StudyDescription, dataset: Dataset) -> Define:
    return build_define(study, [dataset])


def changed(define: Define, **changes: Any) -> Define:
    definitions = replace(define.definitions, **changes)
    return replace(define, study=replace(define.study, meta_data_version=definitions))


def changed_in(define: Define, kind: str, oid: str, **changes: Any) -> Define:
    entries = tuple(
        replace(entry, **changes) if entry.oid == oid else entry
        for entry in getattr(define.definitions, kind)
    )
    return changed(define, **{kind: entries})


def rules(define: Define, *datasets: Dataset) -> set[str]:
    return {finding.rule for finding in check_agreement(define, datasets)}


def test_they_agree(define: Define, dataset: Dataset) -> None:
    assert rules(define, dataset) == set()


ITEM_CHANGES = {
    "length": ("IT.VS.VSORRES", {"length": 5}, "agreement-length"),
    "length of values": ("IT.VS.VSORRES.TEMP", {"length": 3}, "agreement-length"),
    "label": ("IT.VS.VSORRES", {"description": "Other"}, "agreement-label"),
    "type": ("IT.VS.VSSEQ", {"data_type": "text"}, "agreement-type"),
    "values": ("IT.VS.VSSTRESN", {"data_type": "integer"}, "agreement-values"),
    "dates": ("IT.VS.VSDTC", {"data_type": "datetime"}, "agreement-values"),
    "values of a test": ("IT.VS.VSORRES.TEMP", {"data_type": "integer"}, "agreement-values"),
    "digits": ("IT.VS.VSSTRESN", {"significant_digits": 0}, "agreement-digits"),
    "digits of text": ("IT.VS.VSORRES.TEMP", {"significant_digits": 0}, "agreement-digits"),
    "no value level": ("IT.VS.VSORRES", {"value_list_oid": None}, "agreement-value-undescribed"),
}


@pytest.mark.parametrize(("oid", "change", "rule"), ITEM_CHANGES.values(), ids=ITEM_CHANGES)
def test_a_wrong_item_is_found(
    define: Define, dataset: Dataset, oid: str, change: dict[str, Any], rule: str
) -> None:
    assert rule in rules(changed_in(define, "item_defs", oid, **change), dataset)


def test_datasets_on_one_side_only(define: Define, dataset: Dataset) -> None:
    assert rules(define) == {"agreement-dataset-absent"}
    assert rules(define, dataset, replace(dataset, name="LB")) == {"agreement-dataset-undescribed"}


def test_variables_on_one_side_only(define: Define, dataset: Dataset) -> None:
    fewer = replace(
        dataset,
        variables=tuple(v for v in dataset.variables if v.name != "VSSEQ"),
        table=dataset.table.drop_columns("VSSEQ"),
    )
    assert rules(define, fewer) == {"agreement-variable-absent"}
    group = define.definitions.item_group_defs[0]
    shorter = changed_in(define, "item_group_defs", group.oid, item_refs=group.item_refs[:-1])
    assert rules(shorter, dataset) == {"agreement-variable-undescribed"}


def test_another_order_or_label_or_emptiness(define: Define, dataset: Dataset) -> None:
    group = define.definitions.item_group_defs[0]
    assert rules(define, replace(dataset, label="Other")) == {"agreement-label"}
    backwards = changed_in(define, "item_group_defs", group.oid, item_refs=group.item_refs[::-1])
    assert rules(backwards, dataset) == {"agreement-order"}
    empty = changed_in(define, "item_group_defs", group.oid, has_no_data=True)
    assert rules(empty, dataset) == {"agreement-no-data"}
    refs = tuple(replace(ref, has_no_data=True) for ref in group.item_refs)
    assert rules(changed_in(define, "item_group_defs", group.oid, item_refs=refs), dataset) == {
        "agreement-no-data"
    }


def test_codes_on_one_side_only(define: Define, dataset: Dataset) -> None:
    (codes,) = (item for item in define.definitions.code_lists if item.oid == "CL.VSTESTCD")
    fewer = changed_in(define, "code_lists", codes.oid, code_list_items=codes.code_list_items[:1])
    assert rules(fewer, dataset) == {"agreement-code-undescribed"}
    more = (*codes.code_list_items, CodeListItem(coded_value="X", decode="x"))
    assert rules(changed_in(define, "code_lists", codes.oid, code_list_items=more), dataset) == {
        "agreement-code-absent"
    }
    other = tuple(replace(item, decode="Other") for item in codes.code_list_items)
    assert rules(changed_in(define, "code_lists", codes.oid, code_list_items=other), dataset) == {
        "agreement-decode"
    }


def test_value_level_on_one_side_only(define: Define, dataset: Dataset) -> None:
    values = define.definitions.value_list_defs
    fewer = tuple(replace(item, item_refs=item.item_refs[:1]) for item in values)
    assert rules(changed(define, value_list_defs=fewer), dataset) == {"agreement-value-undescribed"}
    only = dataset.table.filter(pa.compute.equal(dataset.table["VSTESTCD"], "HR"))
    assert "agreement-value-absent" in rules(define, replace(dataset, table=only))


CLAUSES = {
    "EQ": ("HR",),
    "NE": ("TEMP",),
    "LT": ("I",),
    "LE": ("HR",),
    "IN": ("HR", "PULSE"),
    "NOTIN": ("TEMP", "PULSE"),
}


@pytest.mark.parametrize(("comparator", "values"), CLAUSES.items())
def test_every_comparator_is_understood(
    define: Define, dataset: Dataset, comparator: str, values: tuple[str, ...]
) -> None:
    clause = _clause(comparator, values)
    assert rules(changed_in(define, "where_clause_defs", clause.oid, **_checks(clause)), dataset) == set()


@pytest.mark.parametrize(("comparator", "values"), [("GE", ("A",)), ("GT", ("A",)), ("NE", ("X",))])
def test_a_clause_that_selects_too_much_is_found(
    define: Define, dataset: Dataset, comparator: str, values: tuple[str, ...]
) -> None:
    clause = _clause(comparator, values)
    found = rules(changed_in(define, "where_clause_defs", clause.oid, **_checks(clause)), dataset)
    assert "agreement-value-twice" in found


def test_a_clause_may_look_at_numbers(define: Define, dataset: Dataset) -> None:
    clause = _clause("LE", ("2",), "IT.VS.VSSEQ")
    assert rules(changed_in(define, "where_clause_defs", clause.oid, **_checks(clause)), dataset) == set()


def test_an_answer_that_the_design_does_not_permit_is_found(
    study: StudyDescription, small: Callable[..., Dataset]
) -> None:
    study = replace(study, permitted={("QS", "QSORRES.Q1"): ("never", "often")})
    asked = small("QS", QSTESTCD=["Q1"], QSTEST=["First"], QSORRES=["often"])
    define = build_define(study, [asked])
    other = asked.table.set_column(2, "QSORRES", pa.array(["twice"]))
    assert rules(define, replace(asked, table=other)) == {"agreement-code-undescribed"}


BEYOND = {
    "another dataset": {"item_oid": "IT.DM.SEX", "check_values": ("F",)},
    "an item that is not there": {"item_oid": "IT.VS.NONE", "check_values": ("F",)},
    "text where numbers are": {"item_oid": "IT.VS.VSSEQ", "check_values": ("F",)},
    "no value": {"item_oid": "IT.VS.VSTESTCD", "check_values": ()},
}


@pytest.mark.parametrize("check", BEYOND.values(), ids=BEYOND)
def test_what_cannot_be_compared_is_said(define: Define, dataset: Dataset, check: dict[str, Any]) -> None:
    checks = (RangeCheck(comparator="EQ", **check),)
    unclear = changed_in(define, "where_clause_defs", "WC.VS.VSTESTCD.EQ.HR", range_checks=checks)
    assert {(f.rule, f.severity) for f in check_agreement(unclear, [dataset])} == {
        ("agreement-not-compared", "notice")
    }


def test_a_draft_is_no_crash(define: Define, dataset: Dataset) -> None:
    draft = changed(define, item_defs=(), code_lists=(), where_clause_defs=())
    assert "agreement-variable-undescribed" in rules(draft, dataset)
    assert "VSTESTCD" in to_html(changed(define, code_lists=(), where_clause_defs=()))
    assert to_html(draft)


def _clause(comparator: str, values: tuple[str, ...], item: str = "IT.VS.VSTESTCD") -> WhereClauseDef:
    check = RangeCheck(comparator=comparator, item_oid=item, check_values=values)
    return WhereClauseDef(oid="WC.VS.VSTESTCD.EQ.HR", range_checks=(check,))


def _checks(clause: WhereClauseDef) -> dict[str, Any]:
    return {"range_checks": clause.range_checks}

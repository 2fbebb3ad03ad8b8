"""The derivations, case by case, but for results: dates, order, subjects, and all together."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.context import Context, Derivation, Derived
from trialbridge.converters.derive import DERIVATIONS, METHODS, derive
from trialbridge.converters.derive_columns import group
from trialbridge.converters.derive_exposure import derive_last_before_exposure
from trialbridge.converters.derive_result import (
    collected_units,
)
from trialbridge.converters.derive_sequence import derive_sequence, total_order
from trialbridge.converters.derive_subject import derive_age, derive_death_flag, derive_reference_dates
from trialbridge.converters.derive_timing import derive_dtc_check, derive_study_day

Rows = list[dict[str, object]]


def context(domain: str = "LB", first_dose: str | None = "2014-01-02", **choices: object) -> Context:
    reference = {"USUBJID": ["1", "2"], "RFSTDTC": [first_dose] * 2, "RFXSTDTC": [first_dose] * 2}
    schema = pa.schema([(name, pa.string()) for name in reference])
    return Context(domain, pa.table(reference, schema), **choices)  # type: ignore[arg-type]


def run(derivation: Derivation, rows: Rows, where: Context | None = None) -> Derived:
    rows = [{"USUBJID": "1", **row} for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    return derivation(table, where or context())


def rules(derived: Derived) -> list[tuple[str, int]]:
    return [(finding.rule, finding.count) for finding in derived[1]]


# --- dates


def test_impossible_date_leaves_the_cell_and_stands_in_the_finding() -> None:
    rows: Rows = [
        {"LBDTC": "2014-02-30", "LBSEQ": 1.0, "_id": "o1"},
        {"LBDTC": "2014-02-30", "LBSEQ": 2.0, "_id": "o2"},
        {"LBDTC": "20140228", "LBSEQ": 3.0, "_id": "o3"},
        {"LBDTC": "2014-02", "LBSEQ": 4.0, "_id": "o4"},
        {"USUBJID": "2", "LBDTC": "2014-02-30", "LBSEQ": 1.0, "_id": "o5"},
    ]
    derived = run(derive_dtc_check, rows)
    assert derived[0]["LBDTC"].to_pylist() == [None, None, None, "2014-02", None]
    assert derived[0]["_id"].to_pylist() == ["o1", "o2", "o3", "o4", "o5"]
    assert [(f.rule, f.value, f.record, f.resource, f.count) for f in derived[1]] == [
        ("date-impossible", "2014-02-30", "1 LBSEQ 1", "o1", 2),
        ("date-form", "20140228", "1 LBSEQ 3", "o3", 1),
        ("date-impossible", "2014-02-30", "2 LBSEQ 1", "o5", 1),
    ]
    assert {(f.domain, f.variable) for f in derived[1]} == {("LB", "LBDTC")}


def test_table_without_faulty_dates_is_the_same_table() -> None:
    table = pa.table({"USUBJID": ["1"], "LBDTC": ["2014"]})
    assert derive_dtc_check(table, context())[0] is table


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        ("2014-01-03", "2014-01-02", 1),
        ("2014-01-03", "2014-01-03", 0),
        ("2014-01-03", "2014-01", 0),
        ("2014-01-03", "2013", 1),
        ("2014-01-03T10:00", "2014-01-03", 0),
        (None, "2013", 0),
    ],
)
def test_end_before_start_is_found(start: str | None, end: str, found: int) -> None:
    derived = run(
        derive_dtc_check, [{"AEDTC": "2015-01-01", "AESTDTC": start, "AEENDTC": end}], context("AE")
    )
    assert rules(derived) == [("date-order", 1)] * found
    assert derived[0]["AEENDTC"].to_pylist() == [end]


def test_end_of_a_collection_and_of_a_life_are_compared_too() -> None:
    assert rules(run(derive_dtc_check, [{"LBDTC": "2014-01-02", "LBENDTC": "2014-01-01"}])) == [
        ("date-order", 1)
    ]
    life: Rows = [{"BRTHDTC": "1950", "DTHDTC": "1949-01-01"}]
    assert rules(run(derive_dtc_check, life, context("DM"))) == [("date-order", 1)]


def test_study_days_of_all_three_dates() -> None:
    row: Rows = [{"AEDTC": "2014-01-02", "AESTDTC": "2014-01-01T10:00", "AEENDTC": "2014-01"}]
    table, findings = run(derive_study_day, row, context("AE"))
    assert [table[name].to_pylist() for name in ("AEDY", "AESTDY", "AEENDY")] == [[1.0], [-1.0], [None]]
    assert findings == []


def test_study_day_that_is_given_stays_and_is_compared() -> None:
    derived = run(
        derive_study_day, [{"LBDTC": "2014-01-02", "LBDY": 0.0}, {"LBDTC": "2014-01-03", "LBDY": None}]
    )
    assert derived[0]["LBDY"].to_pylist() == [0.0, 2.0]
    assert rules(derived) == [("study-day-contradicts", 1)]


def test_subject_without_reference_has_no_study_day() -> None:
    assert run(derive_study_day, [{"USUBJID": "9", "LBDTC": "2014-01-02"}])[0]["LBDY"].to_pylist() == [None]


# --- last observation before exposure


def flags(rows: Rows, **choices: object) -> list[object]:
    full = [{"LBTESTCD": "K", "LBSTRESC": "4.1", **row} for row in rows]
    return run(derive_last_before_exposure, full, context(**choices))[0]["LBLOBXFL"].to_pylist()


def dated(*texts: str | None) -> Rows:
    return [{"LBDTC": text} for text in texts]


@pytest.mark.parametrize(
    ("dates", "dose", "same_day", "expected"),
    [
        (["2013-12-20", "2014-01-01", "2014-01-03"], "2014-01-02", "exclude", [None, "Y", None]),
        (["2014-01-01", "2014-01-02"], "2014-01-02", "exclude", ["Y", None]),
        (["2014-01-01", "2014-01-02"], "2014-01-02", "include", [None, "Y"]),
        (["2014-01-01", "2014-01-02"], "2014-01-02T08:00", "include", [None, "Y"]),
        (["2014-01-02T07:59", "2014-01-02T08:00"], "2014-01-02T08:00", "include", ["Y", None]),
        (["2014-01-01", "2014-01"], "2014-01-02", "include", ["Y", None]),
        (["2013-12", "2013-11-30"], "2014-01-02", "exclude", ["Y", None]),
        (["2014-01-01", "2014-01-01"], "2014-01-02", "exclude", [None, "Y"]),
        (["2014-01-01", "2014-01-01T09:00"], "2014-01-02", "exclude", [None, "Y"]),
        (["2014-01-01T10:00", "2014-01-01"], "2014-01-02", "exclude", ["Y", None]),
        ([None, "2014-02-30"], "2014-01-02", "include", [None, None]),
        (["2014-01-01"], None, "include", [None]),
        (["2014-01-01"], "2014-01", "include", [None]),
    ],
)
def test_last_before_exposure(
    dates: list[str | None], dose: str | None, same_day: str, expected: list[str]
) -> None:
    assert flags(dated(*dates), first_dose=dose, baseline_same_day=same_day) == expected


def test_missing_results_are_not_the_last() -> None:
    rows: Rows = [
        {"LBDTC": "2013-12-30"},
        {"LBDTC": "2013-12-31", "LBSTRESC": None},
        {"LBDTC": "2014-01-01", "LBSTAT": "NOT DONE"},
    ]
    assert flags(rows) == ["Y", None, None]


@pytest.mark.parametrize("variable", ["USUBJID", "LBTESTCD", "LBCAT", "LBSPEC", "LBMETHOD", "LBPOS", "LBLOC"])
def test_each_subject_and_test_has_a_last_of_its_own(variable: str) -> None:
    rows = [row | {variable: value} for value, row in zip("121", dated(*["2014-01-01"] * 3), strict=True)]
    assert flags(rows) == [None, "Y", "Y"]


def test_flag_that_is_given_stays_alone_in_its_group() -> None:
    rows: Rows = [
        {"LBDTC": "2013-12-30", "LBLOBXFL": "Y"},
        {"LBDTC": "2013-12-31", "LBLOBXFL": None},
        {"LBDTC": "2013-12-31", "LBLOBXFL": None, "LBTESTCD": "ALB"},
    ]
    full = [{"LBTESTCD": "K", "LBSTRESC": "4.1", **row} for row in rows]
    derived = run(derive_last_before_exposure, full)
    assert derived[0]["LBLOBXFL"].to_pylist() == ["Y", None, "Y"]
    assert rules(derived) == [("lobxfl-contradicts", 1)]


# --- order and sequence


def test_sequence_counts_within_each_subject() -> None:
    table = pa.table({"USUBJID": ["1", "1", "2", "1", "2"]})
    assert derive_sequence(table, context())[0]["LBSEQ"].to_pylist() == [1.0, 2.0, 1.0, 3.0, 2.0]


def test_sequence_that_is_given_stays_where_it_can() -> None:
    table = pa.table({"USUBJID": list("112233"), "LBSEQ": [5.0, 3.0, 4.0, 4.0, 9.0, None]})
    derived = derive_sequence(table, context())
    assert derived[0]["LBSEQ"].to_pylist() == [5.0, 3.0, 1.0, 2.0, 1.0, 2.0]
    assert rules(derived) == [("sequence-renumbered", 2), ("sequence-renumbered", 1)]


def test_order_is_by_bytes_and_nulls_are_last() -> None:
    table = pa.table({"USUBJID": ["Ä", "a", None, "Z", "10", "9"]})
    ordered = table.take(pa.array(total_order(table, ())))["USUBJID"].to_pylist()
    assert ordered == ["10", "9", "Z", "a", "Ä", None]


def test_keys_date_values_and_pointers_have_their_say_in_turn() -> None:
    rows = [
        {"LBTESTCD": "K", "LBDTC": "2014-01-02", "VISITNUM": 2.0, "LBORRES": "1", "_id": "a"},
        {"LBTESTCD": "K", "LBDTC": "2014-01-01", "VISITNUM": 10.0, "LBORRES": "9", "_id": "b"},
        {"LBTESTCD": "K", "LBDTC": "2014-01-02", "VISITNUM": 2.0, "LBORRES": "1", "_id": "0"},
        {"LBTESTCD": "K", "LBDTC": "2014-01-02", "VISITNUM": 2.0, "LBORRES": "0", "_id": "z"},
        {"LBTESTCD": "ALB", "LBDTC": "2014-01-09", "VISITNUM": None, "LBORRES": "0", "_id": "z"},
    ]
    table = pa.Table.from_pylist([{"USUBJID": "1", "_line": row["_id"], **row} for row in rows])
    assert total_order(table, ("STUDYID", "USUBJID", "LBTESTCD", "VISITNUM")).tolist() == [4, 3, 2, 0, 1]


# --- subjects


def test_reference_dates_come_from_exposure() -> None:
    subjects = pa.table(
        {"USUBJID": ["1", "2", "3"], "RFSTDTC": [None, None, "2014-05-05"], "RFICDTC": ["2013"] * 3}
    )
    exposure = pa.table(
        {
            "USUBJID": ["1", "1", "1", "9", "3"],
            "EXSTDTC": ["2014-01-09", "2014-01-02T08:00", "2014-02", "2001", "2014-06-01"],
            "EXENDTC": ["2014-01-10", None, "2014-02-03", "2001", None],
        }
    )
    derived = derive_reference_dates(subjects, exposure, {"RFSTDTC": "RFICDTC"})
    assert derived["RFSTDTC"].to_pylist() == ["2014-01-02T08:00", "2013", "2014-05-05"]
    assert derived["RFXSTDTC"].to_pylist() == ["2014-01-02T08:00", None, "2014-06-01"]
    assert derived["RFXENDTC"].to_pylist() == ["2014-02-03", None, "2014-06-01"]
    assert derived["RFENDTC"].to_pylist() == ["2014-02-03", None, "2014-06-01"]


@pytest.mark.parametrize(
    ("birth", "reference", "age", "found"),
    [
        ("1950-01-02", "2014-01-02", 64, 0),
        ("1950-01-03", "2014-01-02", 63, 0),
        ("1952-02-29", "2015-02-28", 62, 0),
        ("1952-02-29", "2015-03-01", 63, 0),
        ("1950-02", "2014-01-02", 63, 0),
        ("1950-01", "2014-01-02", None, 1),
        ("1950", "2014-12-31", 64, 0),
        ("1950", "2014", None, 1),
        ("2015-01-01", "2014-01-02", None, 1),
        ("1950-02-30", "2014-01-02", None, 0),
        (None, "2014-01-02", None, 0),
        ("1950-01-02", None, None, 0),
    ],
)
def test_age_in_full_years(birth: str | None, reference: str | None, age: int | None, found: int) -> None:
    derived = run(derive_age, [{"BRTHDTC": birth}], context("DM", reference))
    assert derived[0]["AGE"].to_pylist() == [age]
    assert derived[0]["AGEU"].to_pylist() == [None if age is None else "YEARS"]
    assert rules(derived) == [("age-undecided", 1)] * found


def test_age_that_is_given_stays() -> None:
    table, findings = run(derive_age, [{"BRTHDTC": "1950", "AGE": 30.0, "AGEU": "MONTHS"}], context("DM"))
    assert (table["AGE"].to_pylist(), table["AGEU"].to_pylist(), findings) == ([30.0], ["MONTHS"], [])


def test_death_is_flagged_even_by_an_impossible_date() -> None:
    rows: Rows = [
        {"DTHDTC": "2014", "DTHFL": None},
        {"USUBJID": "2", "DTHDTC": "2014-02-30", "DTHFL": None},
        {"USUBJID": "3", "DTHDTC": None, "DTHFL": "Y"},
        {"USUBJID": "4", "DTHDTC": None, "DTHFL": None},
    ]
    table, findings = run(derive, rows, context("DM"))
    assert table["DTHFL"].to_pylist() == ["Y", "Y", "Y", None]
    assert table["DTHDTC"].to_pylist() == ["2014", None, None, None]
    assert [finding.rule for finding in findings] == ["date-impossible"]
    assert "DMSEQ" not in table.column_names


# --- all together


def glucose(result: str | None, unit: str | None = "mg/dL") -> dict[str, object]:
    return {"LBTESTCD": "GLUC", "LBSPEC": "SERUM", "LBORRES": result, "LBORRESU": unit}


@pytest.mark.parametrize("derivation", [*DERIVATIONS, derive_death_flag, derive])
def test_domain_that_lacks_the_variables_is_left_alone(derivation: Derivation) -> None:
    table = pa.table({"STUDYID": ["S"], "TSPARMCD": ["TITLE"], "TSVAL": ["x"], "_id": ["1"]})
    derived, findings = derivation(table, context("TS"))
    assert derived is table
    assert findings == []


def test_empty_table_gets_its_columns() -> None:
    names = ("USUBJID", "LBTESTCD", "LBDTC", "LBORRES", "LBORRESU", "LBORNRLO", "LBORNRHI")
    table, findings = derive(pa.table({name: pa.array([], pa.string()) for name in names}), context())
    assert {"LBSEQ", "LBDY", "LBSTRESC", "LBSTNRHI", "LBNRIND", "LBLOBXFL"} <= set(table.column_names)
    assert (len(table), findings) == (0, [])


def test_subjects_do_not_see_each_other() -> None:
    rows: Rows = [
        glucose(str(number))
        | {"USUBJID": subject, "LBDTC": f"2014-01-0{number}", "LBORNRHI": "4", "_id": str(number)}
        for subject in ("1", "2")
        for number in range(1, 6)
    ]
    table = pa.Table.from_pylist(rows)
    where = context(collected_units=collected_units(table, "LB"))
    blocks = [table.filter(pc.equal(table["USUBJID"], subject)) for subject in ("1", "2")]
    assert pa.concat_tables([derive(block, where)[0] for block in blocks]) == derive(table, where)[0]


def test_derived_variables_have_their_method() -> None:
    rows = [glucose("90") | {"LBDTC": "2014-01-01", "LBORNRLO": "70", "LBORNRHI": "110"}]
    before = {"USUBJID", *rows[0]}
    derived = set(run(derive, rows)[0].column_names) - before
    assert derived
    assert all(f"--{name[2:]}" in METHODS for name in derived)
    assert all(sentence.endswith(".") for sentence in METHODS.values())


def test_many_wide_keys_still_order_and_group() -> None:
    rows = 400
    columns = {
        f"KEY{place}": pa.array([str((row * 7 + place) % rows) for row in range(rows)]) for place in range(9)
    }
    table = pa.table({"USUBJID": pa.array(["1"] * rows), **columns})
    ordered = table.take(pa.array(total_order(table, tuple(columns))))
    assert ordered["KEY0"].to_pylist() == sorted(columns["KEY0"].to_pylist())
    assert len(set(group(list(columns.values()), rows).tolist())) == rows


def test_column_without_any_value_needs_no_type() -> None:
    table = pa.table(
        {"USUBJID": ["1", "1"], "LBTESTCD": ["K", "K"], "LBDTC": pa.nulls(2), "LBORRES": pa.nulls(2)}
    )
    table = table.append_column("_item", pa.nulls(2))
    assert total_order(table, ("LBDTC",)).tolist() == [0, 1]
    derived, findings = derive(table, context())
    assert derived["LBSTRESC"].to_pylist() == [None, None]
    assert derived["_item"] == table["_item"]
    assert findings == []

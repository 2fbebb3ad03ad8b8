"""What contradicts its unit, specimen, code or range is found; what is merely ill is left alone."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.context import Context
from trialbridge.converters.plausibility import check_plausible
from trialbridge.crosswalks import crosswalk, loinc
from trialbridge.findings import Finding
from trialbridge.plausible import PROPERTIES, code_of_property, other_property, plausible
from trialbridge.standards import codelist
from trialbridge.units import conversion, standard_unit

ROWS = crosswalk("plausible").rows
CONTEXT = Context("LB", pa.table({"USUBJID": ["1"]}))
Result = tuple[str, str, str, str, str | None, str | None]


def found(*results: Result, loinc: str = "") -> list[Finding]:
    """Return the findings on results: test, specimen, number, unit, lower and upper bound."""
    names = ("LBTESTCD", "LBSPEC", "LBORRES", "LBORRESU", "LBORNRLO", "LBORNRHI")
    columns = dict(
        zip(names, (pa.array(column, pa.string()) for column in zip(*results, strict=True)), strict=True)
    )
    rows = len(results)
    table = pa.table(
        {**columns, "USUBJID": ["1"] * rows, "LBLOINC": pa.array([loinc or None] * rows, pa.string())}
    )
    same, findings = check_plausible(table, CONTEXT)
    assert same is table
    return findings


def test_the_table_is_of_current_tests_with_ordered_limits() -> None:
    tests = {term.submission_value for name in ("LBTESTCD", "VSTESTCD") for term in codelist(name).terms}
    assert len({row["testcd"] for row in ROWS}) >= 60
    assert len({(row["testcd"], row["spec"]) for row in ROWS}) == len(ROWS)
    for row in ROWS:
        assert row["testcd"] in tests, row
        assert not row["spec"] or row["spec"] in codelist("SPECTYPE"), row
        assert not row["unit"] or row["unit"] in codelist("UNIT"), row
        assert float(row["low"]) < float(row["high"]), row
        assert row["source"], row
        assert row["steady"] in {"", "Y"}, row
        for other in filter(None, row["also"].split("|")):
            assert conversion(other, row["unit"], row["testcd"]), (row["testcd"], other)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['testcd']} {row['spec']}")
def test_limits_hold_in_the_standard_units_too(row: dict[str, str]) -> None:
    for system in ("SI", "conventional"):
        unit = standard_unit(row["testcd"], row["spec"], system)  # type: ignore[arg-type]  # both are systems
        assert not unit or plausible(row["testcd"], row["spec"], unit), (row["testcd"], unit)


@pytest.mark.parametrize(
    ("result", "fits"),
    [
        (("GLUC", "SERUM", "90", "mmol/L", None, None), "mg/dL"),
        (("GLUC", "PLASMA", "5.1", "mg/dL", None, None), "mmol/L"),
        (("HBA1CHGB", "BLOOD", "0.06", "%", None, None), "fraction of 1"),
        (("HBA1CHGB", "BLOOD", "48", "%", None, None), "mmol/mol"),
        (("HGB", "BLOOD", "140", "g/dL", None, None), "g/L"),
        (("HGB", "BLOOD", "14.2", "g/L", None, None), "g/dL"),
        (("ALB", "SERUM", "3.8", "g/L", "3.3", "4.9"), "g/dL"),
        (("ALB", "SERUM OR PLASMA", "42", "g/L", "3.5", "5.0"), "g/dL"),
        (("TEMP", "", "98.6", "C", None, None), "F"),
        (("PROT", "URINE", "72", "g/L", None, None), "BLOOD as specimen"),
        (("CREAT", "SERUM", "90", "mg/dL", None, None), "umol/L"),
        (("PLAT", "BLOOD", "250000", "10^9/L", None, None), "10^6/L"),
        (("HCT", "BLOOD", "42", "L/L", None, None), "%"),
        (("CA", "SERUM", "9.4", "mmol/L", None, None), "mg/dL"),
        (("SYSBP", "", "16.5", "mmHg", None, None), "kPa"),
        (("OXYSAT", "", "0.97", "%", None, None), "fraction of 1"),
        (("WEIGHT", "", "3400", "kg", None, None), "g"),
        (("NEUTLE", "BLOOD", "60", "fraction of 1", None, None), "%"),
    ],
)
def test_a_number_in_the_wrong_unit_is_found_with_what_would_fit(result: Result, fits: str) -> None:
    named = [one for one in found(result) if one.rule == "value-implausible"]
    assert len(named) == 1
    assert fits in named[0].message.partition("it would fit ")[2].split(" or ")
    assert named[0].value == result[2]


@pytest.mark.parametrize(
    "result",
    [
        ("CRP", "SERUM", "320", "mg/L", "0.5", "5"),
        ("BILI", "SERUM", "21.4", "mg/dL", "0.2", "1.2"),
        ("ALT", "SERUM", "9800", "U/L", "5", "40"),
        ("ALB", "SERUM", "11", "g/L", "35", "50"),
        ("PROT", "URINE", "12", "g/L", "0.01", "0.14"),
        ("CORTISOL", "SERUM", "12", "nmol/L", "140", "690"),
        ("TESTOS", "SERUM", "15", "ng/dL", "300", "1000"),
        ("TSH", "SERUM", "0.005", "mIU/L", "0.4", "4.0"),
        ("NEUT", "BLOOD", "0.02", "10^9/L", "1.8", "7.7"),
        ("PLAT", "BLOOD", "2", "10^9/L", "150", "400"),
        ("WBC", "BLOOD", "480", "10^9/L", "4", "11"),
        ("C4", "SERUM", "1", "mg/dL", "10", "40"),
        ("FERRITIN", "SERUM", "48000", "ug/L", "15", "150"),
        ("GLUC", "SERUM", "900", "mg/dL", "70", "99"),
        ("GLUC", "SERUM", "31", "mg/dL", "70", "99"),
        ("TEMP", "", "41.9", "C", None, None),
        ("SYSBP", "", "262", "mmHg", None, None),
        ("WEIGHT", "", "0.9", "kg", None, None),
        ("UNHEARD", "BLOOD", "1e9", "mg/dL", "1", "2"),
        ("GLUC", "SERUM", "90", "mmHg", None, None),
        ("GLUC", "SERUM", ">90", "mmol/L", None, None),
        ("GLUC", "SERUM", "high", "mmol/L", None, None),
    ],
)
def test_disease_and_the_unknown_are_left_alone(result: Result) -> None:
    assert found(result) == []


@given(st.sampled_from(ROWS), st.floats(0, 1))
def test_nothing_between_the_limits_is_found(row: dict[str, str], place: float) -> None:
    low, high = float(row["low"]), float(row["high"])
    number = repr(low + (high - low) * place)
    assert found((row["testcd"], row["spec"], number, row["unit"], None, None)) == []


@given(st.sampled_from(ROWS), st.floats(1.01, 1000))
def test_everything_above_the_limits_is_found_once(row: dict[str, str], times: float) -> None:
    number = repr(float(row["high"]) * times)
    rules = [one.rule for one in found((row["testcd"], row["spec"], number, row["unit"], None, None))]
    assert rules == ["value-implausible"]


def test_equal_faults_of_a_subject_are_one_finding() -> None:
    result = ("GLUC", "SERUM", "90", "mmol/L", None, None)
    findings = found(result, result, ("GLUC", "SERUM", "5", "mmol/L", None, None))
    assert [(one.rule, one.count) for one in findings] == [("value-implausible", 2)]


def test_ranges_are_judged_by_themselves() -> None:
    rules = [one.rule for one in found(("K", "SERUM", "4.0", "mmol/L", "5.1", "3.5"))]
    assert rules == ["range-reversed"]
    (finding,) = found(("GLUC", "SERUM", "<5", "mmol/L", "70", "99"))
    assert finding.rule == "range-implausible"
    assert "mg/dL" in finding.message


def test_a_grade_is_no_quantity() -> None:
    table = pa.table(
        {"LBTESTCD": ["GLUC"], "LBSPEC": ["URINE"], "LBORRES": ["5000"], "LBRESSCL": ["ORDINAL"]}
    )
    assert check_plausible(table.append_column("USUBJID", pa.array(["1"])), CONTEXT)[1] == []


def test_without_results_nothing_is_judged() -> None:
    table = pa.table({"USUBJID": ["1"]})
    assert check_plausible(table, Context("DM", table)) == (table, [])


def test_a_code_of_another_property_is_a_notice_with_the_code_that_fits() -> None:
    (finding,) = found(("GLUC", "SERUM OR PLASMA", "5.1", "mmol/L", None, None), loinc="2345-7")
    assert (finding.rule, finding.severity.value) == ("unit-other-property", "notice")
    assert finding.message.endswith("it would fit LOINC 14749-6")
    assert found(("GLUC", "SERUM OR PLASMA", "90", "mg/dL", None, None), loinc="2345-7") == []


@pytest.mark.parametrize(
    ("code", "unit", "measured"),
    [
        ("2823-3", "mEq/L", None),
        ("2345-7", "mmol/L", "SUBSTANCE CONCENTRATION"),
        ("14749-6", "mg/dL", "MASS CONCENTRATION"),
        ("1742-6", "IU/L", None),
        ("1742-6", "ukat/L", None),
        ("4544-3", "L/L", None),
        ("4548-4", "mmol/mol", "SUBSTANCE FRACTION"),
        ("3016-3", "mIU/L", None),
        ("2345-7", "furlong", None),
        ("no-code", "mg/dL", None),
    ],
)
def test_properties_of_units(code: str, unit: str, measured: str | None) -> None:
    assert other_property(code, unit) == measured


def test_properties_are_terms_and_the_fitting_code_differs_in_nothing_else() -> None:
    assert set(PROPERTIES) <= {row["restyp"] for row in crosswalk("loinc").rows}
    assert code_of_property("no-code", "MASS CONCENTRATION") is None
    better, old = loinc(str(code_of_property("14749-6", "MASS CONCENTRATION"))), loinc("14749-6")
    assert better
    assert old
    assert (better.testcd, better.spec, better.restyp) == (old.testcd, old.spec, "MASS CONCENTRATION")

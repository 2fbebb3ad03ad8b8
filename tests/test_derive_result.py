"""Standard results and reference indicators, case by case."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.context import Context, Derivation, Derived
from trialbridge.converters.derive_result import (
    collected_units,
    derive_reference_indicator,
    derive_standard_result,
    plain_numbers,
)
from trialbridge.units import conversion

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


def standard(row: dict[str, object], **choices: object) -> tuple[object, ...]:
    table, _ = run(derive_standard_result, [row], context(**choices))
    return tuple(table[name][0].as_py() for name in ("LBSTRESC", "LBSTRESN", "LBSTRESU"))


def glucose(result: str | None, unit: str | None = "mg/dL") -> dict[str, object]:
    return {"LBTESTCD": "GLUC", "LBSPEC": "SERUM", "LBORRES": result, "LBORRESU": unit}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (glucose("72.50", "mmol/L"), ("72.50", 72.5, "mmol/L")),
        (glucose("1E2", "mmol/L"), ("1E2", 100.0, "mmol/L")),
        (glucose("90"), ("4.9957", 4.9957, "mmol/L")),
        (glucose("<5"), ("<0.28", None, "mmol/L")),
        (glucose("< 5", "mmol/L"), ("<5", None, "mmol/L")),
        (glucose(">=500"), (">=27.75", None, "mmol/L")),
        (glucose("≤5"), ("<=0.28", None, "mmol/L")),
        (glucose("0"), ("0", 0.0, "mmol/L")),
        (glucose("NEGATIVE"), ("NEGATIVE", None, None)),
        (glucose("1+"), ("1+", None, None)),
        (glucose("1:160"), ("1:160", None, None)),
        (glucose("1,200"), ("1,200", None, None)),
        (glucose("1E9999"), ("1E9999", None, None)),
        (glucose("nan"), ("nan", None, None)),
        (glucose(None), (None, None, None)),
        ({"LBTESTCD": "ALB", "LBORRES": "3.8", "LBORRESU": "g/dL"}, ("38", 38.0, "g/L")),
        ({"LBTESTCD": "ALB", "LBORRES": "3.80", "LBORRESU": "g/dL"}, ("38.0", 38.0, "g/L")),
        ({"LBTESTCD": "OWNTEST", "LBORRES": "7.10", "LBORRESU": "g/L"}, ("7.10", 7.1, "g/L")),
        ({"LBTESTCD": "OWNTEST", "LBORRES": "7.10", "LBORRESU": None}, ("7.10", 7.1, None)),
    ],
)
def test_standard_result(row: dict[str, object], expected: tuple[object, ...]) -> None:
    assert standard(row) == expected


def test_standard_unit_follows_the_choice_of_the_study() -> None:
    assert standard(glucose("90"), units="conventional") == ("90", 90.0, "mg/dL")


def test_temperature_comes_to_celsius_without_noise() -> None:
    rows: Rows = [
        {"VSTESTCD": "TEMP", "VSORRES": text, "VSORRESU": "F"} for text in ("98.6", "<98.6", "97.0")
    ]
    table, _ = run(derive_standard_result, rows, context("VS"))
    assert table["VSSTRESC"].to_pylist() == ["37.0", "<37.0", "36.111"]


def test_what_cannot_be_converted_has_no_standard_result_and_one_finding_a_unit() -> None:
    rows = [glucose("90", "10^9/L"), glucose("91", "10^9/L"), glucose("POS", "10^9/L"), glucose("5", None)]
    derived = run(derive_standard_result, rows)
    assert derived[0]["LBSTRESC"].to_pylist() == [None, None, "POS", None]
    assert derived[0]["LBSTRESU"].to_pylist() == [None] * 4
    assert derived[0]["LBORRES"].to_pylist() == ["90", "91", "POS", "5"]
    assert rules(derived) == [("unit-property", 2), ("unit-missing", 1)]
    assert "{" not in derived[1][0].message


def own_test(unit: str | None) -> dict[str, object]:
    return {"LBTESTCD": "OWNTEST", "LBORRES": "7", "LBORRESU": unit}


def test_test_without_standard_unit_must_have_one_unit_in_the_study() -> None:
    derived = run(derive_standard_result, [own_test("g/L"), own_test("IU/mL")])
    assert derived[0]["LBSTRESC"].to_pylist() == [None, None]
    assert rules(derived) == [("unit-no-standard", 1), ("unit-no-standard", 1)]


def test_result_does_not_hang_on_the_block_of_subjects() -> None:
    blocks = [
        pa.Table.from_pylist([{"USUBJID": subject, **own_test(unit)}])
        for subject, unit in (("1", "g/L"), ("2", "IU/mL"))
    ]
    found: dict[tuple[str, str], frozenset[str]] = {}
    for block in blocks:
        for test, units in collected_units(block, "LB").items():
            found[test] = found.get(test, frozenset()) | units
    where = context(collected_units=found)
    apart = pa.concat_tables([derive_standard_result(block, where)[0] for block in blocks])
    assert apart == derive_standard_result(pa.concat_tables(blocks), where)[0]
    assert apart["LBSTRESC"].to_pylist() == [None, None]


def test_standard_result_that_is_given_stays() -> None:
    row = {"QSTESTCD": "X1", "QSORRES": "Several days", "QSSTRESC": "1", "QSSTRESN": None}
    table, findings = run(derive_standard_result, [row], context("QS"))
    assert (table["QSSTRESC"].to_pylist(), table["QSSTRESN"].to_pylist(), findings) == (["1"], [1.0], [])


def test_ranges_are_converted_as_the_result_is() -> None:
    rows = [
        glucose("90") | {"LBORNRLO": "70", "LBORNRHI": "110"},
        glucose("5.0", "mmol/L") | {"LBORNRLO": "<4", "LBORNRHI": "6.10"},
        glucose("7", "10^9/L") | {"LBORNRLO": "1", "LBORNRHI": None},
    ]
    table, _ = run(derive_standard_result, rows)
    assert table["LBSTNRLO"].to_pylist() == [3.8855, None, None]
    assert table["LBSTNRHI"].to_pylist() == [6.1058, 6.1, None]


@given(st.decimals(Decimal("-1e6"), Decimal("1e6"), allow_nan=False, places=3))
def test_number_in_the_standard_unit_keeps_its_text(number: Decimal) -> None:
    assert standard(glucose(str(number), "mmol/L"))[0] == str(number)


@given(st.decimals(Decimal("0.001"), Decimal("1e6"), places=3), st.sampled_from(["<", "<=", ">", ">="]))
def test_converted_limit_is_still_true(number: Decimal, comparator: str) -> None:
    text = standard(glucose(f"{comparator}{number}"))[0]
    assert isinstance(text, str)
    factor = conversion("mg/dL", "mmol/L", "GLUC")
    assert factor is not None
    exact, limit = number * factor.factor, Decimal(text.removeprefix(comparator))
    noise = exact * Decimal("1e-14")
    assert limit >= exact - noise if comparator.startswith("<") else limit <= exact + noise


@given(
    st.lists(
        st.none() | st.text() | st.from_regex(r"[<>=]{0,2} ?-?[0-9.]{1,6}(e[0-9]{1,3})?", fullmatch=True)
    )
)
def test_any_text_gets_a_standard_result_that_agrees_with_its_number(texts: list[str | None]) -> None:
    table, _ = run(derive_standard_result, [glucose(text) for text in texts] or [glucose(None)])
    for character, number in zip(table["LBSTRESC"].to_pylist(), table["LBSTRESN"].to_pylist(), strict=True):
        assert number is None or float(character) == number
    assert table["LBSTRESN"] == pa.chunked_array([plain_numbers(table["LBSTRESC"])])


@pytest.mark.parametrize(
    ("result", "low", "high", "expected"),
    [
        ("5", "4", "6", "NORMAL"),
        ("4", "4", "6", "NORMAL"),
        ("6.0", "4", "6", "NORMAL"),
        ("3.9", "4", "6", "LOW"),
        ("6.1", "4", "6", "HIGH"),
        ("6.1", "4", None, "NORMAL"),
        ("6.1", None, "6", "HIGH"),
        ("6.1", None, None, None),
        ("5", "4", "<6", None),
        ("5", "6", "4", None),
        ("<3", "4", "6", None),
        ("TRACE", "4", "6", None),
        (None, "4", "6", None),
    ],
)
def test_reference_indicator(
    result: str | None, low: str | None, high: str | None, expected: str | None
) -> None:
    row: dict[str, object] = {"LBTESTCD": "K", "LBORRES": result, "LBORNRLO": low, "LBORNRHI": high}
    assert run(derive_reference_indicator, [row])[0]["LBNRIND"].to_pylist() == [expected]


def test_reference_indicator_by_standard_numbers_where_no_others_are_there() -> None:
    row: dict[str, object] = {"LBTESTCD": "K", "LBSTRESN": 7.0, "LBSTNRLO": 4.0, "LBSTNRHI": 6.0}
    assert run(derive_reference_indicator, [row])[0]["LBNRIND"].to_pylist() == ["HIGH"]


@pytest.mark.parametrize(
    ("given_indicator", "found"),
    [("NORMAL", 1), ("LOW", 1), ("HIGH", 0), ("ABNORMAL", 0), ("ABOVE QUANTIFICATION", 0), (None, 0)],
)
def test_reference_indicator_that_is_given_stays_and_is_compared(
    given_indicator: str | None, found: int
) -> None:
    row: dict[str, object] = {"LBTESTCD": "K", "LBORRES": "7", "LBORNRLO": "4", "LBORNRHI": "6"}
    derived = run(derive_reference_indicator, [row | {"LBNRIND": given_indicator}])
    assert derived[0]["LBNRIND"].to_pylist() == [given_indicator or "HIGH"]
    assert rules(derived) == [("nrind-contradicts", 1)] * found


def test_the_study_may_want_another_standard_unit() -> None:
    haemoglobin: dict[str, object] = {"LBTESTCD": "HGB", "LBORRES": "14.3", "LBORRESU": "g/dL"}
    assert standard(haemoglobin) == ("143", 143.0, "g/L")
    assert standard(haemoglobin, unit_of={"HGB": "mmol/L"}) == ("8.874", 8.874, "mmol/L")


@pytest.mark.parametrize("scale", ["ORDINAL", "NOMINAL", "NARRATIVE"])
def test_a_grade_is_not_converted(scale: str) -> None:
    grade: dict[str, object] = {"LBTESTCD": "GLUC", "LBORRES": "2", "LBORRESU": "NO UNITS", "LBRESSCL": scale}
    assert standard(grade) == ("2", 2.0, "NO UNITS")
    assert standard({**grade, "LBORRESU": None}) == ("2", 2.0, None)
    assert standard({**grade, "LBORRES": "90", "LBORRESU": "mg/dL"}) == ("4.9957", 4.9957, "mmol/L")


def test_a_quantity_without_its_unit_is_not_a_grade() -> None:
    row: dict[str, object] = {**glucose("2", "NO UNITS"), "LBRESSCL": "QUANTITATIVE"}
    assert standard(row) == (None, None, None)

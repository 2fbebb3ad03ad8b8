"""Unit conversion is right or refused: laws, an independent oracle, and what laboratories know."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trialbridge.crosswalks import crosswalk, loinc, to_ucum
from trialbridge.crosswalks.dimensions import parse
from trialbridge.standards import codelist
from trialbridge.units import LEAST_DIGITS, SAME, Conversion, conversion, convert, standard_unit

TERMS = sorted(term.submission_value for term in codelist("UNIT").terms)
UNDERSTOOD = [term for term in TERMS if parse(term)]
TESTS = sorted(
    {row["testcd"] for row in crosswalk("molar").rows}
    | {row["testcd"] for row in crosswalk("equations").rows}
)
# what stands in braces means nothing to UCUM, and to a laboratory it does
UCUM_TERMS = [term for term in UNDERSTOOD if "{" not in (to_ucum(term) or "{")]
TYPICAL = [
    *(
        "g/L",
        "mg/dL",
        "mmol/L",
        "mEq/L",
        "IU/L",
        "U/L",
        "s",
        "%",
        "L/L",
        "g/kg",
        "g/mol",
        "mmol/mol",
        "10^9/L",
    ),
    *("mL/min", "mmHg", "pg", "fmol", "g/day", "mmol/day", "fraction of 1", "mg/kg/day", "kg/m2", "RATIO"),
]
KINDRED = [
    (test, one, other)
    for test in ["", "GLUC", "CA", "HGB"]
    for one in UNDERSTOOD
    for other in UNDERSTOOD[::17]
    if conversion(one, other, test) is not None
] + [(row["testcd"], row["conventional"], row["si"]) for row in crosswalk("standard_units").rows]
numbers = st.decimals(min_value=Decimal("0.0001"), max_value=Decimal(10**6), places=4)


@cache
def registry() -> Any:
    return pytest.importorskip("ucumvert").PintUcumRegistry()


@cache
def oracle(term: str) -> Any:
    """Return what the independent UCUM implementation makes of a term, or None."""
    try:
        found = registry().from_ucum(to_ucum(term))
    except Exception:  # noqa: BLE001 - whatever the oracle raises, it does not know the code
        return None
    return None if isinstance(found, str) else found


def test_enough_is_understood() -> None:
    assert len(UNDERSTOOD) > 550


@given(st.sampled_from(TERMS), st.sampled_from(TERMS))
def test_never_across_properties(one: str, other: str) -> None:
    found = conversion(one, other)
    if found is not None and one != other and not {one, other} <= {"C", "F", "K"}:
        assert parse(one).dimensions == parse(other).dimensions  # type: ignore[union-attr]


def test_a_test_never_turns_amounts_into_something_else() -> None:
    """Mass, equivalents and substance may meet; what they stand over must be the same."""
    own = {row["testcd"] for row in crosswalk("equations").rows}
    amounts = {("g", 1), ("mol", 1), ("eq", 1)}
    for test in (test for test in TESTS if test not in own):
        for one in TYPICAL:
            for other in TYPICAL:
                if conversion(one, other, test) is not None and conversion(one, other) is None:
                    rest = parse(one).dimensions - amounts  # type: ignore[union-attr]
                    assert rest == parse(other).dimensions - amounts  # type: ignore[union-attr]


@given(st.sampled_from(TESTS), st.sampled_from(UNDERSTOOD), st.sampled_from(UNDERSTOOD))
def test_both_ways_or_neither(test: str, one: str, other: str) -> None:
    assert (conversion(one, other, test) is None) == (conversion(other, one, test) is None)


@given(st.sampled_from(KINDRED), numbers)
def test_there_and_back(case: tuple[str, str, str], value: Decimal) -> None:
    test, one, other = case
    there, back = conversion(one, other, test), conversion(other, one, test)
    assert there
    assert back
    exact = (value * there.factor + there.offset) * back.factor + back.offset
    assert abs(exact - value) <= abs(value) * Decimal("1e-20") + Decimal("1e-20")
    if not there.offset:
        again = convert(str(convert(str(value), there)), back)
        assert abs(again - value) <= abs(value) * Decimal(10) ** (2 - LEAST_DIGITS) / 10


@settings(deadline=None)  # the oracle takes its time over its first unit
@given(st.sampled_from(UCUM_TERMS), st.sampled_from(UCUM_TERMS))
def test_an_independent_implementation_agrees(one: str, other: str) -> None:
    found = conversion(one, other)
    if found is None or one == other or found.offset or {one, other} & {"C", "F", "K"}:
        return
    left, right = oracle(one), oracle(other)
    if left is None or right is None:
        return
    assert left.dimensionality == right.dimensionality
    ratio = (1 * left / (1 * right)).to_base_units().magnitude
    assert ratio == pytest.approx(float(found.factor), rel=2e-5)


def test_an_independent_implementation_agrees_on_every_kindred_pair() -> None:
    kinds: dict[object, list[str]] = {}
    for term in UCUM_TERMS:
        kinds.setdefault(parse(term).dimensions, []).append(term)  # type: ignore[union-attr]
    compared = 0
    for kin in kinds.values():
        first = oracle(kin[0])
        for term in kin[1:]:
            other, found = oracle(term), conversion(term, kin[0])
            if first is not None and other is not None and found is not None:
                ratio = (1 * other / (1 * first)).to_base_units().magnitude
                assert ratio == pytest.approx(float(found.factor), rel=2e-5), (term, kin[0])
                compared += 1
    assert compared > 150


@pytest.mark.parametrize(
    ("test", "unit", "target", "factor"),
    [
        ("BILI", "mg/dL", "umol/L", "17.1"),
        ("CA", "mg/dL", "mmol/L", "0.2495"),
        ("CHOL", "mg/dL", "mmol/L", "0.02586"),
        ("CREAT", "mg/dL", "umol/L", "88.4"),
        ("GLUC", "mg/dL", "mmol/L", "0.05551"),
        ("PHOS", "mg/dL", "mmol/L", "0.3229"),
        ("URATE", "mg/dL", "umol/L", "59.48"),
        ("UREAN", "mg/dL", "mmol/L", "0.357"),
        ("HGB", "g/dL", "mmol/L", "0.6206"),
        ("MCH", "pg", "fmol", "0.06206"),
        ("MCHC", "g/dL", "mmol/L", "0.6206"),
        ("VITB12", "ng/L", "pmol/L", "0.7378"),
        ("TRIG", "mg/dL", "mmol/L", "0.01129"),
        ("MG", "mg/dL", "mmol/L", "0.4114"),
        ("IRON", "ug/dL", "umol/L", "0.179"),
        ("T4", "ug/dL", "nmol/L", "12.87"),
        ("CORTISOL", "ug/dL", "nmol/L", "27.59"),
        ("TESTOS", "ng/dL", "nmol/L", "0.03467"),
        ("ESTRDIOL", "ng/L", "pmol/L", "3.671"),
        ("ALBCREAT", "g/kg", "g/mol", "0.1131"),
        ("CREAT", "umol/L", "mg/dL", "0.01131"),
        ("ALT", "U/L", "ukat/L", "0.016667"),
        ("WEIGHT", "LB", "kg", "0.45359237"),
        ("HEIGHT", "in", "cm", "2.54"),
        ("SYSBP", "mmHg", "kPa", "0.133322"),
    ],
)
def test_known_factors(test: str, unit: str, target: str, factor: str) -> None:
    found = conversion(unit, target, test)
    assert found
    assert found.offset == 0
    assert float(found.factor) == pytest.approx(float(factor), rel=1e-3)


@pytest.mark.parametrize(
    ("test", "unit", "target", "factor"),
    [
        ("CA", "mEq/L", "mmol/L", "0.5"),
        ("MG", "mEq/L", "mmol/L", "0.5"),
        ("BICARB", "mEq/L", "mmol/L", "1"),
        ("SODIUM", "mEq/L", "mmol/L", "1"),
        ("K", "mEq/L", "mmol/L", "1"),
        ("CL", "mEq/L", "mmol/L", "1"),
        ("CO2", "mEq/L", "mmol/L", "1"),
        ("ANIONG", "mEq/L", "mmol/L", "1"),
        ("HCT", "%", "L/L", "0.01"),
        ("HR", "/min", "beats/min", "1"),
        ("RESP", "/min", "breaths/min", "1"),
        ("ALT", "IU/L", "U/L", "1"),
        ("TSH", "mIU/L", "mU/L", "1"),
        ("", "g/dL", "g/L", "10"),
        ("", "mg/dL", "g/L", "0.01"),
        ("", "10^9/L", "10^6/L", "1000"),
        ("", "%", "fraction of 1", "0.01"),
        ("", "YEARS", "MONTHS", "12"),
        ("", "DAYS", "HOURS", "24"),
        ("", "m3", "L", "1000"),
        ("", "mL/min", "L/h", "0.06"),
    ],
)
def test_exact_factors(test: str, unit: str, target: str, factor: str) -> None:
    assert conversion(unit, target, test) == Conversion(Decimal(factor), Decimal(0))


@pytest.mark.parametrize(
    ("test", "unit", "target"),
    [
        ("", "g/L", "s"),
        ("", "mg/dL", "mmol/L"),
        ("UNKNOWN", "mg/dL", "mmol/L"),
        ("PROT", "g/L", "mmol/L"),
        ("PHOS", "mEq/L", "mmol/L"),
        ("GLUC", "mEq/L", "mmol/L"),
        ("", "IU/L", "U/L"),
        ("VITD23OH", "IU/L", "nmol/L"),
        ("INSULIN", "mIU/L", "pmol/L"),
        ("", "/min", "beats/min"),
        ("RESP", "beats/min", "breaths/min"),
        ("", "beats/min", "Hz"),
        ("", "mL/min", "mL/min/1.73 m2"),
        ("DDIMER", "mg/L", "mg/L FEU"),
        ("", "MONTHS", "DAYS"),
        ("", "%", "L/L"),
        ("LYMLE", "%", "10^9/L"),
        ("", "g/g", "mol/mol"),
        ("", "g/kg", "g/mol"),
        ("", "mOsm/kg", "mOsm/L"),
        ("", "copies/mL", "IU/mL"),
        ("", "log10 IU/mL", "IU/mL"),
        ("", "C", "mmHg"),
        ("", "TABLET", "mg"),
        ("", "10^3/L", "10^3"),
        ("", "", "mg/dL"),
        ("", "mg/dL", ""),
        ("", "nonsense", "mg/dL"),
        ("", "mg/0", "mg/dL"),
        ("", "mg/dL", "0 mg/dL"),
        ("", "0^-1/L", "10^9/L"),
    ],
)
def test_refused(test: str, unit: str, target: str) -> None:
    assert conversion(unit, target, test) is None


@pytest.mark.parametrize(("dataset", "prefix"), [("lbch", "LB"), ("lbhe", "LB"), ("vs", "VS")])
def test_the_pilot_converted_alike(shared: Path, tmp_path: Path, dataset: str, prefix: str) -> None:
    """Every result that the pilot study converted comes out within 0.1 %."""
    pyreadstat = pytest.importorskip("pyreadstat")
    with zipfile.ZipFile(shared / "data/sdtm/cdiscpilot01_tdf/cdiscpilot_update2.zip") as archive:
        member = next(name for name in archive.namelist() if name.endswith(f"/{dataset}.xpt"))
        path = Path(archive.extract(member, tmp_path))
    names = [f"{prefix}{suffix}" for suffix in ("TESTCD", "ORRES", "ORRESU", "STRESN", "STRESU")]
    table, _ = pyreadstat.read_xport(str(path), usecols=names)
    rows = table[names].dropna().drop_duplicates().itertuples(index=False, name=None)
    compared = 0
    for test, text, unit, number, standard in rows:
        if unit and standard and unit != standard and number:
            found = conversion(unit, standard, test)
            assert found, (test, unit, standard)
            assert float(convert(text, found)) == pytest.approx(number, rel=1e-3), (test, text, unit)
            compared += 1
    assert compared >= 99


def test_temperatures() -> None:
    for text, fahrenheit in [("36.6", "97.880"), ("37.0", "98.600"), ("-40", "-40.000")]:
        found = conversion("C", "F")
        assert found
        assert convert(text, found) == Decimal(fahrenheit)
    back = conversion("F", "C")
    assert back
    assert convert("96.9", back) == Decimal("36.056")


def test_glycated_haemoglobin() -> None:
    found = conversion("mmol/mol", "%", "HBA1CHGB")
    assert found
    assert convert("53", found) == Decimal("7.0004")
    back = conversion("%", "mmol/mol", "HBA1CHGB")
    assert back
    assert convert("7.0", back).quantize(Decimal(1)) == 53
    fraction = conversion("mmol/mol", "fraction of 1", "HBA1CHGB")
    assert fraction
    assert convert("53", fraction) == Decimal("0.070004")


@pytest.mark.parametrize(
    ("text", "factor", "expected"),
    [
        ("4.10", "10", "41.0"),
        ("4.10", "1", "4.10"),
        ("0", "88.4", "0"),
        ("1", "0.3333333333333333", "0.33333"),
        ("123.4567", "0.3333333333333333", "41.15223"),
        ("0.05", "100", "5"),
        ("-2", "0.5", "-1.0"),
        ("5.0e2", "10", "5.0E+3"),
    ],
)
def test_convert_keeps_the_stated_digits(text: str, factor: str, expected: str) -> None:
    found = convert(text, Conversion(Decimal(factor), Decimal(0)))
    assert found == Decimal(expected)
    assert len(found.as_tuple().digits) <= max(len(Decimal(text).as_tuple().digits) + 2, LEAST_DIGITS)


@given(numbers, st.sampled_from(["0.05550744909966917560336597171", "88.40169731258840169731258840"]))
def test_rounding_stays_within_its_digits(value: Decimal, factor: str) -> None:
    found = convert(str(value), Conversion(Decimal(factor), Decimal(0)))
    exact = value * Decimal(factor)
    assert abs(found - exact) <= abs(exact) * Decimal(10) ** (1 - LEAST_DIGITS) / 2


def test_words_are_no_number() -> None:
    with pytest.raises(InvalidOperation):
        convert("<5", SAME)


def test_standard_units_are_terms_of_current_tests() -> None:
    rows = crosswalk("standard_units").rows
    tests = {
        term.submission_value
        for name in ("LBTESTCD", "VSTESTCD", "EGTESTCD")
        for term in codelist(name).terms
    }
    assert len({row["testcd"] for row in rows}) >= 120
    assert len({(row["testcd"], row["spec"]) for row in rows}) == len(rows)
    for row in rows:
        assert row["testcd"] in tests, row
        assert row["si"] in codelist("UNIT"), row
        assert row["conventional"] in codelist("UNIT"), row
        assert not row["spec"] or row["spec"] in codelist("SPECTYPE"), row


def test_both_standard_units_of_a_test_convert() -> None:
    assert [
        row
        for row in crosswalk("standard_units").rows
        if conversion(row["conventional"], row["si"], row["testcd"]) is None
    ] == []


def test_standard_unit_prefers_the_specimen() -> None:
    assert standard_unit("CREAT", "SERUM") == "umol/L"
    assert standard_unit("CREAT", "URINE") == "mmol/L"
    assert standard_unit("CREAT", "URINE", "conventional") == "mg/dL"
    assert standard_unit("COLOR", "URINE") is None


@pytest.mark.parametrize(
    "code",
    [
        *(
            "1742-6",
            "1751-7",
            "17861-6",
            "1920-8",
            "1975-2",
            "20570-8",
            "2093-3",
            "2132-9",
            "2157-6",
            "2160-0",
        ),
        *(
            "2324-2",
            "2345-7",
            "26444-0",
            "26453-1",
            "26464-8",
            "26515-7",
            "2777-1",
            "2823-3",
            "28539-5",
            "28540-3",
        ),
        *(
            "2951-2",
            "3016-3",
            "30428-7",
            "3084-1",
            "3094-0",
            "3137-7",
            "3141-9",
            "41650-3",
            "718-7",
            "8310-5",
        ),
        *(
            "10834-0",
            "14959-1",
            "18262-6",
            "20565-8",
            "2085-9",
            "21000-5",
            "2571-8",
            "2857-1",
            "2885-2",
            "32207-3",
        ),
        *(
            "32623-1",
            "33762-6",
            "33914-3",
            "38483-4",
            "39156-5",
            "4548-4",
            "49765-1",
            "6298-4",
            "788-0",
            "8302-2",
        ),
        *(
            "14804-9",
            "19123-9",
            "30522-7",
            "4537-7",
            "2890-2",
            "4485-9",
            "4498-2",
            "2465-3",
            "26881-3",
            "74099-3",
        ),
    ],
)
def test_every_measured_test_of_the_trials_has_a_standard_unit(code: str) -> None:
    row = loinc(code)
    assert row
    assert standard_unit(row.testcd, row.spec)


def test_molar_rows_are_current_tests_with_positive_numbers() -> None:
    rows = crosswalk("molar").rows
    assert sum(bool(row["mass"]) for row in rows) >= 60
    for row in rows:
        assert row["testcd"] in codelist("LBTESTCD"), row
        assert row["source"], row
        assert row["mass"] or row["valence"], row
        assert not row["mass"] or Decimal(row["mass"]) > 0, row
        assert row["valence"] in {"", "1", "2"}, row


def test_equations_join_units_of_current_tests() -> None:
    tests = {
        term.submission_value
        for name in ("LBTESTCD", "VSTESTCD", "EGTESTCD")
        for term in codelist(name).terms
    }
    for row in crosswalk("equations").rows:
        assert row["testcd"] in tests, row
        assert row["source"], row
        assert row["from"] in codelist("UNIT"), row
        assert row["to"] in codelist("UNIT"), row


def test_atoms_are_rational_and_unique() -> None:
    rows = crosswalk("unit_atoms").rows
    for dialect in ("cdisc", "ucum"):
        atoms = [row["atom"] for row in rows if row["dialect"] in {dialect, "both"}]
        assert len(atoms) == len(set(atoms))


def test_the_ordinary_run_needs_no_unit_library() -> None:
    code = (
        "import sys; from trialbridge.units import conversion;"
        "from trialbridge.crosswalks import to_cdisc_unit;"
        "conversion('mg/dL', 'mmol/L', 'GLUC'); to_cdisc_unit('nmol/mL');"
        "print(sorted({'ucumvert', 'pint', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

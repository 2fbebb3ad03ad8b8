"""The crosswalk tables hold only real codes and current terms, and are looked up as their rows say."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from functools import cache
from pathlib import Path

import check_crosswalks
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.crosswalks import canonical, crosswalk, is_unitless, loinc, to_cdisc_unit, to_ucum
from trialbridge.crosswalks.dimensions import parse
from trialbridge.crosswalks.tables import CODELISTS, NCIT
from trialbridge.standards import CT_VERSIONS, codelist, codelists

TABLES = Path(__file__).parents[1] / "src/trialbridge/crosswalks"
SCT = "http://snomed.info/sct"
UCUM = "http://unitsofcheck_crosswalks.org"
THO = "http://terminology.hl7.org/CodeSystem"
CATEGORIES = {
    "AUTOIMMUNITY", "BLOOD GAS", "CELL PHENOTYPING", "CHEMISTRY", "COAGULATION", "DRUG LEVELS", "HEMATOLOGY",
    "IMMUNOLOGY", "MICROBIOLOGY", "PREGNANCY", "SEROLOGY", "TOXICOLOGY", "URINALYSIS", "VIROLOGY",
}  # fmt: skip
TESTCODES = {
    "CP": "CPTESTCD", "CV": "CVTESTCD", "EG": "EGTESTCD", "IS": "ISTESTCD", "LB": "LBTESTCD",
    "MB": "MBTESTCD", "VS": "VSTESTCD",
}  # fmt: skip
FIELD_LISTS = {
    "spec": "SPECTYPE",
    "pos": "POSITION",
    "loc": "LOC",
    "resscl": "RSLSCLRS",
    "restyp": "RESTYPRS",
}
TARGET_LISTS = CODELISTS | {
    "ae_seriousness": "NY",
    "data_absent_reason": "ND",
    "fasting": "NY",
    "ucum": "UNIT",
}
ROLLED_UP = {
    "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategory",
    "https://standards.digital.health.nz/ns/ethnic-group-level-1-code",
    "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness",
    "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "",
}
"""Systems that say more than the term: nothing is written back in them."""
INSTRUMENT_CATEGORIES = {"FT": "FTCAT", "QS": "QSCAT", "RS": "RSCAT"}


@cache
def names() -> list[str]:
    return sorted(path.stem for path in TABLES.glob("*.tsv"))


@cache
def instrument_codes() -> frozenset[str]:
    lists = [facts for facts in codelists() if facts.submission_value.endswith("TC")]
    return frozenset(term.submission_value for facts in lists for term in codelist(facts.code).terms)


def check_digit(number: str) -> int:
    """The mod 10 algorithm of the LOINC manual."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 if place % 2 else 2)
        total += doubled // 10 + doubled % 10
    return -total % 10


def dihedral(left: int, right: int) -> int:
    if left < 5:
        return (left + right) % 5 if right < 5 else 5 + (left + right) % 5
    return 5 + (left - right) % 5 if right < 5 else (left - right) % 5


def verhoeff(number: str) -> bool:
    """Return whether the check digit of a SNOMED CT identifier is right."""
    shuffle = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit)
        for _ in range(place % 8):
            value = shuffle[value]
        check = dihedral(check, value)
    return check == 0


@pytest.mark.parametrize("name", names())
def test_first_line_says_content_basis_and_version(name: str) -> None:
    text = (TABLES / f"{name}.tsv").read_text("utf-8")
    first = text.split("\n", 1)[0]
    assert first.startswith("# ")
    assert "Basis: " in first
    assert "2026-03-27" in first
    assert text.endswith("\n")
    assert "\r" not in text


@pytest.mark.parametrize("name", [name for name in names() if "code" in crosswalk(name).rows[0]])
def test_no_code_stands_twice(name: str) -> None:
    rows = crosswalk(name).rows
    counts = Counter((row["system"], row["code"]) for row in rows if row["code"])
    assert [key for key, count in counts.items() if count > 1] == []


def test_every_unit_is_a_current_term() -> None:
    terms = codelist("UNIT")
    assert [row for row in crosswalk("ucum").rows if row["target"] and row["target"] not in terms] == []


@pytest.mark.parametrize("ct", CT_VERSIONS)
@pytest.mark.parametrize("name", sorted(set(TARGET_LISTS) - {"ucum"}))
def test_every_target_is_a_term_of_both_releases(name: str, ct: str) -> None:
    """A row whose term only one release has says which, in its column ct."""
    terms = codelist(TARGET_LISTS[name], ct)
    for row in crosswalk(name).rows:
        if row["target"]:
            assert (row["target"] in terms) == (row.get("ct", "") in {"", ct}), row


@pytest.mark.parametrize("ct", CT_VERSIONS)
def test_every_disposition_is_a_term_of_the_list_that_it_names(ct: str) -> None:
    categories = codelist("DSCAT", ct)
    for row in crosswalk("disposition").rows:
        assert bool(row["target"]) == bool(row["codelist"]) == bool(row["cat"]), row
        if row["target"]:
            known = row["target"] in codelist(row["codelist"], ct)
            assert known == (row["ct"] in {"", ct}), row
            assert row["cat"] in categories, row


@pytest.mark.parametrize("name", sorted({*TARGET_LISTS, "disposition"} - {"ucum"}))
def test_the_way_back_is_one_to_one(name: str) -> None:
    """Where several codes of a system mean one term, one of them is preferred; no code is preferred twice."""
    table = crosswalk(name)
    codes: dict[tuple[str, str], list[str]] = {}
    for row in table.rows:
        if row["code"] and row["target"] and not row.get("lat") and not row.get("reason"):
            codes.setdefault((row["system"], row["target"]), []).append(row["code"])
    preferred = {key: table.preferred(key[1], key[0]) for key in codes}
    undecided = {key for key, code in preferred.items() if code is None}
    assert undecided <= {(system, target) for system in ROLLED_UP for _, target in undecided}
    decided = [(system, code) for (system, _), code in preferred.items() if code]
    assert len(decided) == len(set(decided))


@pytest.mark.parametrize("name", sorted(TARGET_LISTS))
def test_systems_go_by_their_usual_name(name: str) -> None:
    assert {
        row["system"] for row in crosswalk(name).rows if canonical(row["system"]) != row["system"]
    } == set()


@pytest.mark.parametrize("name", sorted(TARGET_LISTS))
def test_one_code_a_target_is_preferred(name: str) -> None:
    counts = Counter(
        (row["system"], row["target"], row.get("lat"), row.get("variable"))
        for row in crosswalk(name).rows
        if row["preferred"] == "Y"
    )
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", sorted(TARGET_LISTS))
def test_one_text_has_one_target(name: str) -> None:
    found: dict[str, str] = {}
    for row in crosswalk(name).rows:
        for text in filter(None, row.get("text", "").casefold().split("|")):
            key = f"{row['target']} {row.get('lat', '')}"
            assert found.setdefault(text, key) == key


def test_snomed_identifiers_have_their_check_digit() -> None:
    codes = {row["code"] for name in TARGET_LISTS for row in crosswalk(name).rows if row["system"] == SCT}
    assert len(codes) > 150
    assert [code for code in codes if not verhoeff(code)] == []


def test_sides_are_terms() -> None:
    terms = codelist("LAT")
    assert all(row["lat"] in terms for row in crosswalk("body_site").rows if row["lat"])


def test_aliases_lead_to_a_name_that_is_no_alias() -> None:
    rows = crosswalk("systems").rows
    assert not {row["alias"] for row in rows} & {row["system"] for row in rows}


def test_loinc_has_enough_rows_once_each_with_their_check_digit() -> None:
    codes = [row["loinc"] for row in crosswalk("loinc").rows]
    assert len(codes) == len(set(codes)) >= 450
    assert [code for code in codes if check_digit(code[:-2]) != int(code[-1])] == []


def test_loinc_test_codes_are_current() -> None:
    for row in crosswalk("loinc").rows:
        if row["domain"] in TESTCODES:
            assert row["testcd"] in codelist(TESTCODES[row["domain"]]), row
        else:
            assert row["testcd"] in instrument_codes(), row


def test_loinc_qualifiers_are_current() -> None:
    for row in crosswalk("loinc").rows:
        for field, name in FIELD_LISTS.items():
            assert not row[field] or row[field] in codelist(name), (row["loinc"], field)
        method = "EGMETHOD" if row["domain"] == "EG" else "METHOD"
        assert not row["method"] or row["method"] in codelist(method), row
        agent = row["bdagnt"]
        assert not agent or agent in codelist("ISBDAGT") or agent in codelist("MICROORG"), row


def test_loinc_categories_are_the_stated_ones() -> None:
    for row in crosswalk("loinc").rows:
        if row["domain"] in INSTRUMENT_CATEGORIES:
            assert row["cat"], row
        elif row["domain"] in {"VS", "EG", "CV"}:
            assert row["cat"] == "", row
        else:
            assert row["cat"] in CATEGORIES, row


def test_antibodies_say_what_they_bind() -> None:
    whole = {
        "RFATAB",
        "REAAB",
        "ANCAB",
        "HTPHAB",
        "TSIAC",
        "FCT8INH",
        "HLAIPRA",
        "HLAIIPRA",
    }  # named in the test
    rows = [row for row in crosswalk("loinc").rows if row["domain"] == "IS"]
    assert len(rows) >= 40
    assert [row for row in rows if not row["bdagnt"] and row["testcd"] not in whole] == []


@pytest.mark.parametrize(
    ("code", "testcd", "spec", "pos"),
    [
        ("718-7", "HGB", "BLOOD", ""),
        ("2345-7", "GLUC", "SERUM OR PLASMA", ""),
        ("20454-5", "PROT", "URINE", ""),
        ("41650-3", "CL", "ARTERIAL BLOOD", ""),
        ("8459-0", "SYSBP", "", "SITTING"),
        ("8455-8", "DIABP", "", "SUPINE"),
        ("8867-4", "HR", "", ""),
        ("9843-4", "HDCIRC", "", ""),
    ],
)
def test_loinc_rows(code: str, testcd: str, spec: str, pos: str) -> None:
    row = loinc(code)
    assert row
    assert (row.testcd, row.spec, row.pos) == (testcd, spec, pos)


def test_loinc_routes_antibodies_and_antigens_apart() -> None:
    expected = {
        "5130-0": "IS",
        "8061-4": "IS",
        "5196-1": "MB",
        "13955-0": "IS",
        "4485-9": "LB",
        "71773-6": "MB",
    }
    assert {code: row.domain for code in expected if (row := loinc(code))} == expected
    dsdna = loinc("5130-0")
    assert dsdna
    assert dsdna.bdagnt == "DOUBLE STRANDED DNA"


def test_unknown_loinc() -> None:
    assert loinc("99999-9") is None


def test_loinc_agrees_with_the_published_mapping(shared: Path) -> None:
    mapping = check_crosswalks.read_mapping(shared / "data/formats/LOINC_to_LB_Mapping_FINAL.csv.gz")
    current = frozenset(term.submission_value for term in codelist("LBTESTCD").terms)
    tests, codes = check_crosswalks.agreement(mapping, current, "TESTCD")
    specimens, rows = check_crosswalks.agreement(mapping, current, "SPEC")
    print(f"{len(mapping)} codes, {codes} judged: TESTCD {tests / codes:.1%}, SPEC {specimens / rows:.1%}")
    assert codes >= 650
    assert tests / codes >= 0.99
    assert specimens / rows >= 0.95


def test_every_retired_term_has_its_current_target(shared: Path) -> None:
    mapping = check_crosswalks.read_mapping(shared / "data/formats/LOINC_to_LB_Mapping_FINAL.csv.gz")
    current = frozenset(term.submission_value for term in codelist("LBTESTCD").terms)
    retired = [item for item in check_crosswalks.judged(mapping, current) if item.retired]
    assert len(retired) == 36
    assert [item for item in retired if not item.agrees] == []


def test_disagreements_with_the_published_mapping_are_judged(shared: Path) -> None:
    mapping = check_crosswalks.read_mapping(shared / "data/formats/LOINC_to_LB_Mapping_FINAL.csv.gz")
    current = frozenset(term.submission_value for term in codelist("LBTESTCD").terms)
    page = (Path(__file__).parents[1] / "docs" / "loinc-agreement.md").read_text("utf-8")
    found = {item.loinc for item in check_crosswalks.judged(mapping, current) if not item.agrees}
    assert {code for code in found if f"| {code} |" not in page} == set()


def test_serum_or_plasma_stays_open_without_a_specimen() -> None:
    for code in ("2345-7", "2160-0", "1742-6", "3016-3", "13952-7"):
        row = loinc(code)
        assert row
        assert row.spec == "SERUM OR PLASMA"


def test_loinc_gives_real_data_its_tests(shared: Path) -> None:
    folders = ("lzzt_r4", "synthea_r4", "us_core", "hl7_examples")
    known: Counter[bool] = sum(
        (check_crosswalks.print_coverage(shared / "data/fhir" / name) for name in folders), Counter[bool]()
    )
    assert known[True] / known.total() >= 0.95


def test_every_unit_of_lzzt_is_known(shared: Path) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for document in check_crosswalks.resources(shared / "data/fhir/lzzt_r4"):
        for observation in check_crosswalks.observations(document):
            quantity = observation.get("valueQuantity", {})
            if quantity:
                seen[quantity.get("code", ""), quantity.get("unit", "")] += 1
    assert seen
    unknown = [pair for pair in seen if to_cdisc_unit(*pair) is None]
    assert unknown == [("", "NO UNITS")]
    assert all(is_unitless(unit) for _, unit in unknown)


def test_reference_pairs_of_units(shared: Path) -> None:
    text = (shared / "reference/ucum_to_cdisc_unit.csv").read_text("utf-8")
    pairs = {
        row["ucum"]: row["cdisc_unit_submission_value_2025"] for row in csv.DictReader(text.splitlines())
    }
    del pairs["1"]  # a fraction, a score or no unit at all: not to be guessed
    assert {ucum: to_cdisc_unit(ucum) for ucum in pairs} == pairs


@pytest.mark.parametrize(
    ("code", "unit", "expected"),
    [
        ("U/l (catalytic or activity) or {Unit}/l (arbitrary)", "U/L", "U/L"),
        ("", "THOU/uL", "10^9/L"),
        ("", "MILL/uL", "10^12/L"),
        ("g/dl", "g/dL", "g/dL"),
        ("u[UI]/ml", "uIU/mL", "mIU/L"),
        ("258813002", "mmol/L", "mmol/L"),
        ("fl or fL", "fL", "fL"),
        ("[lb_av]", "LB", "LB"),
        ("{beats}/min", "BEATS/MIN", "beats/min"),
        ("mL/min/{1.73_m2}", "", "mL/min/1.73 m2"),
        ("mg/g", "", "g/kg"),
        ("nmol/mL", "", "umol/L"),
        ("ng/mL", "", "ug/L"),
        ("MG/DL", "", "mg/dL"),
        ("Cel", "", "C"),
        ("[degF]", "", "F"),
        ("pg/uL", "", "ug/L"),
    ],
)
def test_units_of_the_wild(code: str, unit: str, expected: str) -> None:
    assert to_cdisc_unit(code, unit) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "[pH]", "{score}", "G/L", "M/L", "MIU", "MU/L", "furlong", "mg/{x}"),
        *("/0", "0/L", "mg/0 L", "0*-1/L", "0x10*9/L", "10*999999999/L", "cm-999999999", "9" * 5000),
    ],
)
def test_units_that_are_refused(text: str) -> None:
    assert to_cdisc_unit(text) is None


def test_every_unit_row_keeps_the_magnitude() -> None:
    counted = {"RBC/HPF", "WBC/HPF"}  # the cells counted are the test, not the unit
    slips = {"g/cm-2", "kg/m*2", "mL/min/1.73"}  # what is meant is plain, what is written is not
    for row in crosswalk("ucum").rows:
        ours = parse(row["code"], "ucum") or parse(row["code"])
        target = parse(row["target"])
        if ours and target and not row["code"].isdigit() and row["code"] not in counted | slips:
            assert ours == target, row


def test_no_folded_unit_is_another_unit_in_its_own_case() -> None:
    exact = {row["code"]: row["target"] for row in crosswalk("ucum").rows} | {
        term.submission_value: term.submission_value for term in codelist("UNIT").terms
    }
    for row in crosswalk("ucum").rows:
        if row["case"] == "i":
            for spelled, target in exact.items():
                if spelled.casefold() == row["code"].casefold():
                    assert target == row["target"], (row["code"], spelled)


def test_ucum_written_back_reads_the_same() -> None:
    for term in codelist("UNIT").terms:
        ucum = to_ucum(term.submission_value)
        if ucum is not None:
            assert to_cdisc_unit(ucum) == term.submission_value, (term.submission_value, ucum)


def test_ucum_written_back_is_ucum() -> None:
    ucumvert = pytest.importorskip("ucumvert")
    registry = ucumvert.PintUcumRegistry()
    wrong = []
    for row in crosswalk("ucum").rows:
        if row["preferred"] == "Y" and row["system"] == UCUM and "'" not in row["code"]:
            try:
                registry.from_ucum(row["code"])
            except Exception as error:  # noqa: BLE001 - whatever the oracle raises, it does not know the code
                wrong.append((row["code"], type(error).__name__))
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "system", "code", "target"),
    [
        ("route", "http://snomed.info/ct", "26643006", "ORAL"),
        ("specimen", f"{THO}/v2-0487", "SER", "SERUM"),
        (
            "ae_outcome",
            "http://hl7.org/fhir/ValueSet/adverse-event-outcome",
            "ongoing",
            "NOT RECOVERED/NOT RESOLVED",
        ),
        ("ae_outcome", "http://ncimeta.nci.nih.gov", "C49496", "RECOVERING/RESOLVING"),
        ("ae_seriousness", f"{THO}/adverse-event-seriousness", "non-serious", "N"),
        ("ae_severity", SCT, "24484000", "SEVERE"),
        ("interpretation", f"{THO}/v3-ObservationInterpretation", "HH", "HIGH"),
        ("race", "urn:oid:2.16.840.1.113883.6.238", "2106-3", "WHITE"),
        ("ethnicity", f"{THO}/v3-NullFlavor", "UNK", "UNKNOWN"),
        ("sex", "http://hl7.org/fhir/administrative-gender", "female", "F"),
        ("fasting", f"{THO}/v2-0916", "NF", "N"),
        ("frequency", "Timing.repeat", "2/1/d", "BID"),
        ("country", "urn:iso:std:iso:3166", "us", "USA"),
        ("phase", f"{THO}/research-study-phase", "phase-2", "PHASE II TRIAL"),
        ("data_absent_reason", f"{THO}/data-absent-reason", "not-performed", "NOT DONE"),
        ("race", "urn:oid:2.16.840.1.113883.6.238", "1586-7", "AMERICAN INDIAN OR ALASKA NATIVE"),
        ("race", "urn:oid:2.16.840.1.113883.6.238", "2036-2", "ASIAN"),
        ("race", "https://fhir.hl7.org.uk/CodeSystem/UKCore-EthnicCategoryEngland", "H", "ASIAN"),
        ("ethnicity", "urn:oid:2.16.840.1.113883.6.238", "2148-5", "HISPANIC OR LATINO"),
        ("route", "urn:oid:0.4.0.127.0.16.1.1.2.1", "20053000", "ORAL"),
        ("dose_form", "http://standardterms.edqm.eu", "10221000", "TABLET, FILM COATED"),
        ("body_site", f"{THO}/v3-ActSite", "LT", "THIGH"),
        ("body_site", SCT, "71341001:272741003=7771000", "FEMUR"),
        ("purpose", f"{THO}/research-study-prim-purp-type", "basic-science", "BASIC SCIENCE"),
        ("masking", "https://clinicaltrials.gov", "QUADRUPLE", "DOUBLE BLIND"),
        ("disposition", "http://hl7.org/fhir/research-subject-status", "ineligible", "SCREEN FAILURE"),
        ("relationship", f"{THO}/v3-RoleCode", "NMTH", "MOTHER, BIOLOGICAL"),
        ("yes_no", "http://loinc.org", "LA33-6", "Y"),
        ("vital_status", SCT, "419099009", "DEAD"),
    ],
)
def test_find(name: str, system: str, code: str, target: str) -> None:
    assert crosswalk(name).find(system, code) == target


@pytest.mark.parametrize(
    ("name", "system", "code"),
    [
        ("sex", "http://hl7.org/fhir/administrative-gender", "other"),
        ("interpretation", f"{THO}/v3-ObservationInterpretation", "POS"),
        ("interpretation", f"{THO}/v3-ObservationInterpretation", "n"),
        ("data_absent_reason", f"{THO}/data-absent-reason", "as-text"),
        ("route", "http://example.org", "26643006"),
        ("race", NCIT, "C00000"),
        ("race", "urn:oid:2.16.840.1.113883.6.238", "2027-1"),
        ("race", "urn:oid:2.16.840.1.113883.6.238", "1586"),
        ("race", "http://example.org", "1586-7"),
        ("masking", "https://clinicaltrials.gov", "TRIPLE"),
        ("disposition", f"{THO}/research-subject-state", "withdrawn"),
        ("disposition", f"{THO}/research-subject-state", "off-study"),
        ("intervention_type", "https://clinicaltrials.gov", "OTHER"),
    ],
)
def test_find_nothing(name: str, system: str, code: str) -> None:
    assert crosswalk(name).find(system, code) is None


@pytest.mark.parametrize(
    ("code", "variable"),
    [("SeriousResultsInDeath", "AESDTH"), ("seriousislifethreatening", "AESLIFE"), ("Serious", None)],
)
def test_seriousness_names_its_criterion(code: str, variable: str | None) -> None:
    assert crosswalk("ae_seriousness").find(f"{THO}/adverse-event-seriousness", code, "variable") == variable


@pytest.mark.parametrize(
    ("name", "text", "target"),
    [
        ("interpretation", "Normal", "NORMAL"),
        ("interpretation", "within  normal limits", "NORMAL"),
        ("specimen", "Serum", "SERUM"),
        ("route", "IV infusion", "INTRAVENOUS DRIP"),
        ("dose_form", "extended release oral tablet", "TABLET, EXTENDED RELEASE"),
        ("country", "viet nam", "VNM"),
        ("country", "Nowhere", None),
        ("ethnicity", "Non Hispanic or Latino", "NOT HISPANIC OR LATINO"),
        ("body_site", "left arm", "ARM"),
    ],
)
def test_find_text(name: str, text: str, target: str | None) -> None:
    assert crosswalk(name).find_text(text) == target


@pytest.mark.parametrize(
    ("text", "site", "side"),
    [
        ("Left arm", "ARM", "LEFT"),
        ("Structure of left hand (body structure)", "HAND", "LEFT"),
        ("arm, right", "ARM", "RIGHT"),
        ("bilateral eye", "EYE", "BILATERAL"),
        ("right upper extremity", "LIMB, UPPER", "RIGHT"),
        ("thigh", "THIGH", None),
        ("left", None, None),
        ("left furlong", None, None),
        ("left right arm", None, None),
    ],
)
def test_a_site_and_its_side_are_parted(text: str, site: str | None, side: str | None) -> None:
    assert crosswalk("body_site").find_text(text) == site
    assert crosswalk("body_site").find_text(text, "lat") == side


def test_the_side_may_stand_behind_the_code() -> None:
    sites = crosswalk("body_site")
    assert sites.find(SCT, "71341001:272741003=7771000", "lat") == "LEFT"
    assert sites.find(SCT, "71341001 |Femur| : 272741003 |Laterality| = 24028007 |Right|", "lat") == "RIGHT"
    assert sites.find(SCT, "71341001:363698007=7771000", "lat") is None


def test_the_way_back() -> None:
    assert crosswalk("ae_outcome").preferred("FATAL", f"{THO}/adverse-event-outcome") == "fatal"
    assert crosswalk("ae_outcome").preferred("FATAL", NCIT) == "C48275"
    assert crosswalk("interpretation").preferred("HIGH", "http://hl7.org/fhir/v2/0078") == "H"
    assert crosswalk("route").preferred("ORAL", "http://example.org") is None
    assert crosswalk("race").preferred("MULTIPLE", NCIT) is None


def test_the_way_back_reads_the_same() -> None:
    for name in TARGET_LISTS:
        if name != "ucum":
            for row in crosswalk(name).rows:
                code = crosswalk(name).preferred(row["target"], row["system"]) if row["target"] else None
                if code:
                    assert crosswalk(name).find(row["system"], code) == row["target"]


def test_no_such_table() -> None:
    with pytest.raises(LookupError):
        crosswalk("no_such_table")


@given(st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_where_a_unit_should(code: str, unit: str) -> None:
    found = to_cdisc_unit(code, unit)
    assert found is None or found in codelist("UNIT")


@given(st.text(max_size=30))
def test_whatever_stands_where_words_should(text: str) -> None:
    for name in ("specimen", "interpretation", "country"):
        crosswalk(name).find_text(text)
        crosswalk(name).find(text, text)


def test_tool_reads_what_it_needs(tmp_path: Path) -> None:
    value = {"resourceType": "Observation", "category": [{"coding": [{"code": "laboratory"}]}]}
    coded = value | {
        "code": {"coding": [{"system": "http://loinc.org", "code": "718-7"}]},
        "valueString": "x",
    }
    (tmp_path / "one.ndjson.gz").write_bytes(gzip.compress(json.dumps(coded).encode()))
    (tmp_path / "two.json").write_text(json.dumps({"entry": [value]}), encoding="utf-8")
    found = [
        list(check_crosswalks.loincs(item))
        for document in check_crosswalks.resources(tmp_path)
        for item in check_crosswalks.observations(document)
    ]
    assert found == [[("718-7", "")], []]

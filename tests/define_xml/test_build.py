"""What the datasets say becomes the definitions that the specification wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trialbridge.define_xml.agreement import check_agreement
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.check import check_define
from trialbridge.define_xml.model import CodeList, Define, ItemDef, MetaDataVersion
from trialbridge.define_xml.study import StudyDescription
from trialbridge.define_xml.write import to_xml, write_define
from trialbridge.model import Dataset

Small = Callable[..., Dataset]


def with_variable(dataset: Dataset, name: str, **changes: Any) -> Dataset:
    variables = tuple(replace(v, **changes) if v.name == name else v for v in dataset.variables)
    return replace(dataset, variables=variables)


def item(definitions: MetaDataVersion, oid: str) -> ItemDef:
    return next(item for item in definitions.item_defs if item.oid == oid)


def code_list(definitions: MetaDataVersion, oid: str) -> CodeList:
    return next(item for item in definitions.code_lists if item.oid == oid)


def built(study: StudyDescription, *datasets: Dataset) -> MetaDataVersion:
    return build_define(study, datasets).definitions


def laboratory(small: Small) -> Dataset:
    dataset = small(
        USUBJID=["1", "1", "2", "2"],
        LBTESTCD=["ALB", "GLUC", "GLUC", "ODD"],
        LBTEST=["Albumin", "Glucose", "Glucose", "Odd Test"],
        LBSPEC=["BLOOD", "BLOOD", "URINE", "URINE"],
        LBORRES=["38.5", "5.25", "NEGATIVE", "7"],
        LBORRESU=["g/L", "mmol/L", None, "g/L"],
        LBSTRESC=["38.5", "5.25", "NEGATIVE", "7"],
        LBSTRESN=[38.5, 5.25, None, 7.0],
        LBSTRESU=["g/L", "mmol/L", None, "g/L"],
        LBDTC=["2014-01-02", "2014-01-02T09:00", "2014-01", "2014"],
    )
    dataset = with_variable(dataset, "LBTESTCD", codelists=("C65047",))
    return with_variable(dataset, "LBSTRESC", codelists=("C102580",))


@pytest.fixture
def lb(study: StudyDescription, small: Small) -> MetaDataVersion:
    return built(study, laboratory(small))


def test_pilot_is_right_by_every_check(
    pilot_define: Define, pilot: tuple[Dataset, ...], tmp_path: Path
) -> None:
    write_define(pilot_define, tmp_path / "define.xml")
    assert check_define(tmp_path / "define.xml") == []
    assert check_agreement(pilot_define, pilot) == []


def test_order_of_datasets_does_not_matter(study: StudyDescription, pilot: tuple[Dataset, ...]) -> None:
    assert to_xml(build_define(study, pilot)) == to_xml(build_define(study, pilot[::-1]))


def test_pilot_has_its_classes_in_order(pilot_define: Define) -> None:
    names = [group.name for group in pilot_define.definitions.item_group_defs]
    assert names == ["DM", "EX", "AE", "LBCH", "QSDA", "VS", "SUPPAE", "SUPPDM"]


def test_value_level_is_by_test(lb: MetaDataVersion) -> None:
    shape = item(lb, "IT.LB.LBORRES.ALB")
    assert (shape.data_type, shape.length, shape.significant_digits) == ("float", 4, 1)
    assert shape.description == "Albumin (g/L)"
    numbers = next(item for item in lb.value_list_defs if item.oid == "VL.LB.LBSTRESN")
    assert [ref.item_oid for ref in numbers.item_refs] == [
        "IT.LB.LBSTRESN.ALB",
        "IT.LB.LBSTRESN.GLUC.BLOOD",
        "IT.LB.LBSTRESN.ODD",
    ]


def test_value_level_splits_by_specimen_where_types_differ(lb: MetaDataVersion) -> None:
    clauses = {clause.oid: clause for clause in lb.where_clause_defs}
    checks = clauses["WC.LB.LBTESTCD.EQ.GLUC.LBSPEC.EQ.URINE"].range_checks
    assert [(check.item_oid, check.comparator, check.check_values) for check in checks] == [
        ("IT.LB.LBTESTCD", "EQ", ("GLUC",)),
        ("IT.LB.LBSPEC", "EQ", ("URINE",)),
    ]
    assert "WC.LB.LBTESTCD.EQ.ALB.LBSPEC.EQ.BLOOD" not in clauses


def test_results_have_a_codelist_only_where_they_are_terms(lb: MetaDataVersion) -> None:
    assert item(lb, "IT.LB.LBSTRESC").code_list_oid is None
    assert item(lb, "IT.LB.LBSTRESC.ALB").code_list_oid is None
    terms = code_list(lb, item(lb, "IT.LB.LBSTRESC.GLUC.URINE").code_list_oid or "")
    assert [entry.coded_value for entry in terms.items] == ["NEGATIVE"]


def test_terms_have_codes_and_decodes_and_extensions_are_marked(lb: MetaDataVersion) -> None:
    tests = code_list(lb, "CL.LBTESTCD")
    assert (tests.aliases[0].name, tests.standard_oid) == ("C65047", "STD.CT.SDTM.2026-03-27")
    rows = [(i.coded_value, i.decode, i.extended_value, len(i.aliases)) for i in tests.code_list_items]
    assert rows == [
        ("ALB", "Albumin", False, 1),
        ("GLUC", "Glucose", False, 1),
        ("ODD", "Odd Test", True, 0),
    ]


def test_a_value_outside_a_closed_codelist_is_found(
    study: StudyDescription, small: Small, tmp_path: Path
) -> None:
    dataset = with_variable(small("DM", SEX=["F", "FEMALE"]), "SEX", codelists=("C66731",))
    write_define(build_define(study, [dataset]), tmp_path / "define.xml")
    assert "define-term-code" in {finding.rule for finding in check_define(tmp_path / "define.xml")}


def test_dates_say_how_complete_they_are(lb: MetaDataVersion) -> None:
    assert (item(lb, "IT.LB.LBDTC").data_type, item(lb, "IT.LB.LBDTC").length) == ("partialDatetime", None)


def test_sponsor_codelist_where_cdisc_has_none(study: StudyDescription, small: Small) -> None:
    definitions = built(study, small("QS", QSTESTCD=["Q1"], QSTEST=["First"], QSORRES=["often"]))
    tests = code_list(definitions, "CL.QSTESTCD")
    assert (tests.is_non_standard, tests.standard_oid, tests.aliases) == (True, None, ())
    assert tests.code_list_items[0].decode == "First"


def test_permitted_values_are_listed(study: StudyDescription, small: Small) -> None:
    permitted = {("QS", "QSORRES.Q1"): ("never", "often", "always"), ("DM", "SEX"): ("F", "M")}
    study = replace(study, permitted=permitted)
    questions = small("QS", QSTESTCD=["Q1"], QSTEST=["First"], QSORRES=["often"])
    subjects = with_variable(small("DM", USUBJID=["1"], SEX=["F"]), "SEX", codelists=("C66731",))
    define = build_define(study, [questions, subjects])
    answers = code_list(define.definitions, "CL.QS.QSORRES.Q1")
    assert [entry.coded_value for entry in answers.items] == ["never", "often", "always"]
    sexes = code_list(define.definitions, "CL.DM.SEX")
    assert [(e.coded_value, e.decode) for e in sexes.code_list_items] == [("F", "Female"), ("M", "Male")]
    assert check_agreement(define, [questions, subjects], permitted) == []
    assert {f.rule for f in check_agreement(define, [questions, subjects])} == {"agreement-code-absent"}


def test_supplemental_values_have_their_own_origin(study: StudyDescription, small: Small) -> None:
    definitions = built(
        study,
        small(
            "SUPPAE",
            RDOMAIN=["AE", "AE"],
            QNAM=["AETRTEM", "AESPEC"],
            QLABEL=["Treatment Emergent", "Specify"],
            QVAL=["Y", "left arm"],
            QORIG=["DERIVED", "CRF"],
        ),
    )
    assert definitions.item_group_defs[0].domain == "AE"
    assert item(definitions, "IT.SUPPAE.QVAL").origins == ()
    assert item(definitions, "IT.SUPPAE.QVAL.AETRTEM").origins[0].type == "Derived"
    assert item(definitions, "IT.SUPPAE.QVAL.AESPEC").description == "Specify"


def test_derived_scores_have_their_own_origin(study: StudyDescription, small: Small) -> None:
    dataset = small(
        "QS",
        QSTESTCD=["Q1", "TOT"],
        QSTEST=["First", "Total"],
        QSSTRESN=[1.0, 4.0],
        QSDRVFL=[None, "Y"],
    )
    dataset = with_variable(
        dataset, "QSSTRESN", origin="Collected", source="Subject", method="Sum of answers."
    )
    definitions = built(study, dataset)
    assert item(definitions, "IT.QS.QSSTRESN.Q1").origins[0].type == "Collected"
    assert item(definitions, "IT.QS.QSSTRESN.TOT").origins[0].type == "Derived"
    refs = definitions.value_list_defs[0].item_refs
    assert [ref.method_oid for ref in refs] == [None, "MT.QS.QSSTRESN"]


def test_one_method_for_each_text(study: StudyDescription, small: Small) -> None:
    dataset = small("AE", AESTDY=[1.0], AEENDY=[2.0], AESEQ=[1.0])
    for name, text in {"AESTDY": "Days since.", "AEENDY": "Days since.", "AESEQ": "Counted."}.items():
        dataset = with_variable(dataset, name, method=text, origin="Derived")
    definitions = built(study, dataset)
    assert [(m.oid, m.description) for m in definitions.method_defs] == [
        ("MT.AE.AESTDY", "Days since."),
        ("MT.AE.AESEQ", "Counted."),
    ]


def test_nothing_in_a_variable_or_a_dataset_is_said_and_explained(
    study: StudyDescription, small: Small, tmp_path: Path
) -> None:
    full, empty = small("AE", AETERM=["Pain"], AEDECOD=[None]), small("CM", CMTRT=[])
    define = build_define(study, [full, empty])
    groups = {group.name: group for group in define.definitions.item_group_defs}
    assert (groups["CM"].has_no_data, groups["CM"].leaf, groups["AE"].leaf is None) == (True, None, False)
    assert [ref.has_no_data for ref in groups["AE"].item_refs] == [False, True]
    assert item(define.definitions, "IT.AE.AEDECOD").comment_oid == "COM.AE.AEDECOD"
    write_define(define, tmp_path / "define.xml")
    assert check_define(tmp_path / "define.xml") == []
    assert check_agreement(define, [full, empty]) == []
    assert check_agreement(define, [full]) == []


def test_relationships_are_of_no_domain_even_where_they_are_within_one(
    study: StudyDescription, small: Small
) -> None:
    (group,) = built(study, small("RELREC", RDOMAIN=["QS"], IDVAR=["QSSEQ"])).item_group_defs
    assert group.domain == "RELREC"


def test_parts_of_a_split_domain_have_the_alias(study: StudyDescription, small: Small) -> None:
    parts = [small(name, DOMAIN=["LB"], LBTEST=["x"]) for name in ("LBCH", "LBHE")]
    groups = built(study, *parts).item_group_defs
    assert [(group.domain, group.aliases[0].context) for group in groups] == [("LB", "DomainDescription")] * 2


def test_what_the_standard_has_not_is_marked(study: StudyDescription, small: Small) -> None:
    own = with_variable(small("XX", XXTERM=["a"]), "XXTERM", core="")
    mixed = with_variable(small("AE", AETERM=["a"], AEOWN=["b"]), "AEOWN", core="")
    groups = {group.name: group for group in built(study, own, mixed).item_group_defs}
    assert (groups["XX"].is_non_standard, groups["XX"].standard_oid) == (True, None)
    assert [ref.is_non_standard for ref in groups["AE"].item_refs] == [False, True]


def test_dictionaries_are_kept_elsewhere(study: StudyDescription, small: Small) -> None:
    dataset = small("AE", AEDECOD=["Pain"], AEPTCD=[10033371.0])
    for name in ("AEDECOD", "AEPTCD"):
        dataset = with_variable(dataset, name, codelists=("MedDRA",))
    definitions = built(study, dataset)
    lists = [(item.oid, item.data_type, item.external_code_list) for item in definitions.code_lists]
    assert [(oid, kind) for oid, kind, _ in lists] == [("CL.MedDRA", "text"), ("CL.MedDRA.CODE", "integer")]
    assert all(external and external.version == "8.0" for _, _, external in lists)


def test_an_origin_that_nobody_gave_is_not_invented(study: StudyDescription, small: Small) -> None:
    dataset = with_variable(small("AE", STUDYID=["S"], AETERM=["Pain"]), "AETERM", origin="", source="")
    dataset = with_variable(dataset, "STUDYID", origin="", source="")
    definitions = built(study, dataset)
    assert item(definitions, "IT.AE.AETERM").origins[0].type == "Not Available"
    assert item(definitions, "IT.AE.STUDYID").origins[0].type == "Protocol"


def test_no_flag_has_a_codelist_of_its_own(study: StudyDescription, small: Small) -> None:
    dataset = small("AE", AESER=["Y", "N"], AESDTH=["N", "Y"], AESLIFE=["Y", None])
    for name in dataset.table.column_names:
        dataset = with_variable(dataset, name, codelists=("C66742",))
    assert [item.oid for item in built(study, dataset).code_lists] == ["CL.NY.N_Y", "CL.NY.Y"]


@pytest.mark.parametrize(("values", "data_type"), [(["1", "10"], "integer"), (["1.5", "10"], "float")])
def test_numbers_may_have_a_codelist(
    study: StudyDescription, small: Small, values: list[str], data_type: str
) -> None:
    study = replace(study, permitted={("TV", "VISITNUM"): tuple(values)})
    visits = code_list(built(study, small("TV", VISITNUM=[10.0])), "CL.TV.VISITNUM")
    assert visits.data_type == data_type
    assert [entry.coded_value for entry in visits.items] == values

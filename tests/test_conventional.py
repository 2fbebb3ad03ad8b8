"""Both unit systems in one run: LB in SI units as ever, and LC with the same records in conventional ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.conventional import CONVENTIONAL, in_conventional_units
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.define_xml.build import build_define
from trialbridge.define_xml.study import StudyDescription
from trialbridge.errors import ConfigurationError
from trialbridge.study import study_of

MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
CASES = Path(__file__).parent / "conformance/lb/units.json"


def observation(
    number: int, code: str, value: str, unit: str, low: str = "", high: str = ""
) -> dict[str, Any]:
    bounds = {
        name: {"value": float(bound), "unit": unit} for name, bound in (("low", low), ("high", high)) if bound
    }
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-03-01",
        "valueQuantity": {"value": float(value), "unit": unit},
        **({"referenceRange": [bounds]} if bounds else {}),
    }


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Conversion]:
    resources = json.loads(CASES.read_text("utf-8"))["resources"] + [
        observation(1, "2345-7", "90", "mg/dL", "70", "99"),
        observation(2, "14749-6", "5.0", "mmol/L", "3.9", "5.5"),
        observation(3, "718-7", "141", "g/L"),
        observation(4, "2823-3", "4.1", "mmol/L"),
    ]
    source = tmp_path_factory.mktemp("both") / "input.ndjson"
    source.write_text("\n".join(json.dumps(one) for one in resources), encoding="utf-8")
    return {
        units: to_sdtm([source], study_of({"study": {"units": units}}))
        for units in ("SI", "conventional", "both")
    }


def table(conversion: Conversion, name: str) -> pa.Table:
    return next(one.table for one in conversion.datasets if one.name == name)


def test_one_run_holds_what_two_runs_hold(converted: dict[str, Conversion]) -> None:
    both = converted["both"]
    assert table(both, "LB").equals(table(converted["SI"], "LB"))
    again, alone = table(both, CONVENTIONAL), table(converted["conventional"], "LB")
    assert again.column_names == [
        name if not name.startswith("LB") else CONVENTIONAL + name[2:] for name in alone.column_names
    ]
    for name, column in zip(alone.column_names, again.columns, strict=True):
        if name != "DOMAIN":
            assert column.to_pylist() == alone[name].to_pylist(), name
    assert set(again["DOMAIN"].to_pylist()) == {CONVENTIONAL}


def test_the_same_result_in_both(converted: dict[str, Conversion]) -> None:
    shown = {}
    for code in ("LB", CONVENTIONAL):
        found = table(converted["both"], code)
        columns = (found[f"{code}{suffix}"].to_pylist() for suffix in ("TESTCD", "STRESN", "STRESU"))
        shown |= {(code, test): (number, unit) for test, number, unit in zip(*columns, strict=True)}
    assert shown["LB", "HGB"] == (141, "g/L")
    assert shown["LC", "HGB"] == (14.1, "g/dL")
    assert shown["LB", "K"] == (4.1, "mmol/L")
    assert shown["LC", "K"] == (4.1, "mEq/L")


def test_the_other_runs_have_no_second_dataset(converted: dict[str, Conversion]) -> None:
    for units in ("SI", "conventional"):
        assert CONVENTIONAL not in {one.name for one in converted[units].datasets}
    assert in_conventional_units([]) == ((), [])


def test_the_custom_domain_is_described_and_written(converted: dict[str, Conversion], tmp_path: Path) -> None:
    found = [one for one in converted["both"].datasets if one.name == CONVENTIONAL]
    assert len(found[0].label) <= 40
    define = build_define(StudyDescription("S1", "S1", "S1", MOMENT), found)
    (group,) = define.study.meta_data_version.item_group_defs
    assert group.is_non_standard
    write_xpt(found[0], tmp_path / "lc.xpt", created=MOMENT)
    assert read_xpt(tmp_path / "lc.xpt").label == found[0].label


def test_a_system_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="SI, conventional or both"):
        study_of({"study": {"units": "metric"}})

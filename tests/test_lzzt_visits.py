"""The visits of the pilot study's FHIR bundles, against the pilot's own: named by plans, never guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import compare_lzzt
import match_lzzt
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.derive_visits import NO_VISIT

Pairs = list[tuple[Mapping[str, Any], Mapping[str, Any]]]


@pytest.fixture(scope="module")
def conversion(shared: Path) -> Conversion:
    found: Conversion = compare_lzzt.converted(shared)
    return found


@pytest.fixture(scope="module")
def pairs(shared: Path, conversion: Conversion) -> dict[str, Pairs]:
    subjects = [row["USUBJID"] for row in match_lzzt.our_rows(conversion, "DM")]
    return {
        domain: match_lzzt.match_findings(
            domain, match_lzzt.our_rows(conversion, domain), match_lzzt.pilot_rows(shared, domain, subjects)
        ).pairs
        for domain in ("LB", "VS")
    }


@pytest.mark.parametrize(("domain", "least"), [("LB", 0.98), ("VS", 0.90)])
def test_visits_are_the_pilots(pairs: dict[str, Pairs], domain: str, least: float) -> None:
    equal = [ours["VISITNUM"] == pilot["VISITNUM"] for ours, pilot in pairs[domain]]
    assert sum(equal) >= least * len(equal)


def test_a_record_on_a_day_without_an_encounter_has_no_visit(
    pairs: dict[str, Pairs], conversion: Conversion
) -> None:
    blank = Counter(
        pilot["VISIT"]
        for found in pairs.values()
        for ours, pilot in found
        if ours["VISITNUM"] is None and ours["VISIT"] is None
    )
    assert blank == {"AMBUL ECG PLACEMENT": 70, "UNSCHEDULED 6.1": 15}
    reasons = [conversion.provenance[domain]["_visit_by"].to_pylist() for domain in ("LB", "VS")]
    assert [Counter(one) for one in reasons] == [
        {"encounter": 1488, NO_VISIT: 15},
        {"encounter": 728, NO_VISIT: 70},
    ]
    said = {one.domain: one.count for one in conversion.findings if one.rule == "visit-unassigned"}
    assert said == {"LB": 15, "VS": 70}


def test_what_differs_is_a_visit_that_the_encounter_names_otherwise(pairs: dict[str, Pairs]) -> None:
    other = Counter(
        (ours["VISIT"], pilot["VISIT"])
        for found in pairs.values()
        for ours, pilot in found
        if ours["VISITNUM"] not in {None, pilot["VISITNUM"]}
    )
    assert other == {("AMBUL ECG REMOVAL", "UNSCHEDULED 5.1"): 15}


def test_each_encounter_is_a_visit_and_nothing_is_missed_without_windows(conversion: Conversion) -> None:
    visits = match_lzzt.our_rows(conversion, "SV")
    assert Counter(row["SVOCCUR"] for row in visits) == {"Y": 70}
    assert {row["SVPRESP"] for row in visits} == {"Y"}
    keys = [(row["USUBJID"], row["VISITNUM"]) for row in visits]
    assert len(keys) == len(set(keys))
    states = {
        (row["status"], row["domains"])
        for row in conversion.resources.to_pylist()
        if row["resource_type"] == "Encounter"
    }
    assert states == {("mapped", "SV")}

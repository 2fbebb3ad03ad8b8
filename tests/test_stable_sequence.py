"""--SEQ across cuts: records that are there again keep their numbers, and new ones go on."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from trialbridge.cli import main
from trialbridge.converters.read_sdtm import read_sdtm
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.model import Dataset

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"
Resource = dict[str, Any]


def resources() -> list[Resource]:
    return [json.loads(line) for line in SMALL.read_text().splitlines()]


def glucose(number: str, day: str, value: float, *, note: str = "") -> Resource:
    return {
        "resourceType": "Observation",
        "id": number,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]},
        "subject": next(one["subject"] for one in resources() if one["resourceType"] == "Observation"),
        "effectiveDateTime": day,
        "valueQuantity": {"value": value, "code": "mg/dL", "system": "http://unitsofmeasure.org"},
        **({"note": [{"text": note, "time": day}]} if note else {}),
    }


def run(folder: Path, found: Sequence[Resource], *options: str) -> Path:
    folder.mkdir()
    (folder / "in.ndjson").write_text("\n".join(map(json.dumps, found)))
    assert main(["convert", str(folder / "in.ndjson"), "--out", str(folder / "out"), *options]) in {0, 1, 2}
    return folder / "out"


def numbers(out: Path, *names: str) -> dict[tuple[object, ...], object]:
    rows = read_xpt(out / "sdtm" / "lb.xpt").table.to_pylist()
    return {tuple(row[name] for name in names): row["LBSEQ"] for row in rows}


def parents(dataset: Dataset) -> dict[object, object]:
    """Return the value of each qualifier or comment -> the number of its record."""
    value = "COVAL" if dataset.name == "CO" else "QVAL"
    return {row[value]: row["IDVARVAL"] for row in dataset.table.to_pylist()}


FIRST = [glucose("g2", "2025-03-02", 92), glucose("g4", "2025-03-04", 94, note="after lunch")]
NEW = [glucose("g1", "2025-03-01", 91, note="before all"), glucose("g3", "2025-03-03", 93)]


def test_records_keep_their_numbers_and_new_ones_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = run(tmp_path / "a", [*resources(), *FIRST])
    free = run(tmp_path / "b", [*resources(), *NEW, *FIRST])
    kept = run(tmp_path / "c", [*resources(), *NEW, *FIRST], "--stable-seq", str(old))
    before, after = numbers(old, "LBTESTCD", "LBDTC"), numbers(kept, "LBTESTCD", "LBDTC")
    assert {key: after[key] for key in before} == before
    assert numbers(free, "LBTESTCD", "LBDTC") != after
    added = sorted(after[key] for key in after.keys() - before.keys())  # type: ignore[type-var]  # they are numbers
    assert added == [max(before.values()) + 1, max(before.values()) + 2]  # type: ignore[type-var, operator]
    capsys.readouterr()
    assert main(["diff", str(old), str(kept), "--json"]) == 1
    changes = json.loads(capsys.readouterr().out)["changes"]
    assert {(one["kind"], one["cause"]) for one in changes} == {("new", "source")}
    assert {one["dataset"] for one in changes} == {"LB", "CO"}


def test_comments_follow_the_numbers_of_their_records(tmp_path: Path) -> None:
    old = run(tmp_path / "a", [*resources(), *FIRST])
    kept = run(tmp_path / "c", [*resources(), *NEW, *FIRST], "--stable-seq", str(old))
    comments = parents(read_xpt(kept / "sdtm" / "co.xpt"))
    told = numbers(kept, "LBDTC")
    assert (
        comments["after lunch"]
        == f"{told['2025-03-04',]:g}"
        == parents(read_xpt(old / "sdtm" / "co.xpt"))["after lunch"]
    )
    assert comments["before all"] == f"{told['2025-03-01',]:g}"
    first, second = (
        {row["COVAL"]: row["COSEQ"] for row in read_xpt(out / "sdtm" / "co.xpt").table.to_pylist()}
        for out in (old, kept)
    )
    assert {key: second[key] for key in first} == first


def test_a_number_that_was_deleted_is_not_given_again(tmp_path: Path) -> None:
    old = run(tmp_path / "a", [*resources(), *FIRST])
    kept = run(tmp_path / "b", [*resources(), FIRST[0], NEW[1]], "--stable-seq", str(old))
    before, after = numbers(old, "LBDTC"), numbers(kept, "LBDTC")
    assert after["2025-03-02",] == before["2025-03-02",]
    assert after["2025-03-03",] == max(before.values()) + 1  # type: ignore[type-var, operator]


@pytest.mark.parametrize(
    "changed",
    [
        {"effectiveDateTime": "2025-03-09"},
        {"id": "another"},
        {"valueQuantity": {"value": 9, "unit": "mg/dL"}},
    ],
    ids=["another date", "another id", "another value"],
)
def test_a_changed_record_is_still_that_record(changed: Resource, tmp_path: Path) -> None:
    old = run(tmp_path / "a", [*resources(), *FIRST])
    later = [*resources(), *NEW, FIRST[0], {**FIRST[1], **changed}]
    kept = run(tmp_path / "b", later, "--stable-seq", str(old))
    day = str(changed.get("effectiveDateTime", "2025-03-04"))
    assert numbers(kept, "LBDTC")[day,] == numbers(old, "LBDTC")["2025-03-04",]


def test_an_equal_cut_has_equal_datasets_and_order_says_nothing(tmp_path: Path) -> None:
    old = run(tmp_path / "a", [*resources(), *FIRST])
    later = [*resources(), *NEW, *FIRST]
    same = run(tmp_path / "b", [*resources(), *FIRST], "--stable-seq", str(old))
    for path in (old / "sdtm").glob("*.xpt"):
        assert path.read_bytes() == (same / "sdtm" / path.name).read_bytes()
    made = []
    for seed in (1, 2):
        random.Random(seed).shuffle(later)  # noqa: S311 -- an order, no secret
        out = run(tmp_path / f"s{seed}", later, "--stable-seq", str(old))
        made.append({one.name: one.table for one in read_sdtm([out / "sdtm"])[0]})
    assert made[0].keys() == made[1].keys()
    assert all(table.equals(made[1][name]) for name, table in made[0].items())


def test_the_manifest_names_the_cut_whose_numbers_were_kept(tmp_path: Path) -> None:
    old = run(tmp_path / "a", resources())
    kept = run(tmp_path / "b", resources(), "--stable-seq", str(old))
    found = [json.loads((one / "run" / "manifest.json").read_text())["earlier"] for one in (old, kept)]
    assert found[0] == ""
    assert len(found[1]) == 64
    assert main(["diff", str(old), str(kept)]) == 0


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    assert main(["convert", str(SMALL), "--out", str(tmp_path / "out"), "--stable-seq", str(tmp_path)]) == 3
    assert not (tmp_path / "out").exists()

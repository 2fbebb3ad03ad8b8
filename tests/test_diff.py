"""What changed between two cuts, and why: one injected change of each cause gives one row of that cause."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trialbridge.cli import main
from trialbridge.converters.diff_datasets import diff
from trialbridge.converters.diff_runs import Changes, diff_runs
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.write_xpt import write_xpt
from trialbridge.model import Dataset, Variable

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"


def run(folder: Path, text: str, settings: str = "") -> Path:
    folder.mkdir()
    (folder / "in.ndjson").write_text(text)
    arguments = ["convert", str(folder / "in.ndjson"), "--out", str(folder / "out")]
    if settings:
        (folder / "study.toml").write_text(settings)
        arguments += ["--config", str(folder / "study.toml")]
    assert main(arguments) in {0, 1, 2}
    return folder / "out"


def causes(found: Changes) -> list[tuple[str, str, str]]:
    return [(one.dataset, one.kind, one.cause) for one in found.changes]


def changed(text: str, kind: str, number: int, **values: object) -> str:
    """Return the resources with new values in the one of a kind that has this number."""
    lines = text.splitlines()
    place = [row for row, line in enumerate(lines) if f'"resourceType":"{kind}"' in line][number]
    lines[place] = json.dumps({**json.loads(lines[place]), **values})
    return "\n".join(lines)


def test_two_equal_cuts_differ_in_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = SMALL.read_text()
    old, new = run(tmp_path / "a", text), run(tmp_path / "b", "\n".join(reversed(text.splitlines())))
    capsys.readouterr()
    assert main(["diff", str(old), str(new)]) == 0
    assert "nothing changed" in capsys.readouterr().out


def test_a_changed_resource_is_the_cause(tmp_path: Path) -> None:
    text = SMALL.read_text()
    old = run(tmp_path / "a", text)
    after = changed(text, "AdverseEvent", 0, event={"text": "Something else"})
    found = diff_runs(old, run(tmp_path / "b", after))
    assert causes(found) == [("AE", "deleted", "source"), ("AE", "new", "source")]
    after = changed(text, "AdverseEvent", 0, outcome={"text": "Fatal"})
    found = diff_runs(old, run(tmp_path / "c", after))
    assert causes(found) == [("AE", "changed", "source")]
    assert "AEOUT" in found.changes[0].values
    assert found.changes[0].resource == "AdverseEvent/a1"


def test_a_new_and_a_missing_resource_are_the_cause(tmp_path: Path) -> None:
    text = SMALL.read_text()
    less = "\n".join(line for line in text.splitlines() if '"AdverseEvent"' not in line)
    old, new = run(tmp_path / "a", text), run(tmp_path / "b", less)
    assert {one[1:] for one in causes(diff_runs(old, new)) if one[0] == "AE"} == {("deleted", "source")}
    assert {one[1:] for one in causes(diff_runs(new, old)) if one[0] == "AE"} == {("new", "source")}


def test_settings_are_the_cause(tmp_path: Path) -> None:
    text = SMALL.read_text()
    old = run(tmp_path / "a", text, '[study]\nid = ""\n')
    codes = {
        coding["code"]
        for line in text.splitlines()
        for coding in json.loads(line).get("code", {}).get("coding", ())
        if '"Observation"' in line
    }
    tables = "".join(f'"{code}" = {{ cat = "OURS" }}\n' for code in sorted(codes))
    new = run(tmp_path / "b", text, f'[study]\nid = ""\n[codes."http://loinc.org"]\n{tables}')
    found = diff_runs(old, new)
    assert found.changes
    assert {(one.kind, one.cause) for one in found.changes} == {("changed", "settings")}
    assert all(set(one.values) <= {"LBCAT", "VSCAT", "QSCAT"} for one in found.changes)


@pytest.mark.parametrize(
    ("part", "name", "cause"),
    [("standards", "SDTM CT", "terminology"), ("software", "trialbridge", "software")],
)
def test_what_a_run_stood_on_is_the_cause(part: str, name: str, cause: str, tmp_path: Path) -> None:
    text = SMALL.read_text()
    old, new = run(tmp_path / "a", text), run(tmp_path / "b", text)
    manifest = json.loads((old / "run" / "manifest.json").read_text())
    manifest[part][name] = "2020-01-01"
    (old / "run" / "manifest.json").write_text(json.dumps(manifest))
    dataset = read_xpt(old / "sdtm" / "ae.xpt")
    cells = dataset.table["AESER"].to_pylist()
    table = dataset.table.set_column(
        dataset.table.column_names.index("AESER"), "AESER", pa.array(["Y", *cells[1:]], pa.string())
    )
    moment = datetime(2020, 1, 1)  # noqa: DTZ001 -- headers have no zone
    write_xpt(replace(dataset, table=table), old / "sdtm" / "ae.xpt", created=moment)
    found = diff_runs(old, new)
    assert causes(found) == [("AE", "changed", cause)]
    assert found.settings == {f"{part}.{name}": ("2020-01-01", found.settings[f"{part}.{name}"][1])}


def test_folders_of_datasets_compare_without_a_cause(tmp_path: Path) -> None:
    text = SMALL.read_text()
    old = run(tmp_path / "a", text)
    new = run(tmp_path / "b", changed(text, "AdverseEvent", 0, outcome={"text": "Fatal"}))
    found = diff_runs(old / "sdtm", new / "sdtm")
    assert causes(found) == [("AE", "changed", "unknown")]


def test_the_pages_hold_every_row(tmp_path: Path) -> None:
    text = SMALL.read_text()
    old = run(tmp_path / "a", text)
    new = run(tmp_path / "b", changed(text, "AdverseEvent", 0, outcome={"text": "Fatal"}))
    assert main(["diff", str(old), str(new), "--out", str(tmp_path / "d")]) == 1
    assert "AEOUT" in (tmp_path / "d" / "diff.html").read_text()
    assert json.loads((tmp_path / "d" / "diff.json").read_text())["changes"][0]["cause"] == "source"
    assert (tmp_path / "d" / "diff.xlsx").stat().st_size


def lab(rows: list[tuple[str, str, str]]) -> Dataset:
    columns = {
        "USUBJID": [row[0] for row in rows],
        "LBSEQ": [float(number) for number, _ in enumerate(rows, 1)],
        "LBTESTCD": [row[1] for row in rows],
        "LBORRES": [row[2] for row in rows],
    }
    variables = tuple(Variable(name, "", "Num" if name == "LBSEQ" else "Char") for name in columns)
    kinds = {"LBSEQ": pa.float64()}
    table = pa.table({name: pa.array(cells, kinds.get(name, pa.string())) for name, cells in columns.items()})
    return Dataset("LB", "", variables, table)


ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.sampled_from("12")), max_size=8)


@given(ROWS, st.randoms())
def test_order_and_sequence_numbers_are_no_change(
    rows: list[tuple[str, str, str]], chance: st.RandomMachine
) -> None:  # type: ignore[name-defined]  # what st.randoms gives
    other = list(rows)
    chance.shuffle(other)
    assert list(diff([lab(rows)], [lab(other)])) == []


@given(ROWS, ROWS)
def test_the_changes_lead_from_the_one_to_the_other(
    old: list[tuple[str, str, str]], new: list[tuple[str, str, str]]
) -> None:
    rest = sorted(old)
    for one in diff([lab(old)], [lab(new)]):
        if one.old >= 0:
            rest.remove(old[one.old])
        if one.new >= 0:
            rest.append(new[one.new])
        assert (
            one.kind
            == {(True, True): "changed", (True, False): "deleted", (False, True): "new"}[
                one.old >= 0, one.new >= 0
            ]
        )
    assert sorted(rest) == sorted(new)

"""The run folder: whole or not there, equal bytes for equal input, nobody's files lost, every cell found."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from trialbridge.conversion import Conversion
from trialbridge.converters.cells import RULES, rule_row
from trialbridge.converters.ledger import Account, of_each_row
from trialbridge.converters.manifest import File, read_manifest, study_of
from trialbridge.converters.read_xpt import read_xpt
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.converters.write_run import check_ledger, header_date, write_run
from trialbridge.errors import ConfigurationError, ConversionErrors, ReadError, WriteError
from trialbridge.findings import Finding, Severity
from trialbridge.mapping import FROM_EXTENSION, alternatives
from trialbridge.registry import declarations
from trialbridge.study import Study

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"
WHEN = datetime(2024, 6, 1)  # noqa: DTZ001 -- headers have no zone


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    return to_sdtm([SMALL])


def _contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _write(conversion: Conversion, out: Path, **more: object) -> dict[str, bytes]:
    write_run(conversion, out, created=WHEN, inputs=[SMALL], **more)  # type: ignore[arg-type]
    return _contents(out)


def test_a_run_has_its_data_and_its_proof(conversion: Conversion, tmp_path: Path) -> None:
    written = _write(conversion, tmp_path / "out", formats=("dataset-json", "parquet"))
    names = {"dm", "ae", "lb", "supplb", "vs", "ts"}
    assert {name for name in written if name.startswith("sdtm/")} == {f"sdtm/{name}.xpt" for name in names}
    assert {name for name in written if name.startswith("json/")} == {f"json/{name}.json" for name in names}
    assert {name for name in written if name.startswith("parquet/")} == {
        f"parquet/{name}.parquet" for name in names
    }
    assert {name for name in written if name.startswith("run/")} == {
        f"run/{name}"
        for name in (
            "manifest.json",
            "inputs.json",
            "ledger.parquet",
            "elements.parquet",
            "unmapped.parquet",
            "provenance.parquet",
            "rules.parquet",
            "findings.json",
            "summary.json",
            "summary.txt",
            "worklist.xlsx",
        )
    }


def test_the_manifest_names_every_file_by_its_hash(conversion: Conversion, tmp_path: Path) -> None:
    written = _write(conversion, tmp_path / "out")
    found = read_manifest(tmp_path / "out")
    known = {file.name: file for file in found.outputs}
    assert set(known) == set(written) - {"run/manifest.json", "run/inputs.json"}
    for name, file in known.items():
        assert file == File(name, sha256(written[name]).hexdigest(), len(written[name]))
    assert found.inputs == (File(SMALL.name, sha256(SMALL.read_bytes()).hexdigest()),)
    assert found.ledger == {"mapped": 11, "excluded": 1, "unmapped": 1}
    assert study_of(found) == replace(conversion.study, source="")
    assert str(tmp_path) not in (tmp_path / "out" / "run" / "manifest.json").read_text()


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    first = _write(to_sdtm([SMALL]), tmp_path / "a", formats=("dataset-json", "parquet"))
    second = _write(to_sdtm([SMALL], block_subjects=1), tmp_path / "b", formats=("dataset-json", "parquet"))
    assert first == second


def test_a_second_run_replaces_the_first_and_nothing_else(conversion: Conversion, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _write(conversion, out, formats=("parquet",))
    (out / "notes.txt").write_text("mine")
    written = _write(conversion, out)
    assert written["notes.txt"] == b"mine"
    assert not any(name.startswith("parquet/") for name in written)


def test_a_folder_of_somebody_else_is_left_alone(conversion: Conversion, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="no run of trialbridge"):
        _write(conversion, tmp_path)
    assert _contents(tmp_path) == {"letter.txt": b"dear"}
    assert "letter.txt" in _write(conversion, tmp_path, force=True)


def test_a_file_that_was_added_to_a_run_is_not_lost(conversion: Conversion, tmp_path: Path) -> None:
    out = tmp_path / "out"
    _write(conversion, out)
    (out / "sdtm" / "acrf.pdf").write_text("pages")
    with pytest.raises(ConfigurationError, match=r"sdtm/acrf\.pdf"):
        _write(conversion, out)
    assert "sdtm/acrf.pdf" not in _write(conversion, out, force=True)


def test_a_failure_leaves_nothing_half_written(conversion: Conversion, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = _write(conversion, out)
    broken = conversion.datasets[0]
    too_long = broken.table.set_column(0, "STUDYID", pa.array(["x" * 201] * len(broken.table)))
    faulty = replace(conversion, datasets=(replace(broken, table=too_long), *conversion.datasets[1:]))
    with pytest.raises(ConversionErrors) as caught:
        _write(faulty, out)
    assert "STUDYID" in str(caught.value.exceptions[0])
    assert _contents(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_describing_finds_is_a_finding_of_the_run(conversion: Conversion, tmp_path: Path) -> None:
    def describe(_conversion: Conversion, created: datetime, folder: Path) -> list[Finding]:
        (folder / "define.xml").write_text(created.isoformat())
        return [Finding(Severity.WARNING, "define-something", "it is odd")]

    written = _write(conversion, tmp_path / "out", describe=describe)
    assert written["sdtm/define.xml"] == b"2024-06-01T00:00:00"
    assert "define-something" in [one["rule"] for one in json.loads(written["run/findings.json"])]
    assert read_manifest(tmp_path / "out").outputs[-1].name.startswith("sdtm/")


def test_a_ledger_that_does_not_balance_is_no_run(conversion: Conversion, tmp_path: Path) -> None:
    ledger = conversion.resources
    place = ledger.column_names.index("status")
    lost = ledger.set_column(place, "status", pa.array(["lost", *ledger["status"].to_pylist()[1:]]))
    with pytest.raises(WriteError, match="row 1: 'lost'"):
        _write(replace(conversion, resources=lost), tmp_path / "out")
    with pytest.raises(WriteError, match="a resource that is not mapped"):
        check_ledger(replace(conversion, resources=ledger.filter(pc.not_equal(ledger["id"], "o1"))))
    assert not (tmp_path / "out").exists()


def test_every_cell_of_every_domain_has_its_rule(conversion: Conversion, tmp_path: Path) -> None:
    _write(conversion, tmp_path / "out")
    folder = tmp_path / "out" / "run"
    with duckdb.connect() as database:
        for dataset in (one for one in conversion.datasets if one.name in conversion.provenance):
            wanted = {
                name
                for name in dataset.table.column_names
                if dataset.table[name].null_count < len(dataset.table)
            }
            found = database.execute(
                f"SELECT DISTINCT variable FROM '{folder}/provenance.parquet' "  # noqa: S608 -- our own folder
                f"JOIN '{folder}/rules.parquet' USING (domain, shape) WHERE domain = ?",
                [dataset.name],
            ).fetchall()
            assert wanted <= {name for (name,) in found}, dataset.name


def test_the_documented_query_finds_the_path_of_a_cell(conversion: Conversion, tmp_path: Path) -> None:
    _write(conversion, tmp_path / "out")
    page = (Path(__file__).parents[1] / "docs" / "run-folder.md").read_text(encoding="utf-8")
    query = page.partition("```sql\n")[2].partition("```")[0].replace("out/run", f"{tmp_path}/out/run")
    with duckdb.connect() as database:
        rows = database.execute(query).fetchall()
    assert (
        "Observation",
        "o1",
        "2",
        "",
        "read",
        ["$this.valueQuantity.comparator", "$this.valueQuantity.value"],
    ) in rows


def test_what_each_kind_of_rule_says() -> None:
    laboratory, subjects = declarations("LB")[0], declarations("DM")[0]
    how = {
        name: rule_row(laboratory, name, laboratory.rules[name], alternative)
        for name, alternative in {
            "DOMAIN": 0,
            "STUDYID": 0,
            "LBDY": 0,
            "LBDTC": 1,
            "LBORRES": FROM_EXTENSION,
        }.items()
    }
    assert {name: row and row["how"] for name, row in how.items()} == {
        "DOMAIN": "constant",
        "STUDYID": "assigned",
        "LBDY": "derived",
        "LBDTC": "read",
        "LBORRES": "extension",
    }
    assert how["LBDTC"] is not None
    assert how["LBDTC"]["paths"] == list(alternatives(laboratory.rules["LBDTC"])[1].paths)
    derived = rule_row(subjects, "DTHFL", subjects.rules["DTHFL"], 254)
    assert derived is not None
    assert derived["how"] == "derived"
    assert rule_row(laboratory, "LBDTC", laboratory.rules["LBDTC"], 254) is None
    assert set(derived) <= set(RULES.names)


@pytest.mark.parametrize(
    ("epoch", "cut", "date"),
    [
        ("86400", "2024-07-01", "1970-01-02"),
        ("", "2024-07-01", "2024-07-01"),
        ("", "", "2024-05-06"),
    ],
)
def test_the_header_date_is_no_clock(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch, epoch: str, cut: str, date: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    run = replace(conversion, study=replace(conversion.study, cut=cut))
    assert header_date(run).date().isoformat() == date


def test_a_date_in_the_future_is_no_header_date(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    events = next(dataset for dataset in conversion.datasets if dataset.name == "AE")
    future = events.table.set_column(
        events.table.column_names.index("AESTDTC"), "AESTDTC", pa.array(["9999-01-01"])
    )
    assert header_date(replace(conversion, datasets=(replace(events, table=future),))).year == 2024
    assert header_date(replace(conversion, datasets=())).year == 1970


@pytest.mark.parametrize(("epoch", "cut"), [("soon", ""), ("", "last May")])
def test_a_header_date_that_is_none_is_refused(
    conversion: Conversion, monkeypatch: pytest.MonkeyPatch, epoch: str, cut: str
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    with pytest.raises(ConfigurationError, match="is no date"):
        header_date(replace(conversion, study=Study(cut=cut)))


def test_a_manifest_of_another_kind_is_refused(conversion: Conversion, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="is no run folder"):
        read_manifest(tmp_path)
    _write(conversion, tmp_path / "out")
    source = tmp_path / "out" / "run" / "manifest.json"
    newer = json.loads(source.read_text()) | {"format_version": 99}
    source.write_text(json.dumps(newer))
    with pytest.raises(ReadError, match="99"):
        read_manifest(tmp_path / "out")
    source.write_text("{")
    with pytest.raises(ReadError, match="cannot be read"):
        read_manifest(tmp_path / "out")


def test_the_datasets_come_back_from_the_folder(conversion: Conversion, tmp_path: Path) -> None:
    _write(conversion, tmp_path / "out")
    for dataset in conversion.datasets:
        again = read_xpt(tmp_path / "out" / "sdtm" / f"{dataset.name.lower()}.xpt")
        assert again.table.to_pydict() == dataset.table.to_pydict()


def test_a_moved_run_folder_still_stands(conversion: Conversion, tmp_path: Path) -> None:
    _write(conversion, tmp_path / "out")
    shutil.move(tmp_path / "out", tmp_path / "elsewhere")
    assert read_manifest(tmp_path / "elsewhere").study == "TB-001"


def test_a_type_may_give_records_of_any_number_of_datasets() -> None:
    account = Account()
    for number in range(90):
        account.records[f"D{number:02}"].append(np.array([number % 2, number % 2]))
    domains, records = of_each_row(account, 3)
    names = [f"D{number:02}" for number in range(90)]
    assert domains.to_pylist() == [" ".join(names[::2]), " ".join(names[1::2]), ""]
    assert records.to_pylist() == [90, 90, 0]

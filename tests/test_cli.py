"""The command: its exit codes, what it prints and where, and that nothing is half done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trialbridge import cli
from trialbridge.cli import main
from trialbridge.conversion import UNMAPPED, Conversion
from trialbridge.converters.report import summarise, to_text
from trialbridge.converters.to_sdtm import to_sdtm
from trialbridge.errors import ConversionErrors, WriteError
from trialbridge.findings import Finding, Severity

SMALL = Path(__file__).parent / "run_folder" / "small_study.ndjson"
CLEAN = ("s1", "p1", "r1", "b1", "o1")


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    """Return a study of which everything is known: one subject, one result."""
    lines = SMALL.read_text().splitlines()
    source = tmp_path / "clean.ndjson"
    source.write_text("\n".join(line for line in lines if json.loads(line)["id"] in CLEAN))
    return source


def test_a_clean_run_ends_with_0(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(clean), "--to", "sdtm", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr()
    assert "5 resources read = 5 mapped + 0 excluded + 0 unmapped" in printed.out
    assert f"{tmp_path / 'out' / 'sdtm' / 'define.html'}" in printed.out
    assert printed.err == ""
    assert {"define.xml", "define.html", "define2-1.xsl", "dm.xpt", "lb.xpt"} <= {
        path.name for path in (tmp_path / "out" / "sdtm").iterdir()
    }


def test_findings_end_with_1(clean: Path, tmp_path: Path) -> None:
    clean.write_text(clean.read_text().replace("2024-05-03", "2024-02-30"))
    assert main(["convert", str(clean), "--out", str(tmp_path / "out")]) == 1


def test_unmapped_content_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(SMALL), "--out", str(tmp_path / "out"), "--json"]) == 2
    summary = json.loads(capsys.readouterr().out)
    assert summary["exit_code"] == 2
    assert summary["ledger"] == {"read": 13, "mapped": 11, "excluded": 1, "unmapped": 1}
    assert summary == json.loads((tmp_path / "out" / "run" / "summary.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["convert"], "Missing"),
        (["convert", "nowhere", "--out", "out"], "there is no such file"),
        (
            ["convert", str(SMALL), "--out", "out", "--format", "sas"],
            "sas is not one of xpt, dataset-json, ndjson, dsjc, parquet",
        ),
        (
            ["convert", str(SMALL), "--out", "out", "--ct", "1999-01-01"],
            "there is no terminology 1999-01-01; there is 2025-03-28, 2026-03-27",
        ),
        (["convert", str(SMALL), "--out", "out", "--config", "absent.toml"], "absent.toml"),
        (["convert", str(SMALL), "--out", "out", "--units", "furlong"], "furlong"),
        (["why", "nowhere", "LB", "1"], "is no run folder"),
        (["define", "html", "nowhere.xml"], "nowhere.xml"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_and_usage_end_with_3(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 3
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out").exists()


def test_debug_shows_where_an_error_arose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ["--debug", "why", str(tmp_path), "LB", "1"],
        ["why", str(tmp_path), "LB", "1", "--debug"],
    ):
        assert main(arguments) == 3
        assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_the_program_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("trialbridge.commands.convert._settings", broken)
    with pytest.raises(SystemExit) as stop:
        main(["convert", str(SMALL), "--out", "out"])
    assert stop.value.code == cli.INTERNAL
    assert "a fault of trialbridge" in capsys.readouterr().err


def test_every_fault_of_a_dataset_is_a_line(
    clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = [WriteError("LB", "LBORRES", "is too long", 7), WriteError("DM", "", "has no label")]

    def refused(*_: object, **__: object) -> None:
        raise ConversionErrors("the datasets cannot be written as they are", faults)

    monkeypatch.setattr("trialbridge.converters.write_run.write_run", refused)
    assert main(["convert", str(clean), "--out", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err.splitlines() == [
        "error: the datasets cannot be written as they are",
        "error: LB.LBORRES, row 7: is too long",
        "error: DM: has no label",
    ]


def test_interruption_has_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("trialbridge.commands.convert._settings", interrupted)
    assert main(["convert", str(SMALL), "--out", "out"]) == 130


def test_a_folder_of_somebody_else_needs_force(
    clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years")
    assert main(["convert", str(clean), "--out", str(out)]) == 3
    assert "--force" in capsys.readouterr().err
    assert main(["convert", str(clean), "--out", str(out), "--force"]) == 0
    assert (out / "thesis.txt").read_text() == "years"


def test_settings_of_the_command_go_before_those_of_the_study(clean: Path, tmp_path: Path) -> None:
    config = tmp_path / "study.toml"
    config.write_text(
        '[study]\nid = "OTHER"\nunits = "SI"\n[arms]\nActive = "ACT"\n[permitted]\n"DM.SEX" = ["F", "M"]\n'
    )
    arguments = ["convert", str(clean), "--out", str(tmp_path / "out"), "--config", str(config)]
    assert main([*arguments, "--study", "MINE", "--units", "conventional", "--ct", "2025-03-28"]) == 0
    manifest = json.loads((tmp_path / "out" / "run" / "manifest.json").read_text())
    assert manifest["study"] == "MINE"
    assert manifest["settings"]["units"] == "conventional"
    assert manifest["standards"]["SDTM CT"] == "2025-03-28"
    assert ["arm Active", "ACT"] in manifest["overrides"]
    assert "OTHER" not in (tmp_path / "out" / "sdtm" / "define.xml").read_text()


def test_why_prints_a_tree_or_json(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "out")
    main(["convert", str(clean), "--out", out])
    capsys.readouterr()
    assert main(["why", out, "lb", "TB-001-001/1", "lborres"]) == 0
    assert "Observation.valueQuantity.value = 13.50" in capsys.readouterr().out
    assert main(["why", out, "LB", "1", "LBORRES", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cells"][0]["found"] == [
        ["Observation.valueQuantity.value", "13.50"]
    ]
    clean.unlink()
    assert main(["why", out, "LB", "1", "LBORRES"]) == 3


def test_define_is_checked_and_shown(clean: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["convert", str(clean), "--out", str(tmp_path / "out")])
    define = tmp_path / "out" / "sdtm" / "define.xml"
    capsys.readouterr()
    assert main(["define", "check", str(define)]) == 0
    page = tmp_path / "page.html"
    assert main(["define", "html", str(define), "--out", str(page)]) == 0
    assert "Laboratory Test Results" in page.read_text()
    define.write_text(define.read_text().replace('Name="LB"', 'Name="LBX"', 1))
    capsys.readouterr()
    assert main(["define", "check", str(define), "--json"]) in {0, 1}
    assert isinstance(json.loads(capsys.readouterr().out), list)
    define.write_text("no XML")
    assert main(["define", "check", str(define)]) == 3


def test_version_names_the_standards(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert "SDTMIG 3.3, 3.4" in capsys.readouterr().out
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["Define-XML"] == "2.1"


def test_the_demo_converts_its_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo")]) == 0
    printed = capsys.readouterr().out
    assert "LKB-SLE-101" in printed
    assert "define.html" in printed
    assert (tmp_path / "demo" / "input" / "study.toml").is_file()
    assert (tmp_path / "demo" / "output" / "sdtm" / "qs.xpt").is_file()
    assert main(["demo", "--out", str(tmp_path / "demo"), "--json"]) == 0


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from trialbridge.cli import main; code = main(['--help']); "
        "print(sorted(sys.modules)); sys.exit(code)"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "convert" in found.stdout
    assert not {"'pyarrow'", "'numpy'", "'rich.console'", "'lxml'"} & set(
        found.stdout.strip("[]\n").split(", ")
    )


def test_progress_goes_to_a_terminal_only(clean: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    main_end, other_end = pty.openpty()
    program = "import sys; from trialbridge.cli import main; sys.exit(main(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, "convert", str(clean), "--out", str(tmp_path / "out")]
    found = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=other_end, check=True)
    os.close(other_end)
    shown = os.read(main_end, 65_536)
    os.close(main_end)
    assert b"read" in shown
    assert b"resources read" in found.stdout


@pytest.fixture(scope="module")
def conversion() -> Conversion:
    return to_sdtm([SMALL])


def test_the_summary_counts_what_there_is(conversion: Conversion) -> None:
    findings = [Finding(Severity.ERROR, "e", "", "LB", count=2), Finding(Severity.NOTICE, "n", "", "ZZ")]
    summary = summarise(conversion, findings)
    lines = {line.name: line for line in summary.datasets}
    assert (lines["LB"].records, lines["LB"].subjects, lines["LB"].resources) == (2, 2, 2)
    assert (lines["VS"].records, lines["VS"].resources) == (2, 1)
    assert (lines["LB"].errors, lines["LB"].unmapped, lines["ZZ"].notices) == (2, 1, 1)
    assert summary.subjects == 2
    assert [(one.status, one.count) for one in summary.not_mapped] == [("excluded", 1), ("unmapped", 1)]
    assert summary.study == "TB-001"


@pytest.mark.parametrize(
    ("severity", "code"), [(Severity.NOTICE, 0), (Severity.WARNING, 1), (Severity.ERROR, 1)]
)
def test_notices_alone_are_clean(conversion: Conversion, severity: Severity, code: int) -> None:
    mapped = conversion.resources.filter(
        [status == "mapped" for status in conversion.resources["status"].to_pylist()]
    )
    known = replace(conversion, resources=mapped, unmapped=UNMAPPED.empty_table())
    assert summarise(known, [Finding(severity, "r", "m")]).exit_code == code


def test_the_text_has_a_fixed_width_and_no_colours(conversion: Conversion) -> None:
    many = [Finding(Severity.WARNING, f"rule-{number}", "x" * 300, "LB", "LBDTC") for number in range(20)]
    text = to_text(summarise(conversion, many))
    assert max(map(len, text.splitlines())) <= 110
    assert "\x1b" not in text
    assert "and 8 more kinds" in text


def test_options_of_the_other_way_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["convert", str(SMALL), "--out", str(tmp_path / "out")]
    assert main([*arguments, "--to", "fhir", "--units", "SI"]) == 3
    assert "--units" in capsys.readouterr().err
    assert main([*arguments, "--as", "bundle"]) == 3
    assert "--as" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_release_of_the_input_is_believed(tmp_path: Path) -> None:
    assert main(["convert", str(SMALL), "--fhir", "R4B", "--out", str(tmp_path / "out")]) in {0, 1, 2}
    ledger = pq.read_table(tmp_path / "out" / "run" / "ledger.parquet")
    assert set(ledger["release"].to_pylist()) == {"R4B"}

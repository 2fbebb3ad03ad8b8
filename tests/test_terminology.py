"""Terminology in every form that its publishers give away becomes packages, read like the shipped tables."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import pytest

from trialbridge.cli import main
from trialbridge.converters.read_terminology import read_terminology
from trialbridge.converters.write_terminology import write_terminology
from trialbridge.errors import ConfigurationError, ReadError, ReleaseError, TermError
from trialbridge.standards import (
    Release,
    changes,
    codelist,
    codelists,
    lookup,
    name_of_test,
    package_of,
    paired,
    parts,
    release,
    releases,
    retirement,
)
from trialbridge.study import study_of

HEADER = (
    "Code", "Codelist Code", "Codelist Extensible (Yes/No)", "Codelist Name", "CDISC Submission Value",
    "CDISC Synonym(s)", "CDISC Definition", "NCI Preferred Term",
)  # fmt: skip
Rows = list[tuple[str, ...]]
TINY: Rows = [
    ("C66731", "", "No", "Sex", "SEX", "Sex", 'The "sex" of a subject', "CDISC SDTM Sex Terminology"),
    ("C16576", "C66731", "", "Sex", "F", "Female", "A person", "Female"),
    ("C20197", "C66731", "", "Sex", "M", "Male; Man", "A person", "Male"),
    ("C71620", "", "Yes", "Unit", "UNIT", "Unit", "Units", "CDISC SDTM Unit Terminology"),
    ("C0001", "C71620", "", "Unit", '"odd" µ <&>', "", "", "Odd Unit"),
    ("C0002", "C71620", "", "Unit", "1", "", "", "One"),
]


def of_csv(path: Path) -> Rows:
    """Return the rows that NCI prints of one of the tables that we keep."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    found: Rows = []
    seen = set()
    for row in csv.DictReader(io.StringIO(text.decode("utf-8-sig"))):
        code, name, value = (row[f"codelist_{one}"] for one in ("code", "name", "submission_value"))
        if code not in seen:
            seen.add(code)
            extensible = {"Y": "Yes", "N": "No"}[row["extensible"]]
            found.append((code, "", extensible, name, value, "", "words", "CDISC Terminology"))
        term = (row["term_code"], code, "", name, row["submission_value"], row["synonyms"], "words")
        found.append((*term, row["preferred_term"]))
    return found


def as_text(rows: Rows, title: str) -> bytes:  # noqa: ARG001 -- a form; NCI's text says no title
    return "".join("\t".join(row) + "\r\n" for row in (HEADER, *rows)).encode()


def as_csv(rows: Rows, title: str) -> bytes:
    target = io.StringIO()
    csv.writer(target).writerows([(*HEADER, "Standard and Date"), *((*row, title) for row in rows)])
    return ("\ufeff" + target.getvalue()).encode()


def as_json(rows: Rows, title: str) -> bytes:
    lists = {
        row[0]: {
            "conceptId": row[0], "extensible": {"Yes": "true", "No": "false"}[row[2]], "name": row[3],
            "submissionValue": row[4], "preferredTerm": row[7], "definition": row[6], "terms": [],
        }
        for row in rows if not row[1]
    }  # fmt: skip
    for row in rows:
        if row[1]:
            term = {"conceptId": row[0], "submissionValue": row[4], "preferredTerm": row[7]}
            term |= {"synonyms": row[5].split("; ")} if row[5] else {}
            lists[row[1]]["terms"].append(term)  # type: ignore[union-attr, attr-defined]
    package = {"name": title, "effectiveDate": title[-10:], "codelists": list(lists.values())}
    return json.dumps(package).encode()


def as_xml(rows: Rows, title: str) -> bytes:
    def items() -> Iterator[str]:
        for head in (row for row in rows if not row[1]):
            yield f'<CodeList OID="CL.{head[0]}" Name={quoteattr(head[3])} nciodm:ExtCodeID="{head[0]}"'
            yield f' nciodm:CodeListExtensible="{head[2]}"><Description><TranslatedText>x</TranslatedText>'
            yield "</Description>"
            for row in grouped.get(head[0], ()):
                yield f'<EnumeratedItem CodedValue={quoteattr(row[4])} nciodm:ExtCodeID="{row[0]}">'
                synonyms = row[5].split("; ") if row[5] else ()
                yield from (f"<nciodm:CDISCSynonym>{escape(one)}</nciodm:CDISCSynonym>" for one in synonyms)
                yield f"<nciodm:PreferredTerm>{escape(row[7])}</nciodm:PreferredTerm></EnumeratedItem>"
            yield f"<nciodm:CDISCSubmissionValue>{escape(head[4])}</nciodm:CDISCSubmissionValue></CodeList>"

    grouped: dict[str, Rows] = {}
    for row in rows:
        grouped.setdefault(row[1], []).append(row)
    standard, _, date = title.split(" ")
    top = (
        '<?xml version="1.0" encoding="UTF-8"?><ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" '
        'xmlns:nciodm="http://ncicb.nci.nih.gov/xml/odm/EVS/CDISC" FileType="Snapshot">'
        f'<Study OID="CDISC_CT.{standard}.{date}">'
        f'<MetaDataVersion OID="CDISC_CT_MetaDataVersion.{standard}.{date}"'
        f' Name="CDISC {standard} Controlled Terminology, {date}">'
    )
    return (top + "".join(items()) + "</MetaDataVersion></Study></ODM>").encode()


def as_workbook(rows: Rows, title: str) -> bytes:
    from openpyxl import Workbook  # noqa: PLC0415 -- slow, and for this form only

    book = Workbook(write_only=True)
    book.create_sheet("ReadMe").append(["CDISC Controlled Terminology"])
    sheet = book.create_sheet(title.replace(" CT ", " Terminology "))
    for row in (HEADER, *rows):
        sheet.append([float(cell) if cell == "1" else cell or None for cell in row])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


FORMS: dict[str, tuple[str, Callable[[Rows, str], bytes]]] = {
    "text": ("{} Terminology {}.txt", as_text),
    "csv": ("{}_CT_{}.csv", as_csv),
    "json": ("package.json", as_json),
    "xml": ("Terminology.odm.xml", as_xml),
    "workbook": ("Terminology.xlsx", as_workbook),
}
PUBLISHED = [
    ("SDTM", "2026-03-27", "sdtm_ct_2026-03-27.csv.gz"),
    ("SDTM", "2025-03-28", "sdtm_ct_2025-03-28.csv.gz"),
    ("Define-XML", "2026-03-27", "define-xml_ct_2026-03-27.csv"),
]


def published(folder: Path, form: str, rows: Rows = TINY, title: str = "SDTM CT 2026-06-26") -> Path:
    name, make = FORMS[form]
    standard, _, date = title.split(" ")
    path = folder / name.format(standard, date)
    path.write_bytes(make(rows, title))
    return path


def imported(source: Path, folder: Path) -> str:
    (made,) = write_terminology(read_terminology(source), folder)
    return release(str(made), folder)


def all_of(ct: str) -> dict[str, object]:
    return {
        facts.code: (facts, codelist(facts.code, ct).terms, paired(facts.code, ct)) for facts in codelists(ct)
    }


# Every form


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_terms(form: str, tmp_path: Path) -> None:
    ct = imported(published(tmp_path, form), tmp_path / "ct")
    assert ct == "2026-06-26"
    sex, unit = codelist("SEX", ct), codelist("C71620", ct)
    assert [term.submission_value for term in sex.terms] == ["F", "M"]
    assert (sex.extensible, unit.extensible, sex.name) == (False, True, "Sex")
    male = sex.find("man")
    assert male is sex.by_code("C20197")
    assert male.synonyms == ("Male", "Man")
    assert [(term.submission_value, term.synonyms) for term in unit.terms] == [('"odd" µ <&>', ()), ("1", ())]


@pytest.mark.parametrize("form", [form for form in FORMS if form != "workbook"])
@pytest.mark.parametrize(("standard", "date", "file"), PUBLISHED)
def test_importing_what_is_shipped_gives_the_shipped_tables(
    form: str, standard: str, date: str, file: str, shared: Path, tmp_path: Path
) -> None:
    rows = of_csv(shared / "standards" / file)
    ct = imported(published(tmp_path, form, rows, f"{standard} CT {date}"), tmp_path / "ct")
    assert package_of(ct) is not None
    assert package_of(str(ct)) is None
    assert all_of(ct) == all_of(str(ct))


def test_importing_a_workbook_of_what_is_shipped_gives_the_shipped_tables(
    shared: Path, tmp_path: Path
) -> None:
    rows = of_csv(shared / "standards" / "define-xml_ct_2026-03-27.csv")
    ct = imported(published(tmp_path, "workbook", rows, "Define-XML CT 2026-03-27"), tmp_path / "ct")
    assert all_of(ct) == all_of("define-xml-2026-03-27")


@pytest.mark.parametrize("form", FORMS)
def test_compressed_files_are_opened(form: str, tmp_path: Path) -> None:
    plain = published(tmp_path, form)
    packed = tmp_path / f"{plain.name}.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    archive = tmp_path / "SDTM 2026-06-26.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("folder/" + plain.name, plain.read_bytes())
        target.writestr("readme.html", "nothing")
    first = read_terminology(plain)[0]
    for path in (packed, archive):
        (found,) = read_terminology(path)
        assert (found.content, found.standard, found.date) == (first.content, first.standard, first.date)


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = published(tmp_path, "text")
    first, second = (write_terminology(read_terminology(source), tmp_path / name)[0] for name in "ab")
    assert first.package.read_bytes() == second.package.read_bytes()
    assert gzip.decompress(first.package.read_bytes()).startswith(
        b"# trialbridge terminology 1\tSDTM\t2026-06-26\t"
    )


# What is refused


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("SDTM 2026-06-26.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "save it as .xlsx"),
        ("SDTM 2026-06-26.txt", b"Code\tName\nC1\tx\n", "none of the columns"),
        ("SDTM 2026-06-26.json", b"{}", "no package of CDISC Library"),
        ("SDTM 2026-06-26.xml", b"<ODM", "no XML"),
        ("SDTM 2026-06-26.xml", b"<ODM/>", "holds no term"),
        ("SDTM 2026-06-26.txt.gz", b"\x1f\x8b\x08broken", "damaged"),
        ("SDTM 2026-06-26.zip", b"PK\x03\x04broken", "damaged"),
        ("SDTM 2026-06-26.txt", as_text(TINY[1:3], ""), "which is not there"),
        ("SDTM 2026-06-26.txt", as_text([("C1", "", "", "A", "A", "", "", "A")], ""), "is extensible"),
        ("SDTM 2026-06-26.txt", as_text([TINY[0], ("C9", "C66731", *[""] * 6)], ""), "no code, or"),
        ("SDTM.txt", as_text(TINY, ""), "does not say its date"),
        ("2026-06-26.txt", as_text(TINY, ""), "does not say its standard"),
    ],
)  # fmt: skip
def test_what_is_no_terminology_is_refused(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(ReadError, match=words):
        read_terminology(source)


def test_standard_and_date_can_be_given_but_not_against_the_file(tmp_path: Path) -> None:
    source = tmp_path / "download.txt"
    source.write_bytes(as_text(TINY, ""))
    (found,) = read_terminology(source, "ADaM", "2026-06-26")
    assert (found.standard, found.date) == ("ADaM", "2026-06-26")
    with pytest.raises(ReadError, match=r"its date is 2026-06-26, not 2026-03-27"):
        read_terminology(published(tmp_path, "json"), date="2026-03-27")


def test_two_files_of_one_release_are_refused(tmp_path: Path) -> None:
    both = [*read_terminology(published(tmp_path, "text")), *read_terminology(published(tmp_path, "json"))]
    with pytest.raises(ConfigurationError, match="give one of them"):
        write_terminology(both, tmp_path)


def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "sdtm-ct-2026-06-26.tsv.gz"
    package.write_bytes(b"nothing")
    with pytest.raises(ReadError, match="no terminology package"):
        codelists(release("2026-06-26", tmp_path))
    package.write_bytes(gzip.compress(b"# something else\n"))
    with pytest.raises(ReadError, match="no package that"):
        codelists(release("2026-06-26", tmp_path))


# Where packages are found


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's data folder, which holds one release of our own."""
    folder = tmp_path / "data"
    monkeypatch.setenv("TRIALBRIDGE_TERMINOLOGY", str(folder))
    write_terminology(read_terminology(published(tmp_path, "text")), folder)
    return folder


def test_the_data_folder_adds_releases_by_their_name(data_folder: Path) -> None:
    assert [facts.name for facts in releases()][:3] == ["2025-03-28", "2026-03-27", "2026-06-26"]
    assert codelist("SEX", "2026-06-26").find("Man") is not None
    assert package_of("2026-06-26") == data_folder / "sdtm-ct-2026-06-26.tsv.gz"
    assert name_of_test("LBTESTCD", "GLUC", "2026-06-26") is None


def test_the_data_folder_never_replaces_what_is_shipped(data_folder: Path, tmp_path: Path) -> None:
    write_terminology(read_terminology(published(tmp_path, "text", title="SDTM CT 2026-03-27")), data_folder)
    assert len(codelists("2026-03-27")) == 1215
    named = release("2026-03-27", data_folder)
    assert len(codelists(named)) == 2


def test_a_package_that_was_written_anew_is_read_anew(data_folder: Path, tmp_path: Path) -> None:
    assert len(codelists("2026-06-26")) == 2
    write_terminology(read_terminology(published(tmp_path, "text", TINY[:3])), data_folder)
    assert len(codelists("2026-06-26")) == 1


def test_a_release_knows_its_package_in_another_process(data_folder: Path) -> None:
    found = pickle.loads(pickle.dumps(release("2026-06-26", data_folder)))  # noqa: S301 -- our own bytes
    assert isinstance(found, Release)
    assert (found, found.package) == ("2026-06-26", data_folder / "sdtm-ct-2026-06-26.tsv.gz")


def test_the_error_for_an_unknown_release_lists_what_there_is(data_folder: Path) -> None:
    with pytest.raises(ReleaseError, match="2026-06-26, define-xml-2026-03-27") as caught:
        codelist("SEX", "2027-01-01")
    assert isinstance(caught.value, TermError)
    with pytest.raises(ReleaseError, match="there is 2025-03-28, 2026-03-27, define-xml"):
        release("2027-01-01", data_folder.parent)


def test_a_study_names_its_folder(tmp_path: Path) -> None:
    write_terminology(read_terminology(published(tmp_path, "text")), tmp_path / "ct")
    write_terminology(read_terminology(published(tmp_path, "text"), "", ""), tmp_path / "ct")
    settings = {"study": {"ct": "2026-06-26"}, "terminology": {"folder": "ct"}}
    study = study_of(settings, str(tmp_path / "study.toml"))
    assert package_of(study.ct) == tmp_path / "ct" / "sdtm-ct-2026-06-26.tsv.gz"
    assert study.vocabulary.find("SEX", "Man") == "M"
    with pytest.raises(ConfigurationError, match="there is no terminology 2026-06-26; there is 2025-03-28"):
        study_of({"study": {"ct": "2026-06-26"}})
    with pytest.raises(ConfigurationError, match="there is no folder"):
        study_of({"terminology": {"folder": "absent"}})


def test_terminology_of_another_standard_is_never_used_for_sdtm(tmp_path: Path) -> None:
    source = published(tmp_path, "json", title="ADaM CT 2026-06-26")
    ct = imported(source, tmp_path / "ct")
    assert ct == "adam-2026-06-26"
    assert lookup("Man", ct)[0].term.submission_value == "M"
    for name in ("adam-2026-06-26", "2026-06-26"):
        with pytest.raises(ConfigurationError, match="there is no terminology"):
            study_of({"study": {"ct": name}, "terminology": {"folder": "ct"}}, str(tmp_path / "study.toml"))


# Finding terms


@pytest.mark.parametrize(
    ("text", "by", "value"),
    [
        ("c105585", "code", "GLUC"),
        ("gluc", "submission value", "GLUC"),
        ("  glucose ", "submission value", "Glucose"),
        ("Hemoglobin Monomer", "synonym", "HGB"),
        ("glucose measurement", "preferred term", "GLUC"),
        ("1-hydroxypyrene measurement", "preferred term", "OHPYR1"),
    ],
)
def test_a_term_is_found_by_any_of_its_names(text: str, by: str, value: str) -> None:
    hit = lookup(text)[0]
    assert (hit.by, hit.term.submission_value) == (by, value)


def test_a_lookup_may_be_for_one_codelist() -> None:
    assert {hit.codelist.submission_value for hit in lookup("Glucose", within="C67154")} == {"LBTEST"}
    assert {hit.by for hit in parts("glucose", within="LBTESTCD")} == {"part"}
    with pytest.raises(TermError):
        lookup("Glucose", within="NONSENSE")


def test_lookup_finds_what_a_walk_over_all_terms_finds() -> None:
    def names(text: str) -> set[tuple[str, str]]:
        return {
            (facts.code, term.code)
            for facts in codelists()
            for term in codelist(facts.code).terms
            if text in {name.casefold() for name in (*term[:2], *term.synonyms, term.preferred_term)}
        }

    for text in ("c25473", "%", "normal", "blood", "unknown", "kg"):
        assert {(hit.codelist.code, hit.term.code) for hit in lookup(text)} == names(text) != set()


def test_lookup_loads_neither_arrow_nor_numpy() -> None:
    code = (
        "import sys; from trialbridge.cli import main; main(['terminology', 'lookup', 'HGB']);"
        "main(['terminology', 'lookup', '718-7']);"
        "sys.exit(' '.join({'pyarrow', 'numpy', 'rich.table', 'lxml', 'openpyxl'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# What became of a term


def test_what_became_of_a_term() -> None:
    moved = retirement("LBTESTCD", "MYPCERPC")
    assert moved is not None
    assert [to.codelist.submission_value for to in moved.successors] == ["MITSCD", "MITS"]
    renamed = retirement("RACEC", "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER")
    assert renamed is not None
    assert renamed.successors[0].codelist.submission_value == "RACEC"
    assert renamed.successors[0].term.submission_value == "NATIVE HAWAIIAN OR PACIFIC ISLANDER"
    gone = retirement("C65047", "PEPSNGA")
    assert gone is not None
    assert (gone.last, gone.successors) == ("2025-03-28", ())
    assert retirement("LBTESTCD", "GLUC") is None
    assert retirement("LBTESTCD", "NONSENSE") is None
    assert retirement("LBTESTCD", "PEPSNGA", "2025-03-28") is None


def test_changes_are_those_of_the_published_tables(shared: Path) -> None:
    old, new = (
        {(row[1], row[0]): row for row in of_csv(shared / "standards" / f"sdtm_ct_{date}.csv.gz") if row[1]}
        for date in ("2025-03-28", "2026-03-27")
    )
    found = changes("2025-03-28", "2026-03-27")
    by_kind: dict[str, set[tuple[str, str]]] = {}
    for change in found:
        by_kind.setdefault(change.kind, set()).add((change.codelist, change.code))
    values = {(row[1], row[4]): row[0] for row in new.values()}
    recoded = {key for key in old.keys() - new.keys() if (key[0], old[key][4]) in values}
    had = {(row[1], row[4]): row[0] for row in old.values()}
    swapped = {
        (key[0], had[key[0], new[key][4]]) for key in new.keys() - old.keys() if (key[0], new[key][4]) in had
    }
    assert by_kind["term recoded"] == recoded | swapped
    assert by_kind["term removed"] == old.keys() - new.keys() - recoded
    assert by_kind["term added"] == {
        key for key in new.keys() - old.keys() if (key[0], new[key][4]) not in had
    }
    both = old.keys() & new.keys()
    assert by_kind["term renamed"] == {key for key in both if old[key][4] != new[key][4]}
    assert by_kind["preferred term changed"] == {key for key in both if old[key][7] != new[key][7]}
    assert by_kind.get("synonyms changed", set()) == {key for key in both if old[key][5] != new[key][5]}
    lists = [{key[0] for key in one} for one in (old, new)]
    assert {code for code, _ in by_kind["codelist added"]} == lists[1] - lists[0]
    assert {code for code, _ in by_kind.get("codelist removed", set())} == lists[0] - lists[1]


def test_a_changed_codelist_is_said(tmp_path: Path) -> None:
    later = [
        ("C66731", "", "Yes", "Sexes", "SEXES", "", "", ""),
        *TINY[1:2],
        ("C7", "C66731", "", "", "M", "", "", ""),
    ]
    first = imported(published(tmp_path, "text"), tmp_path / "ct")
    second = imported(published(tmp_path, "text", later, "SDTM CT 2026-09-25"), tmp_path / "ct")
    found = [(change.kind, change.old, change.new) for change in changes(first, second)]
    assert found == [
        ("codelist renamed", "Sex", "Sexes"),
        ("codelist resubmitted", "SEX", "SEXES"),
        ("extensible changed", "not extensible", "extensible"),
        ("term recoded", "M", "C7"),
        ("codelist removed", "Unit", ""),
        ("term removed", '"odd" µ <&>', ""),
        ("term removed", "1", ""),
    ]


# The command


def test_the_command_imports_lists_and_looks_up(
    data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = published(tmp_path, "csv", title="SDTM CT 2026-09-25")
    assert main(["terminology", "import", str(source), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["terms"], row["package"]) == (
        "2026-09-25", 4, str(data_folder / "sdtm-ct-2026-09-25.tsv.gz"),
    )  # fmt: skip
    assert main(["terminology", "list"]) == 0
    assert "2026-09-25" in capsys.readouterr().out
    assert main(["terminology", "list", "--ct", "2026-09-25", "--json"]) == 0
    assert [row["submission_value"] for row in json.loads(capsys.readouterr().out)] == ["SEX", "UNIT"]
    assert main(["terminology", "lookup", "man", "--ct", "2026-09-25"]) == 0
    assert "C20197" in capsys.readouterr().out
    assert main(["terminology", "lookup", "718-7"]) == 0
    assert "HGB" in capsys.readouterr().out
    assert main(["terminology", "lookup", "no such term at all"]) == 1
    assert main(["terminology", "lookup", "F", "--ct", "2099-01-01"]) == 3
    assert "2026-09-25" in capsys.readouterr().err


def test_the_command_compares_releases_of_the_folder_of_a_study(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rows, date in ((TINY, "2026-06-26"), (TINY[:3], "2026-09-25")):
        write_terminology(
            read_terminology(published(tmp_path, "text", rows, f"SDTM CT {date}")), tmp_path / "ct"
        )
    settings = tmp_path / "study.toml"
    settings.write_text('[terminology]\nfolder = "ct"\n')
    compared = ["terminology", "diff", "2026-06-26", "2026-09-25"]
    for where in (["--config", str(settings)], ["--terminology", str(tmp_path / "ct")]):
        assert main([*compared, *where]) == 1
        printed = capsys.readouterr().out
        assert "codelist removed" in printed
        assert "3 changes from 2026-06-26 to 2026-09-25" in printed


def test_a_run_names_and_hashes_the_package_it_used(tmp_path: Path) -> None:
    rows = [
        *TINY,
        ("C66742", "", "No", "No Yes Response", "NY", "", "", "x"),
        ("C49488", "C66742", *["", ""], "Y", "", "", "Yes"),
    ]
    (package,) = write_terminology(read_terminology(published(tmp_path, "text", rows)), tmp_path / "ct")
    source = tmp_path / "one.ndjson"
    source.write_text('{"resourceType": "Patient", "id": "p1", "gender": "male"}')
    out = tmp_path / "out"
    arguments = ["convert", str(source), "--study", "S1", "--ct", "2026-06-26", "--out", str(out)]
    assert main([*arguments, "--terminology", str(tmp_path / "ct")]) in {0, 1, 2}
    manifest = json.loads((out / "run" / "manifest.json").read_text())
    assert manifest["standards"]["SDTM CT"] == "2026-06-26"
    (file,) = manifest["terminology"]
    assert (file["name"], file["sha256"]) == (
        package.package.name,
        sha256(package.package.read_bytes()).hexdigest(),
    )
    assert str(tmp_path) not in json.dumps(manifest)
    assert "2026-06-26" in (out / "sdtm" / "define.xml").read_text()


def test_the_command_refuses_an_old_workbook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "SDTM Terminology 2026-06-26.xls"
    source.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(99))
    assert main(["terminology", "import", str(source), "--to", str(tmp_path / "ct")]) == 3
    assert ".xlsx" in capsys.readouterr().err
    assert not (tmp_path / "ct").exists()

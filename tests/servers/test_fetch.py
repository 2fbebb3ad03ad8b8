"""Fetching, from a server that says what each test tells it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from trialbridge.cli import main
from trialbridge.converters.fetch import Fetched, fetch
from trialbridge.converters.fetch_client import NotGivenError, Server
from trialbridge.converters.fetch_folder import PARTIAL
from trialbridge.converters.fetch_folder import Asked as Wanted
from trialbridge.converters.fetch_login import BackendLogin, read_key, with_token
from trialbridge.errors import ConfigurationError, ReadError

Body = bytes | dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """An answer; `cut` breaks the connection off before its end."""

    body: Body = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class SmallServer:
    """A server whose answers a test writes: by path, one function each."""

    answers: dict[str, Callable[[Asked], Reply]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    base: str = ""

    def paths(self, start: str = "") -> list[str]:
        return [one.path for one in self.asked if one.path.startswith(start)]

    def answer(self, request: Asked) -> Reply:
        self.asked.append(request)
        found = self.answers.get(request.path)
        return found(request) if found else Reply({"resourceType": "OperationOutcome", "issue": []}, 404)


def _handler(server: SmallServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            form = {key: values[0] for key, values in parse_qs(body).items()}
            headers = {key.lower(): value for key, value in self.headers.items()}
            place = parts.path.removeprefix("/fhir/")
            reply = server.answer(Asked(self.command, place, query, headers, form))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.data)))
            self.end_headers()
            self.wfile.write(reply.data[: -reply.cut or None])
            if reply.cut:
                self.close_connection = True

        do_POST = do_GET  # noqa: N815 -- its name in http.server

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def small() -> Iterator[SmallServer]:
    """Return a server in a thread, that knows nothing yet."""
    server = SmallServer()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    listening.daemon_threads = True
    server.base = f"http://127.0.0.1:{listening.server_address[1]}/fhir"
    thread = Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    listening.shutdown()
    listening.server_close()
    thread.join()


def resource(kind: str, name: str, **more: object) -> dict[str, Any]:
    return {"resourceType": kind, "id": name, **more}


def bundle(resources: list[dict[str, Any]], total: int | None = None, following: str = "") -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        **({} if total is None else {"total": total}),
        "link": [{"relation": "next", "url": following}] if following else [],
        "entry": [{"resource": one} for one in resources],
    }


def paged(small: SmallServer, kind: str, resources: list[dict[str, Any]], size: int = 2) -> None:
    """Let the server page through resources, by links."""

    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("at", 0))
        more = start + size < len(resources)
        following = f"{small.base}/{kind}?at={start + size}" if more else ""
        return Reply(bundle(resources[start : start + size], len(resources), following))

    small.answers[kind] = answer


def capability(*kinds: str) -> dict[str, Any]:
    searchable = [{"type": kind, "interaction": [{"code": "search-type"}]} for kind in kinds]
    unsearchable = {"type": "Account", "interaction": [{"code": "read"}]}
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "software": {"name": "Small", "version": "1"},
        "rest": [{"resource": [*searchable, unsearchable]}],
    }


def says(*replies: Reply) -> Callable[[Asked], Reply]:
    """Return what gives one reply after the other; the last one again and again."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


class Waits:
    """Waits for no time at all, and remembers for how long it should have."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def got(small: SmallServer, out: Path, waits: Waits | None = None, **asked: Any) -> Fetched:
    server = Server(small.base, wait=waits or Waits())
    try:
        return fetch(Wanted(small.base, **asked), out, server)
    finally:
        server.close()


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / f"{kind}.ndjson").read_bytes().split(b"\n")[:-1]]


def rules(found: Fetched) -> list[str]:
    return [one.rule for one in found.findings]


PATIENTS = [resource("Patient", f"p{number}") for number in range(5)]


def test_all_types_and_all_pages_are_fetched(small: SmallServer, tmp_path: Path) -> None:
    small.answers["metadata"] = says(Reply(capability("Patient", "Observation")))
    paged(small, "Patient", PATIENTS)
    paged(small, "Observation", [])
    found = got(small, tmp_path / "out")
    assert found.exit_code == 0
    assert lines(tmp_path / "out", "Patient") == PATIENTS
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [(one["type"], one["url"], one["count"]) for one in manifest["output"]] == [
        ("Patient", "Patient.ndjson", 5)
    ]
    assert manifest["server"] == {"name": "Small", "version": "1", "fhirVersion": "4.0.1"}
    assert not (tmp_path / "out" / PARTIAL).exists()


def test_numbers_come_as_they_are_written(small: SmallServer, tmp_path: Path) -> None:
    one = '{\n "resourceType": "Observation",\n "id":"o", "valueQuantity":{"value":72.50}}'
    text = f'{{"resourceType":"Bundle","entry":[{{"resource":{one}}}]}}'.encode()
    small.answers["Observation"] = says(Reply(text))
    got(small, tmp_path, types=("Observation",))
    kept = (tmp_path / "Observation.ndjson").read_text()
    assert kept == '{"resourceType":"Observation","id":"o","valueQuantity":{"value":72.50}}\n'


def test_what_was_asked_for_reaches_the_server(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Patient", PATIENTS)
    got(small, tmp_path, types=("Patient",), since="2026-01-31", count=7)
    first = next(one for one in small.asked if one.path == "Patient")
    assert first.query == {"_count": "7", "_total": "accurate", "_lastUpdated": "ge2026-01-31"}


def test_less_than_the_server_counts_is_a_finding(small: SmallServer, tmp_path: Path) -> None:
    small.answers["Patient"] = says(
        Reply(bundle(PATIENTS[:2], total=3)), Reply(bundle(PATIENTS[:2], total=3))
    )
    found = got(small, tmp_path, types=("Patient",))
    assert rules(found) == ["fetch-count-differs"]
    assert found.exit_code == 1
    assert found.findings[0].message == "the server says that there are 3 resources; 2 came"


def test_a_server_without_links_is_paged_by_offset(small: SmallServer, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Reply:
        start = int(asked.query.get("_offset", 0))
        return Reply(bundle(PATIENTS[start : start + 2], total=5))

    small.answers["Patient"] = answer
    assert got(small, tmp_path, types=("Patient",)).exit_code == 0
    assert lines(tmp_path, "Patient") == PATIENTS


def test_pages_that_repeat_end(small: SmallServer, tmp_path: Path) -> None:
    page = bundle(PATIENTS[:2], following=f"{small.base}/Patient?at=2")
    small.answers["Patient"] = says(Reply(page))
    found = got(small, tmp_path, types=("Patient",))
    assert rules(found) == ["fetch-pages-repeat"]
    assert len(lines(tmp_path, "Patient")) == 2


@pytest.mark.parametrize("status", [429, 502, 503, 504, 408])
def test_a_busy_server_is_waited_for(small: SmallServer, tmp_path: Path, status: int) -> None:
    good = Reply(bundle(PATIENTS, 5))
    small.answers["Patient"] = says(
        Reply(status=status, headers={"Retry-After": "9"}), Reply(status=status), good
    )
    waits = Waits()
    assert got(small, tmp_path, waits, types=("Patient",)).exit_code == 0
    assert waits.seconds == [9.0, 2.0]


def test_a_date_to_try_again_at_is_understood(small: SmallServer, tmp_path: Path) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=50), usegmt=True)
    small.answers["Patient"] = says(
        Reply(status=503, headers={"Retry-After": later}), Reply(bundle(PATIENTS, 5))
    )
    waits = Waits()
    got(small, tmp_path, waits, types=("Patient",))
    assert 40 < waits.seconds[0] <= 50


@pytest.mark.parametrize("broken", [Reply(bundle(PATIENTS, 5), cut=40), Reply(b'{"resourceType": "Bund')])
def test_what_breaks_off_is_asked_for_again(small: SmallServer, tmp_path: Path, broken: Reply) -> None:
    small.answers["Patient"] = says(broken, Reply(bundle(PATIENTS, 5)))
    assert got(small, tmp_path, types=("Patient",)).exit_code == 0
    assert lines(tmp_path, "Patient") == PATIENTS


def test_it_goes_on_where_it_broke_off(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Condition", [resource("Condition", "c1")])
    paged(small, "Patient", PATIENTS)
    good = small.answers["Patient"]
    small.answers["Patient"] = lambda asked: Reply(b"{") if asked.query.get("at") == "4" else good(asked)
    with pytest.raises(ReadError, match=r"the answer is no JSON: .*, after 6 tries"):
        got(small, tmp_path / "out", types=("Condition", "Patient"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == [PARTIAL]
    with (tmp_path / "out" / PARTIAL / "Patient.ndjson").open("ab") as file:
        file.write(b'{"half a li')  # a process that was killed leaves more than it has noted
    small.answers["Patient"] = good
    small.asked.clear()
    found = got(small, tmp_path / "out", types=("Condition", "Patient"))
    assert found.exit_code == 0
    assert small.paths("Condition") == []
    assert [one.query for one in small.asked if one.path == "Patient"] == [{"at": "4"}]
    assert lines(tmp_path / "out", "Patient") == PATIENTS
    assert lines(tmp_path / "out", "Condition") == [resource("Condition", "c1")]


def test_a_page_that_is_not_kept_is_asked_for_from_the_beginning(small: SmallServer, tmp_path: Path) -> None:
    test_it_goes_on_where_it_broke_off(small, tmp_path / "one")
    paged(small, "Patient", PATIENTS)
    good = small.answers["Patient"]
    small.answers["Patient"] = lambda asked: Reply(b"{") if asked.query.get("at") == "4" else good(asked)
    with pytest.raises(ReadError):
        got(small, tmp_path / "two", types=("Patient",))
    gone = [True]
    small.answers["Patient"] = lambda asked: (
        Reply(status=410) if asked.query.get("at") and gone and gone.pop() else good(asked)
    )
    assert got(small, tmp_path / "two", types=("Patient",)).exit_code == 0
    assert lines(tmp_path / "two", "Patient") == PATIENTS


def test_another_question_does_not_go_on_with_an_earlier_one(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Patient", PATIENTS)
    small.answers["Condition"] = says(Reply(b"{"))
    with pytest.raises(ReadError):
        got(small, tmp_path, types=("Patient", "Condition"))
    got(small, tmp_path, types=("Patient",))
    assert lines(tmp_path, "Patient") == PATIENTS


def test_a_type_that_is_refused_is_a_finding(small: SmallServer, tmp_path: Path) -> None:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "forbidden", "diagnostics": "not for you"}],
    }
    small.answers["Condition"] = says(Reply(outcome, 403))
    small.answers["Observation"] = says(Reply(status=500))
    paged(small, "Patient", PATIENTS)
    found = got(small, tmp_path, types=("Condition", "Observation", "Patient"))
    assert rules(found) == ["fetch-refused", "fetch-refused"]
    assert "not for you" in found.findings[0].message
    assert lines(tmp_path, "Patient") == PATIENTS


def test_what_is_no_resource_is_a_finding(small: SmallServer, tmp_path: Path) -> None:
    outcome = {
        "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "warning", "code": "x"}]}
    }
    page = bundle([{"resourceType": "../../evil", "id": "x"}, *PATIENTS])
    page["entry"] += [{"fullUrl": "urn:x"}, {**outcome, "search": {"mode": "outcome"}}]
    small.answers["Patient"] = says(Reply(page))
    found = got(small, tmp_path, types=("Patient",))
    assert rules(found) == ["fetch-no-resource", "fetch-no-resource", "fetch-outcome"]
    assert {path.name for path in tmp_path.iterdir()} == {"Patient.ndjson", "manifest.json"}


def test_a_server_with_nothing_is_a_finding(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Patient", [])
    assert rules(got(small, tmp_path, types=("Patient",))) == ["fetch-nothing"]


def test_what_is_no_answer_to_a_search_is_an_error(small: SmallServer, tmp_path: Path) -> None:
    small.answers["Patient"] = says(Reply(b"<html>"), Reply(capability()))
    with pytest.raises(ReadError, match="the answer is not what is due"):
        got(small, tmp_path, types=("Patient",))


def everything(small: SmallServer) -> None:
    for patient in ("p1", "p2"):
        own = [
            resource("Patient", patient),
            resource("Observation", f"o{patient}"),
            resource("Practitioner", "x"),
        ]
        paged(small, f"Patient/{patient}/$everything", own)


def test_everything_of_the_subjects_of_a_study(small: SmallServer, tmp_path: Path) -> None:
    everything(small)
    study = resource("ResearchStudy", "s")
    small.answers["ResearchStudy"] = says(Reply(bundle([study], 1)))
    mine, other = ({"reference": f"ResearchStudy/{name}"} for name in ("s", "another"))
    second = {"reference": f"{small.base}/Patient/p2/_history/3"}
    subjects = [
        resource("ResearchSubject", "1", study=mine, individual={"reference": "Patient/p1"}),
        resource("ResearchSubject", "2", study=mine, subject=second),
        resource("ResearchSubject", "3", study=other, individual={"reference": "Patient/p3"}),
    ]
    paged(small, "ResearchSubject", subjects)
    found = got(small, tmp_path, how="everything", study="NCT1", types=("Patient", "Observation"))
    assert found.exit_code == 0
    asked = [one for one in small.asked if one.path == "ResearchSubject"]
    assert asked[0].query["study"] == "ResearchStudy/s"
    assert {one.type: one.count for one in found.output} == {
        "Observation": 2, "Patient": 2, "Practitioner": 1, "ResearchStudy": 1, "ResearchSubject": 2
    }  # fmt: skip
    assert next(one for one in small.asked if "$every" in one.path).query["_type"] == "Patient,Observation"


def test_a_study_that_the_server_does_not_have(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "ResearchStudy", [])
    with pytest.raises(ConfigurationError, match="no study with the id or identifier NCT1"):
        got(small, tmp_path, how="everything", study="NCT1")


def test_everything_of_the_members_of_a_group(small: SmallServer, tmp_path: Path) -> None:
    everything(small)
    members = [{"entity": {"reference": name}} for name in ("Patient/p2", "Device/d", "Patient/p2")]
    small.answers["Group/g"] = says(Reply(resource("Group", "g", member=members)))
    found = got(small, tmp_path, how="everything", group="g")
    assert {one.type: one.count for one in found.output} == {
        "Group": 1, "Observation": 1, "Patient": 1, "Practitioner": 1
    }  # fmt: skip


def test_everything_of_every_patient(small: SmallServer, tmp_path: Path) -> None:
    everything(small)
    paged(small, "Patient", [resource("Patient", "p1"), resource("Patient", "p2")])
    found = got(small, tmp_path, how="everything")
    assert {one.type: one.count for one in found.output} == {
        "Observation": 2,
        "Patient": 2,
        "Practitioner": 1,
    }


ODD = "\u2028 and \x85 end no line"


def exporting(small: SmallServer, count: int = 2) -> None:
    observations = [resource("Observation", "o1", note=[{"text": ODD}]), resource("Observation", "o2")]
    data = "\n".join(json.dumps(one, ensure_ascii=False) for one in observations).encode()
    status = f"{small.base}/status/1"
    small.answers["$export"] = says(Reply(status=202, headers={"Content-Location": status}))
    ready = {
        "transactionTime": "2026-02-03T04:05:06Z",
        "requiresAccessToken": True,
        "output": [
            {"type": "Observation", "url": f"{small.base}/file?sig=secret1", "count": count},
            {"type": "Patient", "url": f"{small.base}/patients"},
        ],
        "error": [{"type": "OperationOutcome", "url": f"{small.base}/errors"}],
    }
    waiting = Reply(status=202, headers={"Retry-After": "3", "X-Progress": "half"})
    small.answers["status/1"] = says(waiting, Reply(status=202), Reply(status=202), Reply(ready))
    small.answers["file"] = says(Reply(data, cut=10), Reply(data))
    small.answers["patients"] = says(Reply(b'{"resourceType":"Patient","id":"p1"}\n\nnonsense\n'))
    issue = {"severity": "error", "code": "x", "details": {"text": "one record was left out"}}
    small.answers["errors"] = says(
        Reply(json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode())
    )


def test_a_bulk_export_is_waited_for_and_read(small: SmallServer, tmp_path: Path) -> None:
    exporting(small)
    waits = Waits()
    found = got(small, tmp_path, waits, how="export", since="2026-01-01", types=("Observation", "Patient"))
    first = next(one for one in small.asked if one.path == "$export")
    assert first.headers["prefer"] == "respond-async"
    assert (first.query["_since"], first.query["_type"]) == ("2026-01-01", "Observation,Patient")
    assert waits.seconds == [3.0, 2.0, 4.0, 1.0]  # as asked, then on its own; and after what broke off
    assert lines(tmp_path, "Observation")[0]["note"][0]["text"] == ODD
    assert rules(found) == ["fetch-no-resource", "fetch-outcome"]
    assert found.transactionTime == "2026-02-03T04:05:06Z"
    assert b"secret1" not in (tmp_path / "manifest.json").read_bytes()


def test_an_export_that_lacks_lines_is_a_finding(small: SmallServer, tmp_path: Path) -> None:
    exporting(small, count=3)
    small.answers["patients"] = says(Reply(b""))
    small.answers["errors"] = says(Reply(b""))
    assert rules(got(small, tmp_path, how="export")) == ["fetch-count-differs"]


def test_an_export_goes_on_with_what_the_server_has_prepared(small: SmallServer, tmp_path: Path) -> None:
    exporting(small)
    good = small.answers["patients"]
    small.answers["patients"] = says(Reply(status=503))
    with pytest.raises(ReadError, match="503"):
        got(small, tmp_path, how="export")
    state = (tmp_path / PARTIAL / "state.json").read_bytes()
    assert b"secret1" not in state
    small.answers["patients"] = good
    small.asked.clear()
    got(small, tmp_path, how="export")
    assert small.paths("$export") == []
    assert small.paths("file") == []
    assert len(lines(tmp_path, "Observation")) == 2


def test_an_export_that_is_gone_is_begun_again(small: SmallServer, tmp_path: Path) -> None:
    exporting(small)
    small.answers["patients"] = says(Reply(status=503))
    with pytest.raises(ReadError, match="503"):
        got(small, tmp_path, how="export")
    exporting(small)
    ready = small.answers["status/1"]
    gone = [True]
    small.answers["status/1"] = lambda asked: Reply(status=404) if gone and gone.pop() else ready(asked)
    got(small, tmp_path, how="export")
    assert len(lines(tmp_path, "Observation")) == 2


def test_an_export_of_a_group(small: SmallServer, tmp_path: Path) -> None:
    exporting(small)
    small.answers["Group/g/$export"] = small.answers["$export"]
    got(small, tmp_path, how="export", group="g")
    assert "Group/g/$export" in small.paths()


@pytest.mark.parametrize("reply", [Reply(bundle([])), Reply(status=501)])
def test_a_server_that_exports_nothing(small: SmallServer, tmp_path: Path, reply: Reply) -> None:
    small.answers["$export"] = says(reply)
    with pytest.raises(ReadError, match=r"Content-Location|501"):
        got(small, tmp_path, how="export")


@pytest.mark.parametrize(
    ("asked", "option"),
    [
        ({"how": "search", "study": "s"}, "--how"),
        ({"how": "export", "study": "s"}, "--how"),
        ({"how": "everything", "study": "s", "group": "g"}, "--group"),
        ({"how": "sideways"}, "--how"),
    ],
)
def test_what_cannot_be_asked_for(
    small: SmallServer, tmp_path: Path, asked: dict[str, Any], option: str
) -> None:
    with pytest.raises(ConfigurationError) as told:
        got(small, tmp_path, **asked)
    assert told.value.source == option
    assert small.asked == []


def test_a_server_that_does_not_say_its_types(small: SmallServer, tmp_path: Path) -> None:
    small.answers["metadata"] = says(Reply(bundle([])))
    with pytest.raises(ConfigurationError, match="--type"):
        got(small, tmp_path)


def test_a_folder_of_something_else_is_left_alone(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Patient", PATIENTS)
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(ConfigurationError, match=r"thesis\.txt"):
        got(small, tmp_path, types=("Patient",))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_second_fetch_replaces_the_first(small: SmallServer, tmp_path: Path) -> None:
    paged(small, "Patient", PATIENTS)
    paged(small, "Condition", [resource("Condition", "c")])
    got(small, tmp_path, types=("Patient", "Condition"))
    got(small, tmp_path, types=("Patient",))
    assert {path.name for path in tmp_path.iterdir()} == {"Patient.ndjson", "manifest.json"}


def key_file(folder: Path, kind: str) -> tuple[Path, RSAKey | ECKey]:
    """Return a file with a private key, and the key."""
    key: RSAKey | ECKey = ECKey.generate_key("P-384") if kind == "ec-pem" else RSAKey.generate_key(2048)
    path = folder / f"key.{kind}"
    if kind.endswith("pem"):
        path.write_bytes(key.as_pem(private=True))
    else:
        known = {**key.as_dict(private=True), "kid": "k1"}
        public = RSAKey.generate_key(2048).as_dict(private=False)
        path.write_text(json.dumps({"keys": [public, known]} if kind == "jwks" else known))
    return path, key


@pytest.mark.parametrize("kind", ["pem", "ec-pem", "jwk", "jwks"])
def test_a_client_with_a_key_logs_in(small: SmallServer, tmp_path: Path, kind: str) -> None:
    path, key = key_file(tmp_path, kind)
    token = f"{small.base}/token"
    small.answers[".well-known/smart-configuration"] = says(Reply({"token_endpoint": token}))
    assertions: list[str] = []

    def give(asked: Asked) -> Reply:
        assertions.append(asked.form["client_assertion"])
        return Reply({"access_token": f"T{len(assertions)}", "expires_in": 300})

    def patients(asked: Asked) -> Reply:
        known = {"Bearer T1": Reply(status=401), "Bearer T2": Reply(bundle(PATIENTS, 5))}
        return known.get(asked.headers.get("authorization", ""), Reply(status=403))

    small.answers |= {"token": give, "Patient": patients}
    login = BackendLogin(Server(small.base), "client", read_key(path))
    found = fetch(
        Wanted(small.base, types=("Patient",)), tmp_path / "out", Server(small.base, login, wait=Waits())
    )
    assert found.exit_code == 0
    said = jwt.decode(assertions[0], key, algorithms=["RS384", "ES384"])
    assert said.header["alg"] == ("ES384" if kind == "ec-pem" else "RS384")
    assert said.header["kid"] == ("k1" if kind.startswith("jwk") else key.thumbprint())
    assert (said.claims["iss"], said.claims["sub"], said.claims["aud"]) == ("client", "client", token)
    assert said.claims["exp"] - said.claims["iat"] == 300
    assert len({jwt.decode(one, key, algorithms=["RS384", "ES384"]).claims["jti"] for one in assertions}) == 2
    asked = next(one for one in small.asked if one.path == "token")
    assert asked.form["grant_type"] == "client_credentials"
    assert "authorization" not in asked.headers


def test_a_token_is_renewed_before_it_ends(small: SmallServer, tmp_path: Path) -> None:
    path, _ = key_file(tmp_path, "pem")
    small.answers["token"] = says(Reply({"access_token": "T", "expires_in": 300}))
    now = [0.0]
    login = BackendLogin(
        Server(small.base), "client", read_key(path), endpoint=f"{small.base}/token", clock=lambda: now[0]
    )
    for moment in (1000.0, 1200.0, 1280.0):
        now[0] = moment
        assert login(again=False) == "T"
    assert len(small.paths("token")) == 2


def test_a_login_that_is_refused_tells_no_secret(
    small: SmallServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = key_file(tmp_path, "jwk")
    token = {"token_endpoint": f"{small.base}/token"}
    small.answers[".well-known/smart-configuration"] = says(Reply(token))
    small.answers["token"] = lambda asked: Reply(
        {"error": "invalid_client", "error_description": asked.form["client_assertion"]}, 400
    )
    arguments = ["--client-id", "client", "--key", str(path), "--type", "Patient"]
    assert main(["fetch", small.base, "--out", str(tmp_path / "out"), *arguments, "--debug"]) == 3
    shown = capsys.readouterr().err
    assert "invalid_client" in shown
    assert json.loads(path.read_text())["d"] not in shown
    assert "eyJ" not in shown


@pytest.mark.parametrize("content", [b"", b"{", b'{"kty":"RSA"}', b"-----BEGIN NOTHING-----", b'{"keys":[]}'])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match="--key"):
        read_key(path)


def test_keys_that_smart_does_not_sign_with_are_refused(tmp_path: Path) -> None:
    for key in (OctKey.generate_key(256), ECKey.generate_key("P-256")):
        (tmp_path / "key").write_text(json.dumps(key.as_dict(private=True)))
        with pytest.raises(ConfigurationError, match="no private key"):
            read_key(tmp_path / "key")
    (tmp_path / "key").write_text(json.dumps(RSAKey.generate_key(2048).as_dict(private=False)))
    with pytest.raises(ConfigurationError, match="no private key"):
        read_key(tmp_path / "key")


def test_the_token_goes_to_no_other_host(small: SmallServer, tmp_path: Path) -> None:
    elsewhere = small.base.replace("127.0.0.1", "localhost")
    small.answers["Patient"] = lambda asked: Reply(
        bundle(PATIENTS[3:] if asked.query.get("at") else PATIENTS[:3], 5, "")
        | (
            {}
            if asked.query.get("at")
            else {"link": [{"relation": "next", "url": f"{elsewhere}/Patient?at=1"}]}
        )
    )
    server = Server(small.base, with_token("secret"), wait=Waits())
    assert fetch(Wanted(small.base, types=("Patient",)), tmp_path, server).exit_code == 0
    sent = [one.headers.get("authorization") for one in small.asked if one.path == "Patient"]
    assert sent == ["Bearer secret", None]


def test_a_wrong_token_ends_the_fetch(small: SmallServer, tmp_path: Path) -> None:
    small.answers["Patient"] = says(Reply(status=401))
    server = Server(small.base, with_token("secret"), wait=Waits())
    with pytest.raises(NotGivenError) as told:
        fetch(Wanted(small.base, types=("Patient",)), tmp_path, server)
    assert "secret" not in str(told.value) + repr(told.value) + repr(server)


def test_the_command(
    small: SmallServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small.answers["metadata"] = says(Reply(capability("Patient")))
    paged(small, "Patient", PATIENTS)
    monkeypatch.setitem(os.environ, "TRIALBRIDGE_TOKEN", "from-outside")
    assert main(["fetch", small.base, "--out", str(tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["output"][0]["count"] == 5
    assert {one.headers["authorization"] for one in small.asked} == {"Bearer from-outside"}
    assert main(["fetch", small.base, "--out", str(tmp_path / "out")]) == 0
    assert "Patient" in capsys.readouterr().out
    assert b"from-outside" not in (tmp_path / "out" / "manifest.json").read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ftp://example.org"],
        ["https://user:pass@example.org"],
        ["https://example.org?x=1"],
        ["{base}", "--type", "../x"],
        ["{base}", "--since", "yesterday"],
        ["{base}", "--client-id", "x"],
        ["{base}", "--token", "x", "--client-id", "x", "--key", "{key}"],
        ["{base}", "--client-id", "x", "--key", "nowhere"],
    ],
)
def test_wrong_usage_ends_with_3_and_writes_nothing(
    small: SmallServer, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = key_file(tmp_path, "pem")
    given = [one.format(base=small.base, key=path) for one in arguments]
    assert main(["fetch", *given, "--out", str(tmp_path / "out")]) == 3
    assert "pass@" not in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert small.asked == []


def test_a_server_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["http://127.0.0.1:9", "--out", str(tmp_path / "out"), "--type", "Patient", "--tries", "1"]
    assert main(["fetch", *arguments]) == 3
    assert "ConnectError" in capsys.readouterr().err

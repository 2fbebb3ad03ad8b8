"""``trialbridge qualify``: whether an installation is whole and works, for the files of quality assurance."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from trialbridge.commands.outcome import Done, console, installed_version

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Qualification of trialbridge {{ version }}</title>
<style>
body { font: 14px/1.45 system-ui, sans-serif; color: #1c2733; margin: 2rem; max-width: 75rem }
h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border: 1px solid #dde3ea }
th { background: #eef2f6 } td { overflow-wrap: anywhere } .no { color: #a11 } .line td { height: 2.6rem }
</style>
</head>
<body>
<h1>Qualification of trialbridge {{ version }}</h1>
<p>{{ passed }} of {{ checks | length }} checks passed.</p>
{% for title, prefix in parts %}
<h2>{{ title }}</h2>
<table><thead><tr><th>Check</th><th>What is done</th><th>Expected</th><th>Found</th>
<th>Result</th></tr></thead><tbody>{% for one in checks if one.id.startswith(prefix) %}
<tr><td>{{ one.id }}</td><td>{{ one.what }}</td><td>{{ one.expected }}</td><td>{{ one.found }}</td>
<td>{% if one.passed %}passed{% else %}<b class="no">failed</b>{% endif %}</td></tr>
{% endfor %}</tbody></table>
{% endfor %}
<h2>Done</h2>
<table><tbody><tr class="line"><th>By</th><td>{{ by }}</td><th>Date</th><td>{{ date }}</td>
<th>Signature</th><td>&emsp;&emsp;&emsp;&emsp;&emsp;&emsp;&emsp;&emsp;</td></tr></tbody></table>
</body>
</html>
"""
PARTS = (("Installation", "IQ"), ("Operation", "OQ"))


def qualify(
    out: Annotated[Path, typer.Option(help="A folder for qualification.html and qualification.json.")],
    date: Annotated[str, typer.Option(help="The date in the report; a blank field without it.")] = "",
    by: Annotated[str, typer.Option(help="Who does it; a blank field without it.")] = "",
) -> None:
    """Check that the installation is whole and that its commands do what they promise, and write a report."""
    from jinja2 import Environment, select_autoescape

    from trialbridge.commands.checks_of_operation import installation, operation
    from trialbridge.converters.report import CLEAN, FINDINGS, to_json

    with TemporaryDirectory(prefix="trialbridge-") as folder:
        checks = [*installation(), *operation(Path(folder))]
    passed = sum(one.passed for one in checks)
    facts = {"version": installed_version(), "date": date, "by": by}
    out.mkdir(parents=True, exist_ok=True)
    (out / "qualification.json").write_bytes(to_json({**facts, "checks": [one._asdict() for one in checks]}))
    page = Environment(autoescape=select_autoescape(default=True), trim_blocks=True).from_string(PAGE)
    text = page.render(**facts, checks=checks, passed=passed, parts=PARTS)
    (out / "qualification.html").write_text(text, encoding="utf-8", newline="\n")
    for one in checks:
        console().print(f"{one.id} {'passed' if one.passed else 'FAILED'}: {one.what}", highlight=False)
    raise Done(CLEAN if passed == len(checks) else FINDINGS)

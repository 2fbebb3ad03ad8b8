"""The proof of a way there and back as one page that any browser opens, offline: the frame of both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import DictLoader, Environment, select_autoescape

FRAME = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{{ title }}</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2733;
       margin: 2rem auto; max-width: 80rem; padding: 0 1rem }
h1 { font-size: 1.5rem; color: #1f3a5f }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1.5rem }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #dde3ea;
         font-variant-numeric: tabular-nums; vertical-align: top }
th:first-child, td:first-child, td.words, th.words { text-align: left; overflow-wrap: anywhere }
th { background: #1f3a5f; color: #fff; position: sticky; top: 0 }
tr.lost td { background: #fdecea }
summary { cursor: pointer; font-weight: 600; padding: .3rem 0 }
.bar { display: inline-block; height: .6rem; background: #2a7f62; vertical-align: middle }
.rest { background: #d9a441 }
</style>
</head>
<body>
<h1>{{ title }}</h1>
{% block proof %}{% endblock %}
</body>
</html>
"""
START, END = '{% extends "frame" %}{% block proof %}', "{% endblock %}"


def write_proof(target: Path, title: str, proof: str, **values: Any) -> None:
    """Write a page.

    Args:
        target: The file.
        title: What it proves.
        proof: What stands below the title, as a Jinja template; numbers get their commas by ``counted``.
        values: What the template names.
    """
    loader = DictLoader({"frame": FRAME, "proof": START + proof + END})
    environment = Environment(
        autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True, loader=loader
    )
    environment.filters["counted"] = "{:,}".format
    target.write_text(environment.get_template("proof").render(title=title, **values), encoding="utf-8")

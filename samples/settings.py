"""Return the settings of a sample trial, ``study.toml``: what its data cannot say of itself."""

from __future__ import annotations

import json
from collections.abc import Iterator

from trialbridge.instruments import instruments
from trialbridge.samples.clinician import LEAN
from trialbridge.samples.examination import BODY_SYSTEMS
from trialbridge.samples.trial import Trial

IDENTIFIERS = """# Which identifier system holds which number.
[identifiers]
study = "https://sponsor.example.org/protocols"
site = "https://sponsor.example.org/sites"
subject = "https://sponsor.example.org/subject-numbers"
"""
COLLECTED = """# Doses as they were collected, given or not, beside the exposure.
[domains.EC]
moods = ["PERFORMED"]
"""
LABORATORIES = """# Codes of laboratories that no public table knows: the terms of the standard for each.
[codes."https://biomarker-lab.example.org/lab-codes"]
"BM-IL18-S" = { domain = "LB", testcd = "INTLK18", spec = "SERUM", cat = "CYTOKINES" }
"BM-CXCL10-S" = { domain = "LB", testcd = "CXCL10", spec = "SERUM", cat = "CYTOKINES" }
"BM-CCL2-S" = { domain = "LB", testcd = "MCP1", spec = "SERUM", cat = "CYTOKINES" }
"BM-CXCL10-U" = { domain = "LB", testcd = "CXCL10", spec = "URINE", cat = "CYTOKINES" }
"BM-CCL2-U" = { domain = "LB", testcd = "MCP1", spec = "URINE", cat = "CYTOKINES" }
"BM-ET1-U" = { domain = "LB", testcd = "ENDOTH1", spec = "URINE", cat = "CYTOKINES" }
"BM-KIM1-U" = { domain = "LB", testcd = "KIM1", spec = "URINE", cat = "CYTOKINES" }
"FC-CMONO" = { domain = "CP", testcd = "MNCLMN", spec = "BLOOD", cat = "IMMUNOPHENOTYPING" }
"FC-PDC" = { domain = "CP", testcd = "DCPLE", spec = "BLOOD", cat = "IMMUNOPHENOTYPING" }

[codes."https://hospital.example.org/lab-codes"]
"ENASCR" = { domain = "IS", testcd = "ATAB", spec = "SERUM", cat = "AUTOIMMUNITY", \
bdagnt = "EXTRACTABLE NUCLEAR AUTOANTIGENS" }
"""
RATED = ("SLEDAI-2K", "BILAG-2004", "PGA", "SLICC/ACR DI")


def _quoted(text: str) -> str:
    return json.dumps(text)


def _study(trial: Trial) -> str:
    products = ", ".join(_quoted(product.name) for product in trial.products)
    arms = "\n".join(f"{_quoted(arm.name)} = {_quoted(arm.code)}" for arm in trial.arms.values())
    return f"""# Settings of the sample trial {trial.registry}; written by trialbridge.samples.generate.

[study]
id = {_quoted(trial.protocol)}
title = {_quoted(trial.title)}
products = [{products}]
sdtmig = "3.4"
ct = "2026-03-27"
units = "SI"
cut = {_quoted(trial.period[1])}

# Subject numbers hold the site's number already.
[subject]
usubjid = "{{STUDYID}}-{{SUBJID}}"

[arms]
{arms}
"""


def _test(code: str, domain: str, test: str, category: str) -> str:
    return (
        f"{_quoted(code)} = {{ domain = {_quoted(domain)}, testcd = {_quoted(code)}, "
        f"test = {_quoted(test)}, cat = {_quoted(category)} }}"
    )


def _ratings(trial: Trial) -> Iterator[str]:
    yield "# What clinicians rate: the terminology has no terms for it, these are the sponsor's."
    yield '[codes."https://sponsor.example.org/ratings"]'
    for category in (*RATED, *trial.responses):
        for code, item in instruments()[category].items.items() if category != LEAN[2] else ():
            yield _test(code, "RS", item.name, category)
    if LEAN[2] in trial.responses:
        yield _test(LEAN[0], "RS", LEAN[1], LEAN[2])


def _examinations() -> Iterator[str]:
    yield '[codes."https://sponsor.example.org/examinations"]'
    for code, (name, _) in BODY_SYSTEMS.items():
        yield _test(code, "PE", name, "GENERAL")
    yield ""
    yield '[codes."https://sponsor.example.org/death-details"]'
    yield '"PRCDTH" = { domain = "DD", testcd = "PRCDTH" }'


def _criteria(trial: Trial) -> Iterator[str]:
    yield "# Which criterion a screen failure did not meet."
    yield '[codes."https://sponsor.example.org/criteria"]'
    for one in trial.criteria:
        category = "INCLUSION" if one.including else "EXCLUSION"
        yield _test(one.code, "IE", one.words, category)


def settings(trial: Trial) -> str:
    """Return the text of ``study.toml``."""
    parts = [_study(trial), IDENTIFIERS, COLLECTED, LABORATORIES]
    parts += ["\n".join(lines) + "\n" for lines in (_ratings(trial), _examinations(), _criteria(trial))]
    return "\n".join(parts).rstrip() + "\n"

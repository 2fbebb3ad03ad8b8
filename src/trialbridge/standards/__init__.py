"""What the standards say, as facts: the datasets and variables of SDTMIG, and CDISC controlled terminology.

The tables are generated (``tools/generate_standards.py``), are read when first asked for, and carry neither
notes nor definitions. Two are written by hand: ``keys.tsv``, for the tables of the IG hold no natural keys, and
``added.tsv``.
"""

from __future__ import annotations

from trialbridge.standards.changes import Change, Retirement, Successor, changes, retirement, successors
from trialbridge.standards.guide import (
    IG_VERSIONS,
    DatasetFacts,
    VariableFacts,
    domain_variables,
    ig_datasets,
    ig_variables,
    in_model,
    keys,
    model,
)
from trialbridge.standards.search import Hit, lookup, parts
from trialbridge.standards.stores import (
    CT_VERSIONS,
    DEFAULT_CT,
    DEFINE_XML_CT,
    CodelistFacts,
    Release,
    ReleaseFacts,
    data_folder,
    package_of,
    release,
    releases,
    sdtm_release,
)
from trialbridge.standards.terminology import (
    Codelist,
    Term,
    code_of_test,
    codelist,
    codelists,
    governing,
    name_of_test,
    paired,
)

__all__ = [
    "CT_VERSIONS",
    "DEFAULT_CT",
    "DEFINE_XML_CT",
    "IG_VERSIONS",
    "Change",
    "Codelist",
    "CodelistFacts",
    "DatasetFacts",
    "Hit",
    "Release",
    "ReleaseFacts",
    "Retirement",
    "Successor",
    "Term",
    "VariableFacts",
    "changes",
    "code_of_test",
    "codelist",
    "codelists",
    "data_folder",
    "domain_variables",
    "governing",
    "ig_datasets",
    "ig_variables",
    "in_model",
    "keys",
    "lookup",
    "model",
    "name_of_test",
    "package_of",
    "paired",
    "parts",
    "release",
    "releases",
    "retirement",
    "sdtm_release",
    "successors",
]

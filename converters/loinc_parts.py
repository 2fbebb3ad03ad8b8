"""What the parts of a LOINC term say of its CDISC test: ranked suggestions for a person, never used unasked.

The component is compared, word by word, with the names, synonyms and preferred terms of the test codes; rare
words count for more than common ones. Which codelist is asked, and which test is meant among near ones,
follows from the other parts: an antibody is immunogenicity and its target is sought among the binding agents,
a nucleic acid or antigen of a microbe is microbiology, a rate in timed urine is an excretion rate, and a
component that is a ratio is no plain concentration.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from trialbridge.converters.loinc_names import SYSTEMS, Parts, parts_of
from trialbridge.standards import DEFAULT_CT, codelist, name_of_test

MOST = 5
LOWEST = 40
"""A score below this is a coincidence of words."""


class PartSuggestion(NamedTuple):
    """One test that the parts may mean.

    Attributes:
        domain: SDTM domain.
        testcd: --TESTCD.
        spec: --SPEC that the system means; empty where it means none.
        method: --METHOD that the method means; empty where it means none.
        score: 0 to 100.
        why: The name that is like the component, and what else spoke for it.
        bdagnt: ISBDAGNT, the target of an antibody.
    """

    domain: str
    testcd: str
    spec: str
    method: str
    score: int
    why: str
    bdagnt: str = ""


METHODS: Mapping[str, str] = {
    "automated count": "AUTOMATED COUNT",
    "automated": "AUTOMATED COUNT",
    "manual count": "MANUAL COUNT",
    "manual": "MANUAL COUNT",
    "calculation": "CALCULATION",
    "calculated": "CALCULATION",
    "test strip": "TEST STRIP",
    "test strip.automated": "TEST STRIP",
    "automated test strip": "TEST STRIP",
    "light microscopy": "LIGHT MICROSCOPY",
    "microscopy.light": "LIGHT MICROSCOPY",
    "microscopy.light.hpf": "LIGHT MICROSCOPY",
    "microscopy.light.lpf": "LIGHT MICROSCOPY",
    "microscopy high power field": "LIGHT MICROSCOPY",
    "microscopy low power field": "LIGHT MICROSCOPY",
    "electrophoresis": "ELECTROPHORESIS",
    "immunoassay": "IMMUNOASSAY",
    "ia": "IMMUNOASSAY",
    "immunoblot": "IMMUNOBLOT",
    "immune diffusion (id)": "IMMUNODIFFUSION",
    "naa with probe detection": "NUCLEIC ACID AMPLIFICATION TEST",
    "probe.amp.tar": "NUCLEIC ACID AMPLIFICATION TEST",
    "coagulation assay": "CLOT DETECTION",
    "coag": "CLOT DETECTION",
    "chromogenic method": "CHROMOGENIC ASSAY",
    "westergren method": "WESTERGREN",
    "westergren": "WESTERGREN",
    "refractometry": "REFRACTOMETRY",
    "refractometry.automated": "REFRACTOMETRY",
    "hplc": "HPLC",
    "culture": "MICROBIAL CULTURE",
    "gram stain": "GRAM STAIN",
}
"""LOINC's method -> METHOD."""

_SPECIMENS = dict(SYSTEMS.values())
_REWRITTEN: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"\bcholesterol in ([hlv]+dl)\b", r"\1 cholesterol"),
        (r"\.total\b", ""),
        (r" \((?:e[1-4]|t[34]|covid-19)\)", ""),
        (r"\brRNA\b", "RNA"),
        (r"\bclostridioides\b", "clostridium"),
        (r"\binfluenza virus ([ab])\b", r"influenza \1"),
        (r"\bcoagulation (factor \S+)", r"\1"),
        (r"\bactual/normal\b", "actual/control"),
        (r"\bmullerian inhibiting substance\b|\bmullerian inhibiting factor\b", "anti-mullerian hormone"),
        (r"\bfibrin\+fibrinogen fragments\b", "fibrin degradation products"),
        (r"\bglomerular filtration rate/1\.73 sq m[. ]predicted\b.*", "gfr creatinine adjusted bsa"),
        (r"\bhemoglobin a1c\b", "hemoglobin a1c hba1c"),
        (r"/100+ (\w)", r"/\1"),
        (r"\bcells\.(cd\S+)", r"\1 cells"),
        (r" \((?:t4 helper|t8 suppressor cells|t8 suppressor)\)", ""),
        (r"\bcd3\+?cd4\+? cells|\bcd4\+? cells|\bcd3\+cd4\+", "t-lymphocytes helper cd4"),
        (r"\bcd3\+?cd8\+? cells|\bcd8\+? cells|\bcd3\+cd8\+", "t-lymphocytes cytotoxic cd8"),
        (r"\bcd3\+? cells", "t-lymphocytes"),
        (r"\bcd(?:19|20)\+? cells", "b-lymphocytes"),
        (r"\bcd(?:3-)?\(?16\+?(?:cd)?56\)?\+? cells", "natural killer cells"),
        (r"\bband form neutrophils|\bneutrophils\.band form", "neutrophils band form"),
        (r"\bsegmented neutrophils|\bneutrophils\.segmented", "neutrophils segmented"),
        (r"\bvariant lymphocytes|\blymphocytes\.variant", "lymphocytes atypical"),
        (
            r"\b(?:erythrocyte mean corpuscular hemoglobin concentration|mchc)\b",
            "ery mean corpuscular hgb concentration mchc",
        ),
        (r"\berythrocyte mean corpuscular hemoglobin\b", "ery mean corpuscular hemoglobin mch"),
        (r"\berythrocyte mean corpuscular volume\b", "ery mean corpuscular volume mcv"),
        (r"\bcoagulation tissue factor induced\.inr\b|^inr$", "prothrombin intl normalized ratio inr"),
        (r"\bcoagulation tissue factor induced\b|\bprothrombin time \(pt\)", "prothrombin time"),
        (r"\bcoagulation surface induced\b|^aptt$", "activated partial thromboplastin time aptt"),
        (r"\bfibrin d-dimer( feu| ddu)?", "d dimer"),
        (
            r"\bnatriuretic peptide\.?b prohormone n-terminal\b",
            "n-terminal probnp b type natriuretic peptide",
        ),
        (r"\bnatriuretic peptide b\b", "brain natriuretic peptide bnp"),
        (r"\bparathyrin\b", "parathyroid hormone"),
        (r"\bfollitropin\b", "follicle stimulating hormone"),
        (r"\blutropin\b", "luteinizing hormone"),
        (r"\bcorticotropin\b", "adrenocorticotropic hormone"),
        (r"\bsomatotropin\b", "growth hormone somatotropin"),
        (r"\bchoriogonadotropin(\.beta subunit)?( \(pregnancy test\))?", "choriogonadotropin beta"),
        (r"\bcobalamins? \(vitamin b12\)", "vitamin b12"),
        (r"\bcalcidiol\b", "25-hydroxyvitamin d3"),
        (r"\bcarbon dioxide,? total\b|\bcarbon dioxide$", "carbon dioxide"),
        (r"\bmicroalbumin\b", "albumin"),
        (r"\bcardiac\b|\.cardiac\b", ""),
        (r"\bimmunoglobulin light chains\.(kappa|lambda)", r"\1 light chain"),
        (r"\bcomplement total hemolytic ch50\b", "ch50 complement activity"),
        (r"\bheart rate\b", "heart rate"),
        (r"\bbody weight\b", "weight"),
        (r"\bbody height\b", "height"),
        (r"\bbody temperature\b", "temperature"),
        (r"\bbody mass index(?: \(bmi\))?", "body mass index"),
        (r"\boxygen saturation\b", "oxygen saturation"),
        (r"\bag\b", "antigen"),
        (r"\bab\b", "antibody"),
        (r"\bhiv ?(\d)", r"hiv-\1"),
        (r"\bspecific gravity\b", "specific gravity"),
    )
)
_WORD = re.compile(r"[a-z0-9]+")
_CLASS = re.compile(r"\bIg([GMAE])\b")
_ANTIBODY = re.compile(r"\bAb\b|\bantibody\b", re.IGNORECASE)
_MICROBE = re.compile(r"\b(?:DNA|RNA|rRNA|Ag|identified|virus|p24)\b")
_OF_MICROBES = re.compile(r"VIRUS|HEPATITIS|HIV|SARS|TOXIN|STREPTO|CAPSID|EARLY ANTIGEN")
_CELLS = re.compile(r"\bCD\d+|\b[TB] (?:cells|lymphocytes)\b|\bnatural killer", re.IGNORECASE)
_MEANT: Mapping[tuple[str, bool], frozenset[str]] = {
    ("MRat", True): frozenset({"excretion", "rate"}),
    ("SRat", True): frozenset({"excretion", "rate"}),
    ("CRat", True): frozenset({"excretion", "rate"}),
    ("PPres", False): frozenset({"partial", "pressure"}),
}
"""Property, and whether the system is urine -> the words that CDISC's name of the test has for it."""
_COMMON = frozenset({"measurement", "the", "and", "or", "in", "of"})


def suggest_from_parts(
    display: str | Parts, ct: str = DEFAULT_CT, limit: int = MOST
) -> tuple[PartSuggestion, ...]:
    """Return the tests that a LOINC name, or its parts, may mean, best first; none that is far off.

    Args:
        display: The display of the coding, or the parts themselves (from the user's own table).
        ct: Version of the terminology.
        limit: How many at most.

    Example:
        >>> best = suggest_from_parts("Creatinine [Mass/volume] in Serum or Plasma")[0]
        >>> best.domain, best.testcd, best.spec
        ('LB', 'CREAT', 'SERUM OR PLASMA')
        >>> suggest_from_parts("Protein:MRat:24H:Urine:Qn:")[0].testcd
        'PROTEXR'
    """
    parts = parts_of(display) if isinstance(display, str) else display
    if _ANTIBODY.search(parts.component):
        found = [*_antibodies(parts, ct), *_tests(parts, ("IS",), ct)]
    else:
        found = _tests(parts, _domains(parts), ct)
    best: dict[tuple[str, str], PartSuggestion] = {}
    for item in sorted(found, key=lambda item: (-item.score, item.domain, item.testcd, item.bdagnt)):
        best.setdefault((item.domain, item.testcd), item)
    return tuple(item for item in best.values() if item.score >= LOWEST)[:limit]


def _domains(parts: Parts) -> tuple[str, ...]:
    """Return the domains whose tests the parts may mean."""
    if _CELLS.search(parts.component):
        return ("CP", "LB")
    if parts.system in {"", "^Patient", "Heart", "XXX"} and parts.property in {"", "Time", "Pres", "NRat"}:
        return ("VS", "LB", "EG")
    named = parts.property in {"PrThr", "Prid"} or _MICROBE.search(parts.component)
    return ("LB", "MB") if named else ("LB",)


def _tests(parts: Parts, domains: Iterable[str], ct: str) -> list[PartSuggestion]:
    return [
        _suggestion(domain, code, score, name, parts)
        for domain in domains
        for code, (score, name) in _ranked(parts, f"{domain}TESTCD", ct).items()
    ]


def _suggestion(
    domain: str, code: str, score: int, name: str, parts: Parts, agent: str = ""
) -> PartSuggestion:
    said = [f"{parts.component!r} is like {name!r}"]
    said += [
        f"{label} {value}"
        for label, value in (("system", parts.system), ("property", parts.property))
        if value
    ]
    spec = "" if domain in {"VS", "EG"} else _SPECIMENS.get(parts.system, "")
    method = METHODS.get(parts.method.casefold(), "")
    return PartSuggestion(domain, code, spec, method, score, "; ".join(said), agent)


def _ranked(parts: Parts, variable: str, ct: str) -> dict[str, tuple[int, str]]:
    """Return test code -> score and the name that scored, where it shares a word with the component."""
    index = _index(variable, ct)
    words = _words(parts.component)
    wanted = words | _MEANT.get((parts.property, parts.system == "Urine"), frozenset())
    found: dict[str, tuple[int, str]] = {}
    for number in {number for word in wanted for number in index.postings.get(word, ())}:
        entry = index.names[number]
        score = round(_alike(wanted, entry.words, index) * _fit(parts, entry.name))
        if score > found.get(entry.code, (0, ""))[0]:
            found[entry.code] = (score, entry.name)
    return found


def _fit(parts: Parts, name: str) -> float:
    """Return how far the kind of a name agrees with the component: a ratio with a ratio."""
    return 100.0 if ("/" in parts.component) == ("/" in name) else 70.0


def _alike(wanted: frozenset[str], words: frozenset[str], index: _Index) -> float:
    """Return twice the weight of the shared words in the weight of all."""
    shared = sum(index.weight(word) for word in wanted & words)
    return 2 * shared / (sum(map(index.weight, wanted)) + sum(map(index.weight, words)))


def _antibodies(parts: Parts, ct: str) -> list[PartSuggestion]:
    """Return the antibody tests of the binding agents that the component names."""
    classes = "".join(dict.fromkeys(_CLASS.findall(parts.component)))
    target = _CLASS.sub(" ", _ANTIBODY.sub(" ", parts.component)).replace(".", " ")
    found = []
    for variable in ("ISBDAGT", "MICROORG"):
        for agent, (score, name) in _ranked(parts._replace(component=target), variable, ct).items():
            microbial = variable == "MICROORG" or bool(_OF_MICROBES.search(agent))
            code = _antibody("MB" if microbial else "AT", classes)
            found.append(_suggestion("IS", code, score, name, parts, agent))
    return found


def _antibody(kind: str, classes: str) -> str:
    """Return the test of an antibody by its kind and the class of its immunoglobulin."""
    if classes == "E":
        return "ARIGEAB"
    if len(classes) != 1:
        return f"{kind}AB"
    return "MBIMAB" if (kind, classes) == ("MB", "M") else f"{kind}IG{classes}AB"


class _Name(NamedTuple):
    """One name of one term, and its words."""

    code: str
    name: str
    words: frozenset[str]


@dataclass(frozen=True)
class _Index:
    """The names of a codelist, by their words."""

    names: tuple[_Name, ...]
    postings: Mapping[str, tuple[int, ...]]

    def weight(self, word: str) -> float:
        """Return how much a word says: the rarer, the more."""
        return math.log(2 + len(self.names) / (1 + len(self.postings.get(word, ()))))


@cache
def _index(variable: str, ct: str) -> _Index:
    names = []
    for term in codelist(variable, ct).terms:
        decode = name_of_test(variable, term.submission_value, ct) if variable.endswith("TESTCD") else None
        said = dict.fromkeys(
            [decode or term.submission_value, term.submission_value, *term.synonyms, term.preferred_term]
        )
        names += [_Name(term.submission_value, name, words) for name in said if (words := _words(name))]
    postings: dict[str, list[int]] = {}
    for number, entry in enumerate(names):
        for word in entry.words:
            postings.setdefault(word, []).append(number)
    return _Index(tuple(names), {word: tuple(found) for word, found in postings.items()})


@cache
def _words(text: str) -> frozenset[str]:
    """Return the words of a name, in CDISC's manner of saying them and without plurals."""
    for pattern, words in _REWRITTEN:
        text = pattern.sub(words, text)
    counted = Counter(_singular(word) for word in _WORD.findall(text.casefold()))
    return frozenset(counted) - _COMMON


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 4 and word.endswith("s") and not word.endswith("ss") else word

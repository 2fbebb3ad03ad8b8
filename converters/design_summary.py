"""TS made whole: what the design says, what the data tells, and a null flavour for what nobody says.

The parameters that the FDA's rules ask for stand in `REQUIRED` and `CONDITIONAL`; of a parameter that nothing
says the record has TSVALNF "NI" (no information), and a finding names it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from trialbridge import crosswalks
from trialbridge.converters.design_forms import Record
from trialbridge.converters.design_parameters import known_term
from trialbridge.converters.stage import column
from trialbridge.findings import Finding, Severity
from trialbridge.standards import name_of_test

REQUIRED = (
    *("ADDON", "AGEMAX", "AGEMIN", "LENGTH", "PLANSUB", "RANDOM", "SEXPOP", "STOPRULE", "TBLIND", "TCNTRL"),
    *("TITLE", "TPHASE", "TTYPE", "OBJPRIM", "SPONSOR", "REGID", "OUTMSPRI", "FCNTRY", "ADAPT", "DCUTDTC"),
    *("DCUTDESC", "NARMS", "STYPE", "SSTDTC", "SENDTC", "ACTSUB", "HLTSUBJI", "SDTIGVER", "SDTMVER"),
)
"""What every study has."""

CONDITIONAL: Mapping[str, tuple[str, str, bool]] = {
    "TDIGRP": ("HLTSUBJI", "N", True),
    "INDIC": ("HLTSUBJI", "N", True),
    "TINDTP": ("STYPE", "INTERVENTIONAL", True),
    "TRT": ("STYPE", "INTERVENTIONAL", True),
    "INTMODEL": ("STYPE", "INTERVENTIONAL", True),
    "INTTYPE": ("STYPE", "INTERVENTIONAL", True),
    "PCLAS": ("STYPE", "INTERVENTIONAL", True),
    "CURTRT": ("ADDON", "Y", False),
}
"""Parameter -> another and its value that asks for it, and whether no information on that one asks, too."""

DESIRED = ("EXTTIND", "NCOHORT", "OBJSEC", "PDPSTIND", "PDSTIND", "PIPIND", "RDIND", "THERAREA")
"""What the FDA would like to have; nothing stands in for it."""

NO_NULL = ("INDIC",)
"""What may not be null for want of information: such a record is left out."""

MODELS: Mapping[str, str] = {"3.3": "1.7", "3.4": "2.0"}
"""Version of the SDTMIG -> version of the SDTM."""

NO_INFORMATION = "NI"
CDISC = "CDISC CT"
COUNTRIES: Mapping[str, str] = {"3.3": "ISO 3166-1 alpha-3", "3.4": "ISO 3166"}
"""Version of the SDTMIG -> the name of the list of countries that its rules ask for."""


@dataclass(frozen=True)
class Facts:
    """What is known besides the design itself.

    Attributes:
        title: The study's title in the settings.
        cut: The data cut in the settings.
        sdtmig: Version of the SDTMIG.
        ct: Release of the terminology.
        arms: How many arms are planned; 0 where nothing says it.
        subjects: DM; empty where there is none.
        completed: Whether the study is over.
    """

    title: str = ""
    cut: str = ""
    sdtmig: str = "3.4"
    ct: str = "2026-03-27"
    arms: int = 0
    subjects: pa.Table = field(default_factory=lambda: pa.table({}))
    completed: bool = False


@dataclass(frozen=True)
class Summary:
    """TS as records.

    Attributes:
        records: The records, in order.
        methods: Parameter -> how its value was derived.
        open: The required parameters that nothing says, by name.
        desired: The desired parameters that nothing says.
    """

    records: Sequence[Record]
    methods: Mapping[str, str]
    open: Sequence[str]
    desired: Sequence[str]

    def findings(self) -> list[Finding]:
        """Return one finding that names what is open."""
        if not self.open:
            return []
        message = "nothing says these parameters of the trial: they have a null flavour, or no record, in TS"
        value = ", ".join(self.open)
        return [
            Finding(
                Severity.NOTICE,
                "trial-summary-open",
                message,
                "TS",
                "TSVAL",
                value=value,
                count=len(self.open),
            )
        ]


def _column(facts: Facts, name: str) -> list[str]:
    return [one for one in column(facts.subjects, name).to_pylist() if one]


def _started(facts: Facts) -> list[str]:
    return sorted(_column(facts, "RFICDTC"))[:1]


def _ended(facts: Facts) -> list[str]:
    return sorted(_column(facts, "RFPENDTC"))[-1:] if facts.completed else []


def _enrolled(facts: Facts) -> list[str]:
    if not len(facts.subjects):
        return []
    why = column(facts.subjects, "ARMNRS")
    left = pc.is_in(why, pa.array(["SCREEN FAILURE", "NOT ASSIGNED", "SCREENING NOT COMPLETED"]))
    count = len(facts.subjects) - (pc.sum(left).as_py() or 0)
    return [str(count)] if count else []


DERIVATIONS: Mapping[str, tuple[Callable[[Facts], list[str]], str]] = {
    "TITLE": (lambda facts: [facts.title] if facts.title else [], ""),
    "SDTIGVER": (lambda facts: [facts.sdtmig], ""),
    "SDTMVER": (lambda facts: [MODELS[facts.sdtmig]], ""),
    "NARMS": (lambda facts: [str(facts.arms)] if facts.arms else [], "number of arms in the design"),
    "DCUTDTC": (lambda facts: [facts.cut] if facts.cut else [], ""),
    "SSTDTC": (_started, "earliest date of informed consent in DM (RFICDTC)"),
    "SENDTC": (_ended, "latest end of participation in DM (RFPENDTC), the study being completed"),
    "ACTSUB": (_enrolled, "number of subjects in DM, less those who were screened only"),
    "FCNTRY": (
        lambda facts: sorted(set(_column(facts, "COUNTRY"))),
        "countries of sites in DM (COUNTRY)",
    ),
}
"""Parameter -> what the settings or the data give, and how it is derived; empty where it was only set."""


def summary(records: Sequence[Record], stated: Mapping[str, Sequence[str]], facts: Facts) -> Summary:
    """Return TS: what the settings state, else what the design says, else what the data tells.

    Args:
        records: What the design says.
        stated: Parameter -> its values in the settings.
        facts: What is known besides.

    Example:
        >>> made = summary([], {"TPHASE": ["PHASE I TRIAL"]}, Facts())
        >>> [one["TSVAL"] for one in made.records if one["TSPARMCD"] == "TPHASE"], "TITLE" in made.open
        (['PHASE I TRIAL'], True)
    """
    found: dict[str, list[Record]] = defaultdict(list)
    for one in records:
        found[one["TSPARMCD"]].append({name: text for name, text in one.items() if name != "TSSEQ"})
    found |= {code: [{"TSVAL": text} for text in texts] for code, texts in stated.items()}
    methods: dict[str, str] = {}
    for code, (derive, method) in DERIVATIONS.items():
        if code not in found and (values := derive(facts)):
            found[code] = [{"TSVAL": text} for text in values]
            methods |= {code: method} if method else {}
    missing = [code for code in _asked(found) if not any(map(_says, found.get(code, ())))]
    for code in missing:
        found.setdefault(code, [{"TSVALNF": NO_INFORMATION}] if code not in NO_NULL else [])
    whole = [
        _complete(code, number, one, facts)
        for code in sorted(found)
        for number, one in enumerate(_distinct(found[code]), 1)
    ]
    return Summary(whole, methods, missing, [code for code in DESIRED if code not in found])


def _says(record: Record) -> bool:
    return bool(record.get("TSVAL")) or record.get("TSVALNF") not in {None, NO_INFORMATION}


def _asked(found: Mapping[str, Sequence[Record]]) -> Iterator[str]:
    """Yield the parameters that are asked for, by name."""
    for code in sorted((*REQUIRED, *CONDITIONAL)):
        other, value, unless = CONDITIONAL.get(code, ("", "", True))
        said = {one.get("TSVAL") for one in found.get(other, ())} - {None}
        if value in said or (unless and not said):
            yield code


def _distinct(records: Sequence[Record]) -> list[Record]:
    """Return records of different values: TS may not say the same twice."""
    return list({(one.get("TSVAL"), one.get("TSVALNF"), one.get("TSGRPID")): one for one in records}.values())


def _complete(code: str, number: int, record: Record, facts: Facts) -> Record:
    """Return a record with its number, its name, and the code of a value that is a term."""
    name = name_of_test("TSPARMCD", code, facts.ct) or code
    made = {"TSSEQ": str(number), "TSPARMCD": code, "TSPARM": name, **record}
    text = made.get("TSVAL", "")
    if code == "FCNTRY" and (country := _country(text)):
        return made | {"TSVAL": country, "TSVALCD": country, "TSVCDREF": COUNTRIES[facts.sdtmig]}
    if text and "TSVCDREF" not in made:
        term = known_term(code, text, facts.ct)
        return made | ({"TSVALCD": term, "TSVCDREF": CDISC, "TSVCDVER": str(facts.ct)} if term else {})
    return made


def _country(text: str) -> str:
    known = crosswalks.crosswalk("country")
    return known.find_text(text) or known.find("urn:iso:std:iso:3166", text) or ""

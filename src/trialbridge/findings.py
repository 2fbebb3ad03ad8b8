"""What the data has to say for itself: one `Finding` an oddity, with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Finding:
    """One oddity of the data, or of a file, with the place where it stands.

    Attributes:
        severity: How much it matters.
        rule: The short name of what was looked for, such as ``date-impossible``.
        message: One sentence in plain English.
        domain: SDTM domain or dataset, where there is one.
        variable: SDTM variable, where there is one.
        record: Key of the SDTM record, such as ``CDISC01.100008 LBSEQ 12``.
        resource: The FHIR resource, such as ``Observation/o1``.
        path: Element path inside the resource, or XPath inside a define.xml.
        source: The file it was read from.
        value: The value in question, as text.
        count: How many times this was found, where equal findings are gathered.

    Example:
        >>> Finding(Severity.WARNING, "date-impossible", "2014-02-30 is no date", "LB", "LBDTC").domain
        'LB'
    """

    severity: Severity
    rule: str
    message: str
    domain: str = ""
    variable: str = ""
    record: str = ""
    resource: str = ""
    path: str = ""
    source: str = ""
    value: str = ""
    count: int = 1

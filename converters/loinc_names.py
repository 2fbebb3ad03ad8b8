"""The six parts of a LOINC term, read from the names that a coding displays.

A fully specified name (``Creatinine:MCnc:Pt:Ser/Plas:Qn:``) says them one by one; a long common name
(``Creatinine [Mass/volume] in Serum or Plasma``) says them in words, which are turned back into the parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple


class Parts(NamedTuple):
    """The parts of one LOINC term; a part that nothing says is empty.

    Attributes:
        component: What is measured.
        property: The kind of quantity, as LOINC abbreviates it.
        time: ``Pt`` or a duration, such as ``24H``.
        system: The specimen or the body, as LOINC abbreviates it.
        scale: ``Qn``, ``Ord``, ``Nom`` or ``Nar``.
        method: The method, in LOINC's words.
    """

    component: str
    property: str = ""
    time: str = ""
    system: str = ""
    scale: str = ""
    method: str = ""


PROPERTIES: Mapping[str, tuple[str, str]] = {
    "mass/volume": ("MCnc", "Qn"),
    "moles/volume": ("SCnc", "Qn"),
    "units/volume": ("ACnc", "Qn"),
    "enzymatic activity/volume": ("CCnc", "Qn"),
    "#/volume": ("NCnc", "Qn"),
    "#/area": ("Naric", "Qn"),
    "mass ratio": ("MRto", "Qn"),
    "molar ratio": ("SRto", "Qn"),
    "ratio": ("Ratio", "Qn"),
    "mass/mass": ("MCnt", "Qn"),
    "moles/mass": ("SCnt", "Qn"),
    "mass/time": ("MRat", "Qn"),
    "moles/time": ("SRat", "Qn"),
    "enzymatic activity/time": ("CRat", "Qn"),
    "mass fraction": ("MFr", "Qn"),
    "volume fraction": ("VFr", "Qn"),
    "pure number fraction": ("NFr", "Qn"),
    "volume": ("Vol", "Qn"),
    "entitic volume": ("EntVol", "Qn"),
    "entitic mass": ("EntMass", "Qn"),
    "volume rate/area": ("ArVRat", "Qn"),
    "volume rate": ("VRat", "Qn"),
    "partial pressure": ("PPres", "Qn"),
    "presence": ("PrThr", "Ord"),
    "titer": ("Titr", "Qn"),
    "interpretation": ("Imp", "Nom"),
    "type": ("Type", "Nom"),
    "identifier": ("Prid", "Nom"),
    "log #/volume": ("LnCnc", "Qn"),
}
"""What a long common name says in brackets -> property and scale."""

SYSTEMS: Mapping[str, tuple[str, str]] = {
    "serum or plasma": ("Ser/Plas", "SERUM OR PLASMA"),
    "serum, plasma or blood": ("Ser/Plas/Bld", "SERUM OR PLASMA OR BLOOD"),
    "serum": ("Ser", "SERUM"),
    "plasma": ("Plas", "PLASMA"),
    "platelet poor plasma": ("PPP", "PLATELET POOR PLASMA"),
    "platelet rich plasma": ("PRP", "PLATELET RICH PLASMA"),
    "blood": ("Bld", "BLOOD"),
    "arterial blood": ("BldA", "ARTERIAL BLOOD"),
    "venous blood": ("BldV", "VENOUS BLOOD"),
    "capillary blood": ("BldC", "CAPILLARY BLOOD"),
    "red blood cells": ("RBC", "ERYTHROCYTES"),
    "urine": ("Urine", "URINE"),
    "urine sediment": ("Urine sed", "URINE SEDIMENT"),
    "cerebral spinal fluid": ("CSF", "CEREBROSPINAL FLUID"),
    "body fluid": ("Body fld", "FLUID"),
    "synovial fluid": ("Synv fld", "SYNOVIAL FLUID"),
    "pleural fluid": ("Plr fld", "PLEURAL FLUID"),
    "peritoneal fluid": ("Periton fld", "PERITONEAL FLUID"),
    "amniotic fluid": ("Amnio fld", "AMNIOTIC FLUID"),
    "stool": ("Stool", "STOOL"),
    "saliva": ("Saliva", "SALIVA"),
    "sputum": ("Sputum", "SPUTUM"),
    "semen": ("Semen", "SEMEN"),
    "hair": ("Hair", "HAIR"),
    "sweat": ("Sweat", ""),
    "bone marrow": ("Bone mar", "BONE MARROW"),
    "tissue": ("Tiss", "TISSUE"),
    "nasopharynx": ("Nph", ""),
    "respiratory specimen": ("Respiratory", ""),
    "specimen": ("XXX", ""),
    "unspecified specimen": ("XXX", ""),
    "leukocytes": ("WBC", ""),
}
"""The system in words -> LOINC's abbreviation and the CDISC specimen."""

_TIMED = re.compile(r"^(\d+) hour ", re.IGNORECASE)
_BRACKET = re.compile(r"^(?P<component>.+?) \[(?P<property>[^\]]*)\](?P<rest>.*)$")
_METHOD = re.compile(r" by (?P<method>.+)$", re.IGNORECASE)
_SYSTEM = re.compile(r"(?:^|.*\s)(?:in|of) (?P<system>(?:\d+ hour )?[^\[\]]+)$", re.IGNORECASE)
_CHALLENGE = re.compile(r"\s*--.*$")


def parts_of(name: str) -> Parts:
    """Return the parts that a display says: of a fully specified name, else of a long common name.

    Example:
        >>> parts_of("Protein [Mass/time] in 24 hour Urine")
        Parts(component='Protein', property='MRat', time='24H', system='Urine', scale='Qn', method='')
        >>> parts_of("Sodium:SCnc:Pt:Ser/Plas:Qn:").system
        'Ser/Plas'
    """
    text = " ".join(name.split())
    said = text.split(":")
    if len(said) in {5, 6}:
        return Parts(*said)
    text = _CHALLENGE.sub("", text)
    if found := _BRACKET.match(text):
        kind, scale = PROPERTIES.get(found["property"].casefold(), ("", ""))
        return _located(found["component"], found["rest"], kind, scale)
    return _without_bracket(text)


def _without_bracket(text: str) -> Parts:
    """Return the parts of ``pH of Urine by Test strip``: the component ends where a known system starts."""
    method = _METHOD.search(text)
    rest = text[: method.start()] if method else text
    for start in (found.start() for found in re.finditer(r" (?:in|of) ", rest)):
        time, system = _system(rest[start:])
        if system:
            return Parts(text[:start], "", time, system, "", method["method"] if method else "")
    return Parts(rest, method=method["method"] if method else "")


def _located(component: str, rest: str, kind: str, scale: str) -> Parts:
    method = _METHOD.search(rest)
    place = rest[: method.start()] if method else rest
    time, system = _system(place)
    return Parts(component, kind, time, system, scale, method["method"] if method else "")


def _system(text: str) -> tuple[str, str]:
    """Return time and system of ``in 24 hour Urine``; empty where no known system follows."""
    found = _SYSTEM.match(text)
    words = found["system"].strip() if found else ""
    timed = _TIMED.match(words)
    system = SYSTEMS.get(_TIMED.sub("", words).casefold(), ("", ""))[0]
    if not system:
        return "", ""
    return (f"{timed[1]}H" if timed else "Pt"), system

"""Instruments as data: which questionnaire or index it is, its items, its answers, and how it is scored.

One TOML file beside this one for each instrument; see `docs/instruments.md`. None holds an instrument's own
wording. The names of CDISC's items come from the controlled terminology, and LOINC's codes of them from the
LOINC crosswalk; codes that CDISC does not have are ours, and marked as such.
"""

from __future__ import annotations

from trialbridge.instruments.definitions import Answer, Instrument, Item, Score, instruments
from trialbridge.instruments.recognise import (
    answered,
    instrument_called,
    instrument_for,
    item_among,
    item_called,
    item_named,
    plain_name,
)

__all__ = [
    "Answer",
    "Instrument",
    "Item",
    "Score",
    "answered",
    "instrument_called",
    "instrument_for",
    "instruments",
    "item_among",
    "item_called",
    "item_named",
    "plain_name",
]

"""A text of a study definition in plain words: without markup, and with what its tags stand for."""

from __future__ import annotations

import re
from html import unescape

from trialbridge.converters.usdm_study import Part, StudyDefinition

TAG = re.compile(r"<usdm:tag\b[^>]*\bname=\"(?P<name>[^\"]*)\"[^>]*?(?:/>|>\s*</usdm:tag>)")
REFERENCE = re.compile(r"<usdm:ref\b(?P<parts>[^>]*?)(?:/>|>\s*</usdm:ref>)")
BLOCK = re.compile(r"</?(?:p|div|li|ul|ol|br|tr|table|h\d)\b[^>]*>", re.IGNORECASE)
MARK = re.compile(r"</?[a-zA-Z][^>]*>")
DEPTH = 4
"""How often a tag may lead to a text that has tags: a circle ends."""


def plain_text(part: Part, name: str, where: str) -> str:
    """Return a text with its tags resolved by the dictionary that the part names, and without markup.

    A tag that leads nowhere stands as its name in brackets: nothing is guessed.
    """
    found = part.text(name, where)
    dictionary = part.target("dictionaryId", where) if part and part.data.get("dictionaryId") else None
    return without_markup(resolved(part.study, found, dictionary, where))


def without_markup(text: str) -> str:
    """Return the words of XHTML on one line.

    Example:
        >>> without_markup("<p>One</p><p>two <b>three</b></p>")
        'One two three'
    """
    return " ".join(unescape(MARK.sub("", BLOCK.sub(" ", text))).split())


def resolved(study: StudyDefinition, text: str, dictionary: Part | None, where: str, depth: int = 0) -> str:
    """Return a text in which each tag and reference is what it stands for."""
    if depth > DEPTH:
        return text
    maps = {}
    for one in dictionary.parts("parameterMaps") if dictionary else []:
        maps[one.text("tag", where)] = one

    def of_tag(found: re.Match[str]) -> str:
        one = maps.get(found["name"])
        return one.text("reference", where) if one else _unresolved(study, found["name"])

    def of_reference(found: re.Match[str]) -> str:
        parts = dict(re.findall(r"(\w+)=\"([^\"]*)\"", found["parts"]))
        value = study.named(parts.get("id", "")).text(parts.get("attribute", ""), where)
        name = f"{parts.get('klass', '')}.{parts.get('attribute', '')}"
        return value.removesuffix(".0") if value else _unresolved(study, name)

    made = REFERENCE.sub(of_reference, TAG.sub(of_tag, text))
    return made if made == text else resolved(study, made, dictionary, where, depth + 1)


def _unresolved(study: StudyDefinition, name: str) -> str:
    """Return what stands for a name that leads nowhere, and remember that it does."""
    study.unresolved.append(name)
    return f"[{name}]"


__all__ = ["plain_text", "resolved", "without_markup"]

"""The define.xml files that others made, and what makes two of them equal."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from lxml import etree


def found(shared: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every define.xml below `shared`, those in archives too."""
    for path in sorted((*shared.glob("data/**/*"), *shared.glob("standards/**/*"))):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    yield from _definitions(f"{path.name}/{name}", archive.read(name))
        elif path.suffix == ".gz" and ".xml" in path.suffixes:
            yield from _definitions(path.name, gzip.decompress(path.read_bytes()))
        elif path.suffix == ".xml":
            yield from _definitions(path.name, path.read_bytes())


def _definitions(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    if name.lower().endswith((".xml", ".xml.gz")) and b"/ns/def/v" in content[:4000]:
        yield name, content


_TEXTS = {
    "TranslatedText",
    "CheckValue",
    "FormalExpression",
    "title",
    "StudyName",
    "StudyDescription",
    "ProtocolName",
    "Code",
}
"""The elements that hold text, of which white space is a part."""


def canonical(content: bytes, *, comments: bool = True) -> bytes:
    """Return the exclusive canonical XML of a define.xml, without white space where no text is."""
    root = etree.parse(io.BytesIO(content), etree.XMLParser(remove_comments=not comments)).getroot()
    for element in root.iter("{*}*"):
        for child in element:
            child.tail = child.tail if (child.tail or "").strip() else None
        if etree.QName(element).localname not in _TEXTS and not (element.text or "").strip():
            element.text = None
    return etree.tostring(root.getroottree(), method="c14n", exclusive=True, with_comments=comments)

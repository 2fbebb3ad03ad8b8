"""The official schemas and the stylesheet, which the package defineutils carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PACKAGE = "defineutils"


def asset(*parts: str) -> Path:
    """Return the path of a file or folder that defineutils carries; the package itself is not imported.

    Raises:
        FileNotFoundError: defineutils is not installed, or has no such file.

    Example:
        >>> asset("definehtml", "define2-1.xsl").name
        'define2-1.xsl'
    """
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        path = Path(place, *parts)
        if path.exists():
            return path
    raise FileNotFoundError("/".join((PACKAGE, *parts)))

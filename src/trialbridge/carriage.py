"""The documented extension: what of an SDTM record no FHIR element holds, one part a variable.

::

    {"url": "urn:trialbridge:sdtm", "extension": [
        {"url": "LBSEQ", "valueDecimal": 1},
        {"url": "LBSTRESC", "valueString": "5.4"}]}

It stands in the resource, or in the answered item, that the record became. Any variable can be read from it,
also one that no mapping knows. Five parts are no variables: see `ABSENT`, `BASIS`,
`DATASET`, `DECIMALS` and `ROW`.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import SEPARATOR, blank
from trialbridge.lexical import legal
from trialbridge.rules import Leaves

RECORD = "urn:trialbridge:sdtm"
"""The ``url`` of the extension; those of its parts are the names of variables."""

ABSENT = "absent"
"""Names the variables that are blank although an element could be read as a value of them."""

DECIMALS = "decimals"
"""Says how many digits stand behind the point where the last is a zero, which servers drop: ``LBORRES=2``."""

DATASET = "dataset"
"""Names the dataset that the record is of."""

CLASS = "class"
"""Names the observation class of the dataset, where the standard does not say it."""

ROW = "row"
"""Numbers the record in its dataset, from 1."""

BASIS = "basis"
"""Digest of what the elements say; another one later shows that somebody has changed the resource."""

PLACES: Mapping[str, str] = {"resource": "", "component": "$this.", "item": "$this.item."}
"""Unit of a record -> where its extension stands."""

_PARTS = ("url", "valueString", "valueDecimal")


def extension_path(rows: str, name: str) -> str:
    """Return the path of the part that carries a variable.

    Example:
        >>> extension_path("resource", "AESEQ")
        'extension[url=urn:trialbridge:sdtm].extension[url=AESEQ].valueString'
    """
    return f"{PLACES[rows]}extension[url={RECORD}].extension[url={name}].valueString"


def extension_paths(rows: str) -> tuple[str, ...]:
    """Return the paths that read every part, whatever it is called."""
    return tuple(f"{PLACES[rows]}extension[url={RECORD}].extension[*].{part}" for part in _PARTS)


def read_extension(rows: str, leaves: Leaves) -> dict[str, pa.Array]:
    """Return part -> column of text, of every part that any record has."""
    key = f"extension {rows}"
    if key not in leaves.memo:
        leaves.memo[key] = _read(leaves.rows, *map(leaves, extension_paths(rows)))
    found: dict[str, pa.Array] = leaves.memo[key]
    return found


def numbers_in(rows: str, leaves: Leaves) -> frozenset[str]:
    """Return the parts that hold numbers alone, as numbers."""
    urls, texts, _ = map(leaves, extension_paths(rows))
    if urls.null_count == len(urls):
        return frozenset()
    names = urls.flatten()
    as_text = names.filter(_cells(texts, len(names)).is_valid())
    return frozenset(pc.unique(names).drop_null().to_pylist()) - set(pc.unique(as_text).to_pylist())


def _read(rows: int, urls: pa.Array, texts: pa.Array, numbers: pa.Array) -> dict[str, pa.Array]:
    if urls.null_count == len(urls):
        return {}
    names = urls.flatten().dictionary_encode()
    cells = pc.coalesce(_cells(texts, len(names)), _cells(numbers, len(names)))
    whose = np.repeat(np.arange(rows), pc.fill_null(pc.list_value_length(urls), 0).to_numpy())
    codes = pc.fill_null(names.indices, -1).to_numpy()
    found = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        here = np.flatnonzero(codes == code)[::-1]  # of two parts with one name, the first counts
        place = np.full(rows, -1)
        place[whose[here]] = here
        found[name] = cells.take(pa.array(place, mask=place < 0))
    return found


def _cells(lists: pa.Array, count: int) -> pa.Array:
    return lists.flatten() if pa.types.is_list(lists.type) and lists.null_count < len(lists) else blank(count)


def extension_texts(columns: Mapping[str, pa.Array], numeric: frozenset[str]) -> pa.Array:
    """Return the parts of each record as JSON; null where nothing is carried.

    Args:
        columns: Part -> column of text; a null is left out.
        numeric: The variables that are numbers.
    """
    pieces = [_pieces(name, column, numeric=name in numeric) for name, column in columns.items()]
    whole = pc.ascii_rtrim(pc.binary_join_element_wise(*pieces, ""), ",")
    return pc.if_else(pc.equal(whole, ""), None, pc.binary_join_element_wise("[", whole, "]", ""))


def _pieces(name: str, column: pa.Array, *, numeric: bool) -> pa.Array:
    start = f'{{"url":"{name}",'
    text = pc.binary_join_element_wise(f'{start}"valueString":"', escaped(column), '"},', "")
    if numeric:
        number = legal("decimal", column)
        plain = pc.binary_join_element_wise(f'{start}"valueDecimal":', column, "},", "")
        text = pc.if_else(number, plain, text)
    return pc.fill_null(text, "")


_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))


def escaped(column: pa.Array) -> pa.Array:
    r"""Return texts that FHIR allows as they stand between the quotes of JSON.

    Example:
        >>> print(escaped(pa.array(['5" high'])).to_pylist()[0])
        5\" high
    """
    for character, escape in _ESCAPES:
        if pc.any(pc.match_substring(column, character)).as_py():
            column = pc.replace_substring(column, character, escape)
    return column


_LAST_ZERO = r"^-?\d+\.(?P<digits>\d*0)$"
_SPLIT = r"^(?P<whole>-?\d+)(?:\.(?P<digits>\d+))?$"


def shortest(column: pa.Array) -> pa.Array:
    """Return numbers without the zeros at the end of their decimals, and other texts as they are.

    Example:
        >>> shortest(pa.array(["5.30", "42.0", "100", "1.0 mg", None])).to_pylist()
        ['5.3', '42', '100', '1.0 mg', None]
    """
    if not _any_last_zero(column):
        return column
    return pc.replace_substring_regex(column, r"^(-?\d+)(?:\.0+|(\.\d*[1-9])0+)$", r"\1\2")


def _any_last_zero(column: pa.Array) -> bool:
    some = pc.and_(pc.ends_with(column, "0"), pc.match_substring(column, "."))
    return bool(pc.any(some).as_py())


def decimals(name: str, column: pa.Array) -> pa.Array:
    """Return what `DECIMALS` says of a variable; null where the last digit is no zero behind the point.

    Example:
        >>> decimals("LBORRES", pa.array(["5.30", "5.3", "100"])).to_pylist()
        ['LBORRES=2', None, None]
    """
    if not _any_last_zero(column):
        return blank(len(column))
    digits = pc.struct_field(pc.extract_regex(column, _LAST_ZERO), "digits")
    return pc.binary_join_element_wise(f"{name}=", pc.utf8_length(digits).cast(pa.string()), "")


def with_decimals(name: str, column: pa.Array, said: pa.Array) -> pa.Array:
    """Return numbers with the zeros behind the point that they had, by what `DECIMALS` says.

    Example:
        >>> said = pa.array(["LBORRES=2", "LBORRES=1", None])
        >>> with_decimals("LBORRES", pa.array(["5.3", "42", "7"]), said).to_pylist()
        ['5.30', '42.0', '7']
    """
    found = pc.struct_field(pc.extract_regex(said, rf"(?:^| ){name}=(?P<digits>\d+)(?: |$)"), "digits")
    for digits in filter(None, pc.unique(found).to_pylist()):
        parts = pc.extract_regex(column, _SPLIT)
        fraction = pc.utf8_rpad(pc.struct_field(parts, "digits"), int(digits), "0")
        longer = pc.binary_join_element_wise(pc.struct_field(parts, "whole"), fraction, ".")
        column = pc.if_else(pc.fill_null(pc.equal(found, digits), False), pc.coalesce(longer, column), column)  # noqa: FBT003 -- an Arrow scalar
    return column


def digests(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Return the digest of each row's values, whatever the order of the columns; blank columns do not count.

    Nor do zeros at the end of decimals: FHIR keeps them, but not every server does.

    Example:
        >>> one = {"A": pa.array(["x"]), "B": pa.array(["y"])}
        >>> digests(one) == digests({**dict(reversed(one.items())), "C": blank(1)})
        True
    """
    cells = [
        pc.fill_null(pc.binary_join_element_wise(f"{name}=", shortest(columns[name]), SEPARATOR, ""), "")
        for name in sorted(columns)
        if columns[name].null_count < len(columns[name])
    ]
    if not cells:
        return blank(len(next(iter(columns.values()), ())))
    texts = pc.binary_join_element_wise(*cells, "").cast(pa.binary()).to_pylist()
    return pa.array([blake2b(text, digest_size=8).hexdigest() for text in texts], pa.string())

"""The id of each record's resource, made of its keys: a second run updates, and does not double."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trialbridge.columns import SEPARATOR, TEXT
from trialbridge.registry import DOMAINS
from trialbridge.standards import keys


def code_of(dataset: str) -> str:
    """Return the domain of a dataset: that of a split one is what its name begins with.

    Example:
        >>> code_of("LBCH"), code_of("SUPPLBCH"), code_of("RELREC")
        ('LB', 'SUPPLBCH', 'RELREC')
    """
    return dataset[:2] if not dataset.startswith("SUPP") and dataset[:2] in DOMAINS else dataset


def record_ids(dataset: str, columns: Mapping[str, pa.Array], rows: int, study: str) -> pa.Array:
    """Return an id for each record: of its --SEQ, else of its natural keys; repeated ones are numbered.

    Args:
        dataset: Dataset name.
        columns: Variable -> column of text. All records of a subject are there, for keys repeat within one.
        rows: How many records there are.
        study: STUDYID.

    Example:
        >>> cells = {"USUBJID": pa.array(["S-1", "S-1", "S-2"]), "XBSEQ": pa.array(["1", "1", "1"])}
        >>> len(set(record_ids("XB", cells, 3, "S").to_pylist()))
        3
    """
    names = [name for name in _key_names(dataset, columns) if name in columns]
    start = pa.repeat(SEPARATOR.join((study, dataset)), rows)
    cells = [pc.fill_null(columns[name], "") for name in names]
    texts = _told_apart(pc.binary_join_element_wise(start, *cells, SEPARATOR))
    return pa.array(
        [blake2b(text, digest_size=16).hexdigest() for text in texts.cast(pa.binary()).to_pylist()], TEXT
    )


def _told_apart(texts: pa.Array) -> pa.Array:
    """Return texts with their number behind the second of several that are equal, and behind the next."""
    encoded = texts.dictionary_encode()
    if len(encoded.dictionary) == len(texts):
        return texts
    numbers = encoded.indices.to_numpy()
    order = np.argsort(numbers, kind="stable")
    _, first = np.unique(numbers[order], return_index=True)
    counts = np.empty(len(texts), np.int64)
    counts[order] = np.arange(len(texts)) - np.repeat(first, np.diff([*first, len(texts)])) + 1
    numbered = pc.binary_join_element_wise(texts, pa.array(counts).cast(TEXT), SEPARATOR)
    return pc.if_else(pa.array(counts > 1), numbered, texts)


def _key_names(dataset: str, columns: Mapping[str, pa.Array]) -> tuple[str, ...]:
    sequence = f"{dataset[:2]}SEQ"
    if sequence in columns:
        return ("USUBJID", sequence)
    try:
        return keys(code_of(dataset))
    except LookupError:
        return tuple(columns)

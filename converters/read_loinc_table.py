"""The user's own LOINC table (``Loinc.csv`` or ``LoincTableCore.csv``): the parts of every term."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv

from trialbridge.converters.loinc_names import Parts
from trialbridge.errors import ConfigurationError
from trialbridge.loinc_files import LoincFiles

COLUMNS = ("LOINC_NUM", "COMPONENT", "PROPERTY", "TIME_ASPCT", "SYSTEM", "SCALE_TYP", "METHOD_TYP")
"""The columns that are read; a release has many more."""


def parts_of_code(files: LoincFiles, code: str) -> Parts | None:
    """Return the parts of a LOINC code by the user's own table; None without a table, or such a code.

    Raises:
        ConfigurationError: The table cannot be read.

    Example:
        >>> parts_of_code(LoincFiles(), "2160-0") is None
        True
    """
    if not files.table:
        return None
    return read_loinc_table(str(Path(files.folder) / files.table)).get(code)


@cache
def read_loinc_table(path: str) -> Mapping[str, Parts]:
    """Return the parts of each term of a LOINC table, by its code.

    Raises:
        ConfigurationError: It cannot be read, or has not the columns of a LOINC table.
    """
    options = pa_csv.ConvertOptions(
        include_columns=list(COLUMNS), column_types=dict.fromkeys(COLUMNS, pa.string())
    )
    parsing = pa_csv.ParseOptions(newlines_in_values=True)
    try:
        table = pa_csv.read_csv(path, convert_options=options, parse_options=parsing)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise ConfigurationError(path, f"cannot be read as a LOINC table: {error}") from error
    codes, *parts = (table[name].to_pylist() for name in COLUMNS)
    return {code: Parts(*said) for code, *said in zip(codes, *parts, strict=True)}

"""The shared shapes: a `Dataset` is an Arrow table with what the standard says of its variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Variable:
    """One column of a dataset, with what the standard and the mapping say of it.

    Attributes:
        name: SDTM name, upper case, at most 8 characters.
        label: Label, at most 40 bytes.
        type: ``Char`` or ``Num``.
        length: Bytes in a transport file; ``None`` to take the longest value (8 for a number).
        format: SAS display format, such as ``DATE9.``; mostly empty.
        role: Role in the standard, such as ``Topic``.
        core: ``Req``, ``Exp`` or ``Perm``; empty for a variable that is not in the standard.
        codelists: NCI codes of the codelists that govern it.
        origin: Define-XML origin type, such as ``Collected`` or ``Derived``.
        source: Define-XML origin source, such as ``Investigator`` or ``Vendor``.
        method: How a derived value comes about, one or two sentences; empty otherwise.
        comment: A remark for the reviewer.
        significant_digits: Digits after the point, where the data is a decimal number.
    """

    name: str
    label: str
    type: Literal["Char", "Num"] = "Char"
    length: int | None = None
    format: str = ""
    role: str = ""
    core: str = ""
    codelists: tuple[str, ...] = ()
    origin: str = ""
    source: str = ""
    method: str = ""
    comment: str = ""
    significant_digits: int | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """One SDTM dataset: its table, its variables in order, and its place in the standard.

    ``table`` has one column for each variable, in the same order: ``string`` for ``Char`` (null is blank)
    and ``float64`` for ``Num`` (null is the missing value ``.``). A special missing value (``._``, ``.A`` to
    ``.Z``) is null in ``table`` and named in ``missing``.

    Attributes:
        name: Dataset name, such as ``LB`` or ``SUPPAE``.
        label: Dataset label, at most 40 bytes.
        variables: What is known of each column.
        table: The values.
        missing: For a numeric variable with special missing values: a string column of the table's length
            that holds ``_`` or ``A`` to ``Z`` where the value is a special missing one, else null.
        observation_class: Such as ``FINDINGS``; the Define-XML spelling, upper case.
        structure: One record per what.
        keys: Natural keys, in order.
        comment: A remark for the reviewer.
    """

    name: str
    label: str
    variables: tuple[Variable, ...]
    table: pa.Table
    missing: Mapping[str, pa.Array] = field(default_factory=dict)
    observation_class: str = ""
    structure: str = ""
    keys: tuple[str, ...] = ()
    comment: str = ""

    def variable(self, name: str) -> Variable:
        """Return the variable called `name`.

        Raises:
            KeyError: There is none.
        """
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(name)

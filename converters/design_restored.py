"""Trial design datasets that were carried to FHIR, read back from the resources of the design."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from trialbridge.carriage import ROW
from trialbridge.converters.design_lines import texts_of
from trialbridge.converters.design_of_staged import rows_by_type, staged_design
from trialbridge.converters.identity import Identities
from trialbridge.converters.stage import Staged


@dataclass(frozen=True)
class RestoredDesign:
    """What was read back.

    Attributes:
        tables: Dataset -> its records as text, in order.
        rows: Resource type -> the rows of the resources that they came from.
    """

    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)


def restored_design(staged: Staged, identities: Identities) -> RestoredDesign:
    """Return the records that say which row of their dataset they were; others are no carried ones."""
    found = staged_design(staged, identities)
    numbered = {name: [one for one in some if ROW in one] for name, some in found.records.items()}
    tables = {
        name: texts_of([{key: text for key, text in one.items() if key != ROW} for one in some])
        for name, some in numbered.items()
        if some
    }
    if not tables:
        return RestoredDesign()
    return RestoredDesign(tables, {kind: np.array(rows) for kind, rows in rows_by_type(found).items()})

"""A process of this package's own, which starts without what it does not need."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder

NOT_NEEDED = "pandas"


class _Absent(MetaPathFinder):
    """Finds what is not needed to be absent."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 -- a finder
        """Refuse what is not needed; look for nothing else."""
        if fullname == NOT_NEEDED:
            raise ModuleNotFoundError(fullname)


def become_lean() -> None:
    """Return when Arrow and NumPy are there, without what they bring along.

    That takes 0.12 s of processor time and 56 MiB, not 0.38 s and 105 MiB (medians of twelve starts in turn
    on a busy machine), and a run of two processes saves it twice.

    Arrow imports pandas, where it is installed, with the first array that it makes, to know a data frame by
    sight. None comes here; and for what cannot do without, as ``to_pandas``, Arrow looks again. OpenBLAS
    starts a thread for each processor, which wait by turning in circles: nothing here is linear algebra.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa  # noqa: PLC0415 -- only now

    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([])
    finally:
        sys.meta_path.remove(absent)

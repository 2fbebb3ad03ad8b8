"""One run on its way: its clock, its accounts, and what it has found so far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

from trialbridge.converters.decided import Uses
from trialbridge.converters.design_of_staged import StagedDesign
from trialbridge.converters.ledger import Account
from trialbridge.converters.stage import Progress
from trialbridge.converters.unmapped import Unmapped
from trialbridge.findings import Finding
from trialbridge.study import Study
from trialbridge.tested import Used


@dataclass
class Run:
    """One run: its clock, its accounts, and what it has found."""

    study: Study
    progress: Progress | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=lambda: defaultdict(Account))
    unmapped: Unmapped = field(default_factory=Unmapped)
    uses: Uses = field(default_factory=Uses)
    tests: Counter[Used] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    design: StagedDesign = field(default_factory=StagedDesign)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - began

    def tell(self, name: str, done: int, total: int) -> None:
        """Tell whoever watches how far a step is."""
        if self.progress:
            self.progress(name, done, total)

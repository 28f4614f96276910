"""Which rules hold and which do not: for a person, for Markdown and for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mlflow_fraud.core.contract.contract import Level

Of = Literal["rows", "batches", "days"]

_ONE = {"rows": "row", "batches": "batch", "days": "day"}


@dataclass(frozen=True)
class Finding:
    """What a rule found: how many rows break it, what was observed, up to three examples."""

    rule: str
    holds: bool
    severity: Level
    column: str | None
    unexpected: int
    observed: str
    examples: tuple[str, ...] = ()
    of: Of = "rows"

    @property
    def sentence(self) -> str:
        """The finding for a person.

        >>> Finding("amount is in range", False, "critical", "amount", 2, "", ("-4.20",)).sentence
        'amount is in range: 2 rows do not comply, for example -4.20'
        """
        return f"{self.rule}: {self.found}" + (f", for example {', '.join(self.examples)}" if self.examples else "")

    @property
    def found(self) -> str:
        """How many rows, batches or days break the rule, or what was seen where nothing is to be counted."""
        if not self.unexpected:
            return f"found {self.observed}"
        return (
            f"1 {_ONE[self.of]} does not comply"
            if self.unexpected == 1
            else f"{self.unexpected} {self.of} do not comply"
        )


@dataclass(frozen=True)
class Report:
    """All findings on one table."""

    contract: str
    rows: int
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The critical rules that do not hold."""
        return tuple(f for f in self.findings if not f.holds and f.severity == "critical")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The other rules that do not hold."""
        return tuple(f for f in self.findings if not f.holds and f.severity == "warning")

    @property
    def passed(self) -> bool:
        """Whether the pipeline may go on."""
        return not self.failures

    @property
    def headline(self) -> str:
        """The report in one line.

        >>> Report("cards", 2000, ()).headline
        'cards passed: 2,000 rows, 0 of 0 rules hold'
        """
        broken = len(self.failures) + len(self.warnings)
        held = f"{len(self.findings) - broken} of {len(self.findings)} rules hold"
        return f"{self.contract} {'passed' if self.passed else 'failed'}: {self.rows:,} rows, {held}"

    def to_markdown(self) -> str:
        """Return what a reviewer reads in ten seconds: what does not hold, how often, up to three masked examples."""
        broken = [f"- **{finding.severity}**: {finding.sentence}" for finding in (*self.failures, *self.warnings)]
        return "\n".join([f"**{self.headline}**", "", *(broken or ["Every rule holds."])]) + "\n"

    def to_json(self) -> str:
        """Return the report as the text of `report.json`: the same data, the same bytes."""
        document = {"passed": self.passed, **asdict(self)}
        return json.dumps(document, indent=1) + "\n"


def report_of(document: Mapping[str, Any]) -> Report:
    """Return the report that the content of `report.json` tells."""
    findings = (Finding(**{**entry, "examples": tuple(entry["examples"])}) for entry in document["findings"])
    return Report(document["contract"], document["rows"], tuple(findings))

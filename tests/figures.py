"""Figures that tests measure: judged kindly, told truly, in one table at the end of the session.

A target is what a run on a quiet machine must reach. Tests here share their machine with others:
so a time may be ``SLACK`` times its target before it fails a test; the table shows what it was.
"""

from __future__ import annotations

from dataclasses import dataclass, field

SLACK = 3.0


@dataclass(frozen=True)
class Row:
    """One figure beside its target."""

    item: str
    what: str
    target: str
    measured: str
    kept: bool


@dataclass
class Figures:
    """The figures of a session."""

    rows: list[Row] = field(default_factory=list)

    def at_most(
        self, item: str, what: str, value: float, target: float, unit: str, *, slack: float = SLACK
    ) -> None:
        """Note a figure that should be small; fail when it is above ``slack`` times its target."""
        self._note(item, what, f"<= {target:g} {unit}".strip(), value, unit, kept=value <= target)
        assert value <= slack * target, f"{item}, {what}: {value:g} {unit}, target {target:g}"

    def at_least(
        self, item: str, what: str, value: float, target: float, unit: str, *, slack: float = 1.0
    ) -> None:
        """Note a figure that should be large; fail when ``slack`` times it is below its target."""
        self._note(item, what, f">= {target:g} {unit}".strip(), value, unit, kept=value >= target)
        assert slack * value >= target, f"{item}, {what}: {value:g} {unit}, target {target:g}"

    def exactly(self, item: str, what: str, value: float, target: float, unit: str = "") -> None:
        """Note a count that must be right; fail when it is not."""
        self._note(item, what, f"{target:g} {unit}".strip(), value, unit, kept=value == target)
        assert value == target, f"{item}, {what}: {value:g}, expected {target:g}"

    def tell(self, item: str, what: str, value: float, unit: str) -> None:
        """Note a figure that has no target."""
        self._note(item, what, "", value, unit, kept=True)

    def table(self) -> list[str]:
        """Return the lines of a Markdown table, in the order of the items."""
        lines = ["| # | what | target | measured | |", "|---|---|---|---|---|"]
        for row in sorted(self.rows, key=lambda r: (r.item[0], int(r.item[1:] or 0))):
            kept = "" if row.kept else "missed"
            lines.append(f"| {row.item} | {row.what} | {row.target} | {row.measured} | {kept} |")
        return lines

    def _note(
        self, item: str, what: str, target: str, value: float, unit: str, *, kept: bool
    ) -> None:
        measured = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        self.rows.append(Row(item, what, target, f"{measured} {unit}".strip(), kept))

"""What a rule finds, and the order in which findings are told."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from mlp_lab.display import Displayed, Row

CERTAIN, PROBABLE, NOTE = "certain", "probable", "note"
SURE = (CERTAIN, PROBABLE, NOTE)

CAUSES = (
    *("inputs degenerate", "labels degenerate", "not shuffled", "output activation"),
    *("output and loss", "loss", "labels misaligned", "inputs not scaled", "target range"),
    *("initialization", "over-regularized", "hidden activation", "rate too high", "rate too low"),
)
"""Kinds that are causes, in the order in which they are looked for."""

SYMPTOMS = (
    *("non-finite", "exploding", "vanishing", "dead units", "saturated units", "oscillation"),
    *("overfitting", "not learning"),
)
"""Kinds that often are effects of a cause; told alone where none is found."""

KINDS = (*CAUSES, *SYMPTOMS)

SHOWN = 3


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Finding(Displayed):
    """Something that is wrong with a training.

    Attributes:
      kind: one of `KINDS`, or that of a user's rule.
      what: one sentence.
      where: the layer, feature, class, row or option.
      evidence: sentences with the numbers that show it.
      change: what to change, as a flag or a line of code.
      certainty: "certain", proved by arithmetic or an experiment; "probable"; or "note".
      since: the step from which on it is so; None if that is not known.
      alternatives: what else it could be.
      effects: what follows from it, as far as it was seen.
    """

    kind: str
    what: str
    where: str
    evidence: tuple[str, ...]
    change: str
    certainty: str = PROBABLE
    since: int | None = None
    alternatives: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.certainty not in SURE:
            raise ValueError(
                f"certainty: expected one of {', '.join(SURE)}, got {self.certainty!r}"
            )

    @property
    def line(self) -> str:
        """It in one line, for a console."""
        return f"{self.certainty}: {self.kind}: {self.what} -> {self.change}"

    @property
    def text(self) -> str:
        """All of it as Markdown."""
        since = "" if self.since is None else f", since step {self.since}"
        lines = [f"**{self.kind}** ({self.certainty}; {self.where}{since}): {self.what}", ""]
        lines += [f"- {each}" for each in self.evidence]
        lines += [f"- change: `{self.change}`"]
        if self.effects:
            lines += [f"- effects: {', '.join(self.effects)}"]
        if self.alternatives:
            lines += [f"- or else: {', '.join(self.alternatives)}"]
        return "\n".join(lines)

    def as_record(self) -> dict[str, Any]:
        """A dict that `json.dumps` takes."""
        return dataclasses.asdict(self)

    def _display(self) -> tuple[str, list[Row]]:
        rows: list[Row] = [("what", self.what), ("where", self.where)]
        rows += [("since", f"step {self.since}")] if self.since is not None else []
        rows += [("evidence", "; ".join(self.evidence)), ("change", self.change)]
        rows += [("effects", ", ".join(self.effects))] if self.effects else []
        rows += [("or else", ", ".join(self.alternatives))] if self.alternatives else []
        return f"{self.kind}, {self.certainty}", rows


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Causes before symptoms, the sure ones first; what a cause has brought about is its effect.

    Notes come last and explain nothing.
    """
    found = sorted(findings, key=lambda f: (f.certainty == NOTE, _rank(f.kind), _sure(f)))
    causes = [f for f in found if f.kind not in SYMPTOMS and f.certainty != NOTE]
    symptoms = [f for f in found if f.kind in SYMPTOMS and f.certainty != NOTE]
    notes = [f for f in found if f.certainty == NOTE]
    if causes and symptoms:
        kept = [f for f in symptoms if f.kind == "overfitting"]
        seen = tuple(
            f.kind if f.since is None else f"{f.kind} since step {f.since}"
            for f in symptoms
            if f.kind != "overfitting"
        )
        causes[0] = dataclasses.replace(causes[0], effects=(*causes[0].effects, *seen))
        symptoms = kept
    return [*causes, *symptoms, *notes]


def _rank(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(CAUSES)


def _sure(finding: Finding) -> int:
    return SURE.index(finding.certainty)

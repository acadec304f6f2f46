"""The mix-in that prints an object in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mlp_lab.display.html import as_html
from mlp_lab.display.lines import Line, Row, clean, lines

_MOST_HEADING = 200
_WIDEST_LABEL, _WIDEST_KIND = 40, 28


class Displayed:
    """Prints an object as a heading and rows, and in a notebook as a table with histograms.

    A subclass returns from `_display` the rest of the heading, after the name of the class,
    and rows of a label and a value. Arrays and tensors are shown by type, shape and norm, never
    by their values; containers by their items, without the middle of long ones; other objects
    by their class. A row may have a third item, a note: it is shown instead of a norm, which is
    then not computed. Neither form ever fails, and the work of both is bounded.

    A dataclass must state `repr=False`; otherwise its generated `__repr__` takes precedence.

    Example:

      >>> from mlp_lab.display import Displayed
      >>> class Layer(Displayed):
      ...     def _display(self):
      ...         weights = {"kernel": np.ones((4, 3), "float32"), "bias": np.zeros(3, "float32")}
      ...         return "hidden_1", [("rate", 0.1), ("weights", weights)]
      >>> Layer()
      Layer hidden_1
        rate      0.1
        weights   2 arrays  norm 3.464, 15 values
          kernel  f32[4,3]  norm 3.464
          bias    f32[3]    norm 0
    """

    def _display(self) -> tuple[str, Sequence[Row]]:
        """The heading after the name of the class, and the rows."""
        return "", []

    def __repr__(self) -> str:
        return self._displayed(as_text)

    def _repr_html_(self) -> str:
        return self._displayed(as_html)

    def _displayed(self, form: Callable[[str, Sequence[Row]], str]) -> str:
        name = type(self).__name__
        try:
            heading, rows = self._display()
            return form(clean(f"{name} {heading}".rstrip(), _MOST_HEADING), rows)
        except Exception as error:  # a half-made object, in a debugger for instance
            return form(f"{name} (cannot be shown: {type(error).__name__})", [])


def as_text(heading: str, rows: Sequence[Row]) -> str:
    """The rows under their heading, in columns."""
    found = list(lines(rows))
    labels = [f"{'  ' * (line.depth + 1)}{line.label}" for line in found]
    first = min(max(map(len, labels), default=0), _WIDEST_LABEL)
    kinds = [len(line.kind) for line in found if line.note]
    second = min(max(kinds, default=0), _WIDEST_KIND)
    return "\n".join(
        [
            heading,
            *(
                _columns(label, line, first, second)
                for label, line in zip(labels, found, strict=True)
            ),
        ]
    )


def _columns(label: str, line: Line, first: int, second: int) -> str:
    return f"{label:<{first}}  {line.kind:<{second}}  {line.note}".rstrip()

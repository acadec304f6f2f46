"""y: classes, several labels or numbers, from arrays of texts or numbers."""

from __future__ import annotations

import dataclasses

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.tables.category import natural
from mlp_lab.user_data.facts import Facts, checked, facts_of, one_hot_rows

KINDS = ("classes", "labels", "numbers")


@dataclasses.dataclass(frozen=True)
class Form:
    """y as a model learns it.

    Attributes:
      kind: classes, labels or numbers.
      y_train, y_test: classes int32 [n]; labels float32 [n, k] of 0 and 1; numbers float64 [n, t].
      names: of the classes or labels; None for numbers.
      lines: what was done, to be said.
    """

    kind: str
    y_train: np.ndarray
    y_test: np.ndarray | None
    names: tuple[str, ...] | None
    lines: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class RawTargets:
    """y as it was stored, checked.

    Attributes:
      train, test: [n] or [n, columns], of texts, booleans, integers or finite floats.
      facts: of the training part.
      names: of the classes or labels, if the source has them.
    """

    train: np.ndarray
    test: np.ndarray | None
    facts: Facts
    names: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        train: np.ndarray,
        test: np.ndarray | None,
        names: tuple[str, ...] | None = None,
        called: tuple[str, str] = ("y_train", "y_test"),
    ) -> RawTargets:
        """Checks both parts.

        Raises:
          InputError: a part is of another shape or type, a value is missing or infinite, or the
            parts do not fit each other.
        """
        train = checked(train, called[0])
        if test is not None:
            test = checked(test, called[1])
            texts = train.dtype.kind == "U", test.dtype.kind == "U"
            if train.shape[1:] != test.shape[1:] or texts[0] != texts[1]:
                raise InputError(
                    "data",
                    f"{called[0]} is {train.dtype} {train.shape}, but {called[1]} is {test.dtype} "
                    f"{test.shape}",
                )
        return cls(train, test, facts_of(train), names)

    def form(self, kind: str = "auto") -> Form:
        """y for a task.

        Raises:
          InputError: y is not of this kind, the same in all rows, a class has one row only, or the
            test part has a class that the training part does not have.
        """
        if kind == "auto":
            kind = self.facts.kind()
        if kind == "classes":
            return self._labels_of_one_hot() if self.facts.columns > 1 else self._classes()
        if kind == "labels":
            return self._labels()
        if kind == "numbers":
            return self._numbers()
        raise InputError("task", f"expected {', '.join(KINDS)}, got {kind!r}")

    def part(self, train: np.ndarray, test: np.ndarray) -> RawTargets:
        """The training part, split."""
        return dataclasses.replace(self, train=self.train[train], test=self.train[test])

    def _classes(self) -> Form:
        values, ids, counts = np.unique(self.train, return_inverse=True, return_counts=True)
        texts = [_word(value) for value in values]
        if len(values) < 2:
            raise InputError("data", f"y is {texts[0][:60]!r} in all rows; nothing to learn")
        if counts.min() < 2:
            place = int(np.argmin(counts))
            more = int((counts < 2).sum()) - 1
            raise InputError(
                "data",
                f"class {texts[place][:60]!r} of y has one row ({int(np.argmax(ids == place)):,}, "
                "counted from 0)"
                + (f", and {more:,} other classes too" if more else "")
                + "; expected at least two"
                + ("; give --task=numbers if y is a number" if self.facts.numeric else ""),
            )
        order = sorted(range(len(values)), key=lambda place: natural(texts[place]))
        if self.facts.numeric:
            order = list(range(len(values)))
        places = np.empty(len(values), np.int32)
        places[order] = np.arange(len(values))
        y_test = None
        if self.test is not None:
            at = np.searchsorted(values, self.test).clip(max=len(values) - 1)
            strange = values[at] != self.test
            if strange.any():
                row = int(np.argmax(strange))
                raise InputError(
                    "data",
                    f"the test part has the class {_word(self.test[row])[:60]!r} (row {row:,}), "
                    "which the training part does not have",
                )
            y_test = places[at]
        names = tuple(texts[place] for place in order)
        known, lines = self._named(values, names)
        return Form("classes", places[ids.reshape(-1)], y_test, known, lines)

    def _named(
        self, values: np.ndarray, names: tuple[str, ...]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the classes, and how labels are read as classes."""
        if not self.facts.numeric or self.train.dtype.kind == "b":
            return names, ()
        last, count = float(values[-1]), len(values)
        if self.names is not None and not (
            self.facts.whole and values[0] >= 0 and last < len(self.names)
        ):
            raise InputError(
                "data",
                f"there are {len(self.names)} names of classes, but labels from {names[0]} to "
                f"{names[-1]}",
            )
        own = names if self.names is None else tuple(self.names[int(v)] for v in values)
        if values[0] == 0 and last == count - 1:
            return own, ()
        gapless = self.facts.whole and last - float(values[0]) == count - 1
        listed = f"{names[0]}\N{EN DASH}{names[-1]}" if gapless else _few(names)
        return own, (f"labels {listed} read as classes 0\N{EN DASH}{count - 1}",)

    def _labels_of_one_hot(self) -> Form:
        if not self.facts.one_hot:
            raise InputError(
                "task",
                f"classes need one column or one-hot rows; y has {self.facts.columns} columns and "
                "not one 1 in each row; give --task=labels or --task=numbers",
            )
        y_train = np.argmax(self.train, axis=1).astype(np.int32)
        y_test = None
        if self.test is not None:
            wrong = ~one_hot_rows(self.test)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise InputError("data", f"the test part's y is not one-hot in row {row:,}")
            y_test = np.argmax(self.test, axis=1).astype(np.int32)
        names = self._column_names()
        counts = np.bincount(y_train, minlength=len(names))
        if (counts > 0).sum() < 2:
            raise InputError("data", "y has the same class in all rows; nothing to learn")
        lines = [f"y is one-hot: read as {len(names):,} classes"]
        if not counts.all():
            absent = [names[place] for place in np.flatnonzero(counts == 0)]
            lines.append(f"no training row has class {_few(absent)}")
        return Form("classes", y_train, y_test, names, tuple(lines))

    def _labels(self) -> Form:
        facts = self.facts
        if not (facts.several_labels or facts.one_hot):
            raise InputError("task", "labels need a y of several columns of 0 and 1")
        sums, names = self.train.sum(axis=0, dtype=np.int64), self._column_names()
        for name, count in zip(names, sums.tolist(), strict=True):
            if not 2 <= count < facts.rows:
                where = "all rows" if count == facts.rows else f"{count} rows"
                raise InputError("data", f"label {name!r} of y is in {where}; nothing to learn")
        if self.test is not None and not np.isin(self.test, (0, 1)).all():
            raise InputError("data", "the test part's y has other values than 0 and 1")
        test = None if self.test is None else self.test.astype(np.float32)
        line = f"y has {len(names):,} columns of 0 and 1: any of as many labels"
        return Form("labels", self.train.astype(np.float32), test, names, (line,))

    def _numbers(self) -> Form:
        if not self.facts.numeric:
            value = str(self.train.flat[0])[:60]
            raise InputError("task", f"numbers do not fit y, whose first value is {value!r}")
        y_train = self.train.astype(np.float64).reshape(len(self.train), -1)
        constant = np.flatnonzero((y_train == y_train[0]).all(axis=0))
        if len(constant):
            column = f"column {constant[0]} of y" if y_train.shape[1] > 1 else "y"
            value = f"{y_train[0, constant[0]]:g}"
            raise InputError("data", f"{column} is {value} in all rows; nothing to learn")
        test = self.test
        if test is not None:
            test = test.astype(np.float64).reshape(len(test), -1)
        return Form("numbers", y_train, test, None, ())

    def _column_names(self) -> tuple[str, ...]:
        names = self.names or tuple(map(str, range(self.facts.columns)))
        if len(names) != self.facts.columns:
            raise InputError(
                "data", f"there are {len(names)} names of classes, but {self.facts.columns} columns"
            )
        return names


def _word(value: np.generic) -> str:
    """A label as a name: 3 for 3.0."""
    item = value.item()
    return str(int(item)) if isinstance(item, float) and item.is_integer() else str(item)


def _few(names: list[str] | tuple[str, ...]) -> str:
    shown = [name[:40] for name in names]
    return ", ".join(shown if len(shown) <= 6 else [*shown[:4], "...", shown[-1]])

"""Inputs from which nothing can be learned."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, Finding
from mlp_lab.diagnosis.rule import Rule
from mlp_lab.diagnosis.subject import iterate


class InputsDegenerate(Rule):
    """Numbers that are not finite, or the same row again and again."""

    group = "inputs degenerate"

    def find(self, evidence):
        if evidence.subject.x is None:
            return
        for number, array in enumerate(iterate(evidence.subject.x)):
            if array.dtype.kind not in "biuf" or not array.size:
                continue
            flat = array.reshape(len(array), -1)
            bad = ~np.isfinite(flat) if flat.dtype.kind == "f" else np.zeros(flat.shape, bool)
            where = f"input {number}" if number else "inputs"
            if bad.any():
                features = np.flatnonzero(bad.any(axis=0))
                yield Finding(
                    self.group,
                    f"{bad.sum():,} of {bad.size:,} numbers are NaN or infinite",
                    f"{where}, feature {', '.join(map(str, features[:5]))}",
                    (f"{bad.any(axis=1).sum():,} of {len(bad):,} sampled rows have one",),
                    evidence.subject.words("", "x = x[np.isfinite(x).all(axis=1)]"),
                    CERTAIN,
                )
            elif len(flat) > 3 and (flat == flat[0]).all():
                yield Finding(
                    self.group,
                    "all rows are equal, so that no output can depend on them",
                    where,
                    (f"{len(flat):,} sampled rows of {flat.shape[1]:,} equal features",),
                    evidence.subject.words("", "x = x / 255.0  # not x // 255"),
                    CERTAIN,
                    alternatives=("an integer division", "the wrong column"),
                )

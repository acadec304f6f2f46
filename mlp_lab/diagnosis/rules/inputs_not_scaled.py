"""Inputs whose numbers are too large, too small, or too different in size."""

import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_LARGE, _SMALL, _RATIO, _BROKEN = 3.0, 0.05, 30.0, 20.0


class InputsNotScaled(Rule):
    """Judged by what reaches the first layer with weights, so that scaling inside counts."""

    group = "inputs not scaled"
    needs = ("start",)
    always = False

    def find(self, evidence):
        first = evidence.start.first_layer()
        if not evidence.failing or first is None or evidence.history.steps == 0:
            return
        inputs = first[0]
        if not np.isfinite(inputs).all():
            return
        size = float(np.sqrt(np.mean(inputs**2)))
        stds = inputs.std(axis=0)
        varied = stds[stds > 0]
        ratio = float(varied.max() / np.median(varied)) if varied.size else 1.0
        uneven = varied.size and varied.max() > _LARGE and ratio > _RATIO
        if not (size > _LARGE or 0 < size < _SMALL or uneven):
            return
        why = (
            f"what reaches the first layer is of size {size:.3g} (root mean square), features "
            f"from {inputs.min():.4g} to {inputs.max():.4g}",
        )
        tried = evidence.experiments
        found = tried.standardized() if tried is not None else None
        if found is not None:
            told = tried.told("the model on standardized inputs", found)
            yield self._found(evidence, (*why, told), CERTAIN)
        elif (tried is None or tried.refused) and (size > _BROKEN or evidence.history.broken):
            yield self._found(evidence, why, PROBABLE)

    def _found(self, evidence, why, sure):
        x = evidence.subject.x
        bytes_ = isinstance(x, np.ndarray) and x.min() >= 0 and 100 < x.max() <= 255
        code = "x = x.astype('float32') / 255.0" if bytes_ else "x = (x - mean) / std"
        return Finding(
            self.group,
            "the numbers of the inputs do not have the size that initial weights are made for",
            "inputs",
            why,
            evidence.subject.words("", code),
            sure,
            since=0,
            alternatives=("a Normalization layer inside the model",),
        )

"""Penalties or dropout that keep the model from learning."""

import keras
import numpy as np

from mlp_lab.diagnosis.finding import CERTAIN, Finding
from mlp_lab.diagnosis.rule import Rule
from mlp_lab.engine.keras_hooks import layers_of

_SHARE, _RATE = 0.2, 0.45


class OverRegularized(Rule):
    """A penalty that outweighs the loss of the data, or dropout of nearly everything."""

    group = "over-regularized"
    needs = ("start", "experiments")
    always = False

    def find(self, evidence):
        if not evidence.failing:
            return
        shares = [
            each.penalty / each.loss
            for each in (evidence.start, evidence.end)
            if each is not None and np.isfinite([each.penalty, each.loss]).all() and each.loss > 0
        ]
        share = max(shares, default=0.0)
        model = evidence.subject.model
        drops = [la.rate for la in layers_of(model) if isinstance(la, keras.layers.Dropout)]
        drop = max([0.0, *(float(rate) for rate in drops)])
        if share < _SHARE and drop < _RATE:
            return
        found = evidence.experiments.unpenalized()
        if found is None:
            return
        penalty = share >= _SHARE
        yield Finding(
            self.group,
            f"penalties are {share:.0%} of the loss" if penalty else f"dropout of {drop:.0%}",
            "regularizers" if penalty else "dropout",
            (evidence.experiments.told("the model without them", found),),
            evidence.subject.words(
                "" if penalty else f"--dropout={drop / 4:.2g}",
                "kernel_regularizer=keras.regularizers.L2(1e-4)"
                if penalty
                else f"Dropout({drop / 4:.2g})",
            ),
            CERTAIN,
        )

"""A model that learns its training rows by heart."""

import numpy as np

from mlp_lab.diagnosis.finding import PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule


class Overfitting(Rule):
    """Validation has been getting worse for long while training goes on getting better."""

    group = "overfitting"
    needs = ("epochs",)

    def find(self, evidence):
        loss, val = evidence.history.log("loss"), evidence.history.log("val_loss")
        if not evidence.ended or len(loss) != len(val) or len(val) < 6:
            return
        if not (np.isfinite(loss).all() and np.isfinite(val).all()) or val.min() <= 0:
            return
        smooth = np.convolve(val, np.ones(3) / 3, "valid")  # one bad epoch is none
        best = int(np.argmin(smooth))
        late = best < 0.67 * len(smooth)
        rise, gap = smooth[-1] / smooth[best], smooth[-1] / max(loss[-1], 1e-12)
        if late and rise > 1.3 and loss[-1] < 0.8 * loss[best] and gap > 1.5:
            yield Finding(
                self.group,
                f"the validation loss has risen by {rise - 1:.0%} since epoch {best + 2}, while "
                "the training loss fell",
                "validation",
                (
                    f"training loss {loss[-1]:.3g}, validation loss {val[-1]:.3g}, at best "
                    f"{val.min():.3g}",
                ),
                evidence.subject.words(
                    f"--epochs={best + 2}", "keras.callbacks.EarlyStopping(patience=3)"
                ),
                PROBABLE,
                alternatives=("a model that is too large", "too few rows", "too little dropout"),
            )

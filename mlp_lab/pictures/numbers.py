"""How predicted numbers compare with the true ones."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from mlp_lab.pictures import plane
from mlp_lab.pictures.base import Picture, View


class PredictedAgainstTrue(Picture):
    """For each target the predictions over the true values, in the target's unit.

    A perfect prediction lies on the line. The title gives the root of the mean squared error and
    R² = 1 - sum (y - p)^2 / sum (y - mean y)^2.
    """

    of_classes: ClassVar[bool] = False
    of_numbers: ClassVar[bool] = True

    def draw(self, view: View) -> None:
        for place, name in enumerate(view.class_names):
            true, predicted = view.labels[:, place], view.outputs[:, place]
            low, high = plane.bounds(np.concatenate([true, predicted]))
            error = predicted.astype(np.float64) - true
            spread = true - np.mean(true, dtype=np.float64)
            r2 = 1 - error @ error / max(float(spread @ spread), 1e-300)
            title = (
                f"epoch {view.epoch}: {name}, RMSE {np.sqrt(np.mean(error**2)):.4g}, R² {r2:.4f}"
            )
            both = (low, high)
            words = (f"true {name}", f"predicted {name}")
            picture = plane.density(
                true, predicted, both, both, words, title, (low, low, high, high)
            )
            view.writer.images(f"pictures/predicted_against_true/{name}", picture, view.step)


class Residuals(Picture):
    """For each target the errors, predicted - true, over the predictions.

    Where the errors of a model grow, bend or lean with the prediction, there is something left to
    learn, or the target wants another scale.
    """

    of_classes: ClassVar[bool] = False
    of_numbers: ClassVar[bool] = True

    def draw(self, view: View) -> None:
        for place, name in enumerate(view.class_names):
            predicted = view.outputs[:, place].astype(np.float64)
            errors = predicted - view.labels[:, place]
            across = plane.bounds(predicted)
            up = plane.bounds(np.append(errors, 0))
            mean = float(np.mean(errors))
            title = f"epoch {view.epoch}: {name}, errors of mean {mean:.4g}"
            words = (f"predicted {name}", "predicted - true")
            picture = plane.density(
                predicted, errors, across, up, words, title, (across[0], 0, across[1], 0)
            )
            view.writer.images(f"pictures/residuals/{name}", picture, view.step)

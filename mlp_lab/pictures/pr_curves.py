"""Precision against recall for each class."""

from mlp_lab.pictures.base import Picture, View


class PRCurves(Picture):
    """A precision-recall curve per class, from the class's probability."""

    def draw(self, view: View) -> None:
        tags = [f"pr_curve/{name}" for name in view.names]
        view.writer.pr_curves(tags, view.labels, view.probabilities, view.step)

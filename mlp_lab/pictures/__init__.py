"""Pictures: what TensorBoard shows of a model besides its numbers, one per file."""

from mlp_lab.pictures.base import Picture, View
from mlp_lab.pictures.confusion import Confusion
from mlp_lab.pictures.first_images import FirstImages
from mlp_lab.pictures.graph import Graph
from mlp_lab.pictures.kernels import Kernels
from mlp_lab.pictures.mistakes import Mistakes
from mlp_lab.pictures.numbers import PredictedAgainstTrue, Residuals
from mlp_lab.pictures.pr_curves import PRCurves
from mlp_lab.pictures.projector import Projector

__all__ = [
    "Confusion",
    "FirstImages",
    "Graph",
    "Kernels",
    "Mistakes",
    "PRCurves",
    "Picture",
    "PredictedAgainstTrue",
    "Projector",
    "Residuals",
    "View",
    "standard",
]


def standard(task: str = "classes", images: bool = True) -> list[Picture]:
    """The pictures that a run draws by default.

    Args:
      task: what is learned: classes, binary, labels or numbers.
      images: whether the samples can be seen.
    """
    if task == "numbers":
        return [Graph(), PredictedAgainstTrue(), Residuals()]
    if task == "labels":
        return [Graph()]
    if not images:
        return [Graph(), Confusion(), PRCurves()]
    return [
        Graph(),
        FirstImages(),
        Confusion(),
        Mistakes(),
        Kernels(),
        PRCurves(),
        Projector(),
    ]

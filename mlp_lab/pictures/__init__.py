"""Pictures: what TensorBoard shows of a model besides its numbers, one per file."""

from mlp_lab.pictures.base import Picture, View
from mlp_lab.pictures.confusion import Confusion
from mlp_lab.pictures.first_images import FirstImages
from mlp_lab.pictures.graph import Graph
from mlp_lab.pictures.kernels import Kernels
from mlp_lab.pictures.mistakes import Mistakes
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
    "Projector",
    "View",
    "standard",
]


def standard() -> list[Picture]:
    """The pictures that a run draws by default."""
    return [
        Graph(),
        FirstImages(),
        Confusion(),
        Mistakes(),
        Kernels(),
        PRCurves(),
        Projector(),
    ]

"""What is done with a trained model: evaluate, predict, export, report."""

from mlp_lab.trained.evaluation import Evaluation, evaluate
from mlp_lab.trained.exporting import export
from mlp_lab.trained.prediction import predict
from mlp_lab.trained.reporting import report

__all__ = ["Evaluation", "evaluate", "export", "predict", "report"]

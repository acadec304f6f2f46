"""What is learned: classes, one of two, several labels, or numbers.

A task knows the names of what is predicted, how many outputs that takes, the default loss and
metrics, what guessing without inputs would reach, and how outputs are read:

    kind, line = infer(TargetFacts("species", numeric=False, whole=False, distinct=3, rows=150))
    task = Classes(("setosa", "versicolor", "virginica"))
    task.read(outputs).columns()  # what a CSV file of predictions holds

Only NumPy is needed, not TensorFlow.
"""

from mlp_lab.tasks.base import Task
from mlp_lab.tasks.binary import Binary
from mlp_lab.tasks.classes import Classes
from mlp_lab.tasks.infer import KINDS, TargetFacts, infer
from mlp_lab.tasks.labels import Labels
from mlp_lab.tasks.numbers import Numbers
from mlp_lab.tasks.predictions import Predictions
from mlp_lab.tasks.weights import class_weights

__all__ = [
    "KINDS",
    "Binary",
    "Classes",
    "Labels",
    "Numbers",
    "Predictions",
    "TargetFacts",
    "Task",
    "class_weights",
    "infer",
]

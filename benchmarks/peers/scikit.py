"""scikit-learn."""

from sklearn.neural_network import MLPClassifier

from peers import BATCH, HIDDEN, LEARNING_RATE, Task, timed


class Classifier:
    """`MLPClassifier.partial_fit`: one epoch in a new order, without training accuracy."""

    def __init__(self, task: Task):
        self.x, self.y = task.flat(), task.y
        self.model = MLPClassifier(
            HIDDEN, solver="adam", alpha=0.0, batch_size=BATCH, learning_rate_init=LEARNING_RATE
        )

    def prepare(self):
        self.model.partial_fit(self.x, self.y, classes=range(10))

    def epoch(self):
        return timed(self.train)

    def train(self):
        self.model.partial_fit(self.x, self.y)

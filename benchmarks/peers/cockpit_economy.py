"""Cockpit, which observes the training of PyTorch models."""

import importlib.metadata
import importlib.util
import sys
import types

import torch

from peers import BATCH, LEARNING_RATE, Task, pytorch, timed

if importlib.util.find_spec("pkg_resources") is None:
    # Cockpit asks this module for its own version; setuptools no longer has it.
    stand_in = types.ModuleType("pkg_resources")
    stand_in.DistributionNotFound = importlib.metadata.PackageNotFoundError
    stand_in.get_distribution = importlib.metadata.distribution
    sys.modules["pkg_resources"] = stand_in

from backpack import extend
from cockpit import Cockpit
from cockpit.utils import schedules
from cockpit.utils.configuration import configuration


class Economy:
    """The in-memory loop with the configuration "economy" every 100 steps."""

    def __init__(self, task: Task):
        self.x = torch.from_numpy(task.flat())
        self.y = torch.from_numpy(task.y).long()
        self.model = extend(pytorch.network())
        self.loss = extend(torch.nn.CrossEntropyLoss())
        self.losses = torch.nn.CrossEntropyLoss(reduction="none")
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)
        quantities = configuration("economy", track_schedule=schedules.linear(100))
        self.cockpit = Cockpit(self.model.parameters(), quantities=quantities)
        self.steps = 0

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        correct = 0
        for rows in torch.randperm(len(self.x)).split(BATCH):
            x, y = self.x[rows], self.y[rows]
            self.optimizer.zero_grad()
            outputs = self.model(x)
            loss = self.loss(outputs, y)
            seen = {
                "batch_size": len(y),
                "individual_losses": self.losses(outputs, y),
                "loss": loss,
                "optimizer": self.optimizer,
            }
            with self.cockpit(self.steps, info=seen):
                loss.backward(create_graph=self.cockpit.create_graph(self.steps))
            self.optimizer.step()
            correct += (outputs.argmax(1) == y).sum().item()
            self.steps += 1
        return correct / len(self.x)

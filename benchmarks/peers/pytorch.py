"""PyTorch, twice: as its tutorials write it, and as fast as it gets without compiling."""

import itertools

import torch
from torch import nn

from peers import BATCH, LEARNING_RATE, SIZES, Task, timed


def network() -> nn.Sequential:
    """The contestants' network."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Textbook:
    """A `DataLoader` over a `TensorDataset`, and Adam."""

    def __init__(self, task: Task):
        rows = torch.utils.data.TensorDataset(
            torch.from_numpy(task.flat()), torch.from_numpy(task.y).long()
        )
        self.batches = torch.utils.data.DataLoader(rows, batch_size=BATCH, shuffle=True)
        self.model = network()
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE)

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        correct = total = 0
        total_loss = 0.0
        for x, y in self.batches:
            outputs = self.model(x)
            loss = self.loss(outputs, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total_loss += loss.item() * len(y)
            correct += (outputs.argmax(1) == y).sum().item()
            total += len(y)
        return correct / total


class InMemory:
    """Batches gathered from tensors by a permutation, fused Adam, sums kept as tensors."""

    def __init__(self, task: Task):
        self.x = torch.from_numpy(task.flat())
        self.y = torch.from_numpy(task.y).long()
        self.model = network()
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)

    def prepare(self):
        self.train()

    def epoch(self):
        return timed(self.train)

    def train(self):
        correct = torch.zeros((), dtype=torch.int64)
        total_loss = torch.zeros(())
        for rows in torch.randperm(len(self.x)).split(BATCH):
            x, y = self.x[rows], self.y[rows]
            outputs = self.model(x)
            loss = self.loss(outputs, y)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            with torch.no_grad():
                total_loss += loss * len(y)
                correct += (outputs.argmax(1) == y).sum()
        return correct.item() / len(self.x)

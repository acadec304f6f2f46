"""`mlp-lab train`: trains a model. What runs if no command is given."""

from mlp_lab.commands.command import Command
from mlp_lab.options.config import Config
from mlp_lab.quiet import quiet_import

_USAGE = """\
Trains a multilayer perceptron with an explicit GradientTape step, tests it after
every epoch, and writes a folder with TensorBoard logs and the saved model.

  {program} --flagfile=configs/fashion_mnist.flags
  {program} --flagfile=configs/fashion_mnist.flags --epochs=5 --name=short
  tensorboard --logdir=logs

A later flag wins over an earlier one, so flags after --flagfile change what the
file says. A flagfile holds one flag a line. A # at the start of a line or after a
space starts a comment, except inside quotes; quotes around a whole value are left out.
"""


def _run(config: Config) -> int:
    with quiet_import():
        from mlp_lab.training.run import run
    return 0 if run(config).finished else 1


COMMAND = Command("trains a model, and tests it after every epoch", _USAGE, Config, _run)

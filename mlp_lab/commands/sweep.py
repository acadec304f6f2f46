"""`mlp-lab sweep`: trains with many settings, and compares them."""

from typing import Any

from mlp_lab.commands.command import Command
from mlp_lab.options.sweep import SweepOptions
from mlp_lab.quiet import quiet_import

_USAGE = """\
Trains the same network with many settings and seeds, each an ordinary run below
LOG_DIR/NAME, and writes sweep.csv and sweep.md there. All configurations are checked
before the first is trained. The same command goes on after Ctrl-C or a crash; several
processes that are given it, also on several machines that share the folder, share the work.

  {program} sweep --flagfile=configs/fashion_mnist.flags --name=first \\
      --validation_split=0.1 --trials=20 --seeds=3 \\
      --vary='learning_rate=log(1e-4,1e-2) dropout=0,0.2 hidden_units=256,128|512,512'
  {program} sweep --flagfile=configs/fashion_mnist.flags --name=halved \\
      --validation_split=0.1 --trials=27 --halving=3 --vary='learning_rate=log(1e-4,1e-1)'
"""


def _run(options: Any) -> int:
    from mlp_lab.sweeps.plan import plan

    planned = plan(options)
    with quiet_import():
        from mlp_lab.sweeps.run import sweep
        from mlp_lab.training import console
    return 0 if sweep(planned, console.speaker()) else 1


COMMAND = Command("trains with many settings, and compares them", _USAGE, SweepOptions, _run)

"""Runs that are trained once for all tests of what is done with runs."""

import shutil
import signal

import pytest

from mlp_lab.errors import Interrupted
from mlp_lab.options.config import Config
from mlp_lab.training import run as training
from mlp_lab.training.signals import Signals

# 14 steps an epoch, two epochs.
OPTIONS = {
    "data_source": "sample",
    "hidden_units": (16,),
    "epochs": 2,
    "batch_size": 500,
    "histogram_every": 5,
    "pictures_every": 0,
    "checkpoint_every": "10",
    "probes": ("batch", "weights", "gradients"),
    "metrics": ("accuracy",),
    "jit_compile": False,
    "verbose": "none",
}


def make(logs, name, **options):
    """Trains a run; returns its folder."""
    return training(Config(**{**OPTIONS, "log_dir": str(logs), "name": name, **options})).path


@pytest.fixture(scope="session")
def logs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "logs"


@pytest.fixture(scope="session")
def trained(logs):
    """A finished run. Tests must not change it."""
    return make(logs, "one")


@pytest.fixture(scope="session")
def interrupted(logs, trained):
    """The same run, interrupted on its way."""
    asked = []

    def ask(self):
        asked.append(1)
        return signal.SIGINT if len(asked) > 2 else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Signals, "asked", ask)
        with pytest.raises(Interrupted):
            make(logs, "broken")
    return logs / "broken"


@pytest.fixture(scope="session")
def resumed(logs, interrupted):
    """The same run, interrupted and resumed."""
    shutil.copytree(interrupted, logs / "resumed")
    return make(logs, "resumed", resume=True)


@pytest.fixture(scope="session")
def other_seed(logs):
    """The same run with another seed."""
    return make(logs, "other", seed=1)

"""The diagnosis of a run."""

from mlp_lab.callbacks import Diagnosis
from mlp_lab.training.console import Say
from mlp_lab.training.setup import Setup
from mlp_lab.writers import Writer


def diagnosis_of(setup: Setup, writer: Writer, say: Say) -> Diagnosis | None:
    """What says what is wrong with a run; None if that is not wanted.

    Args:
      setup: what is trained.
      writer: of the run's page in TensorBoard.
      say: told what is certain.
    """
    config = setup.config
    if config.diagnose == "off":
        return None
    return Diagnosis(
        setup.rules,
        config.diagnose_seconds,
        writer,
        say,
        flags=True,
        thorough=config.diagnose == "full",
    )

"""The base class of rules."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlp_lab.diagnosis.finding import Finding

if TYPE_CHECKING:
    from mlp_lab.diagnosis.evidence import Evidence


class Rule:
    """Looks for one kind of fault; subclass it for your own.

    A rule only implements `find`. It is called before training, when what is known are the data,
    the model and one forward pass (`evidence.ended` is false), and once more at the end, when
    there are also the looks into steps, the logs of epochs, and experiments. It returns the same
    finding in both cases if it needs no training.

    Example:

    >>> class Wide(mlp_lab.diagnosis.Rule):
    ...     group = "width"
    ...
    ...     def find(self, evidence):
    ...         units = evidence.outputs.shape[-1]
    ...         if units > 1000:
    ...             yield mlp_lab.diagnosis.Finding(
    ...                 kind="too wide",
    ...                 what=f"the model has {units} outputs",
    ...                 where="outputs",
    ...                 evidence=(f"{units} outputs",),
    ...                 change="Dense(10)",
    ...             )

    Attributes:
      group: the kind of its findings, by which rules are ordered; see `finding.KINDS`.
      needs: what of the evidence it reads: any of "labels" (one array of them), "outputs" (one
        tensor), "start" (a forward pass), "looks", "epochs", "experiments". Without these it is
        not asked.
      always: whether it is asked although a cause has already been found.
      alone: whether it is asked only if nothing has been found.
    """

    group: str = ""
    needs: tuple[str, ...] = ()
    always: bool = True
    alone: bool = False

    def find(self, evidence: "Evidence") -> Iterable[Finding]:
        """Returns findings, none where all is well.

        Args:
          evidence: what is known of the training.
        """
        raise NotImplementedError(f"{type(self).__name__} must implement find(evidence)")

"""Activations of hidden layers that keep the model from learning."""

from mlp_lab.diagnosis.finding import CERTAIN, NOTE, PROBABLE, Finding
from mlp_lab.diagnosis.rule import Rule

_WELL = 0.95  # hardly a network is better with softmax inside


class HiddenActivation(Rule):
    """Softmax in a hidden layer, or hidden layers without any activation."""

    group = "hidden activation"
    needs = ("start",)
    always = False

    def find(self, evidence):
        hidden = evidence.start.hidden()
        soft = [name for name, kind in hidden.items() if kind == "softmax"]
        linear = bool(hidden) and all(kind == "linear" for kind in hidden.values())
        tried = evidence.experiments
        if soft:
            found = tried.activated("relu") if evidence.failing and tried is not None else None
            well = evidence.ended and tried is not None and tried.final >= _WELL
            sure = CERTAIN if found is not None else NOTE if well else PROBABLE
            told = (tried.told("ReLU in the hidden layers", found),) if found is not None else ()
            yield self._found(
                evidence,
                "softmax lets the units of a hidden layer share 1 between them: hardly anything "
                "gets through",
                soft[0],
                ("softmax is for outputs that are probabilities of classes", *told),
                sure,
            )
        elif linear and evidence.failing and tried is not None:
            found = tried.activated("relu")
            if found is not None:
                yield self._found(
                    evidence,
                    "hidden layers without activation: together they are one linear layer",
                    next(iter(hidden)),
                    (tried.told("ReLU in the hidden layers", found),),
                    CERTAIN,
                )

    def _found(self, evidence, what, where, why, sure):
        change = evidence.subject.words("--activation=relu", "Dense(..., activation='relu')")
        return Finding(self.group, what, where, why, change, sure, since=0)

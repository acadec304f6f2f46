"""Options: what is descended, and how."""

import dataclasses
from typing import ClassVar

from mlp_lab.errors import InputError
from mlp_lab.options.checks import boolean, choice, duration, number, part, parts, rate, text, whole
from mlp_lab.options.option import Options, option
from mlp_lab.options.registry import REGISTERED


@dataclasses.dataclass(frozen=True)
class TrainingOptions(Options):
    """Loss, metrics, optimizer, and the course of a training."""

    title: ClassVar[str] = "Training"

    loss: str | None = option(
        None,
        "loss to minimize: "
        + ", ".join(REGISTERED["loss"])
        + " or module:Class (default: that of the task; of published data sets "
        "categorical_crossentropy)",
        part,
        "NAME",
    )
    from_logits: bool = option(
        True,
        "the model's outputs are logits (true) or probabilities (--nofrom_logits); passed to "
        "losses and metrics that take from_logits",
        boolean,
    )
    labels: str = option(
        "auto",
        "form of the labels: one_hot, integer, or auto, the form that the loss states",
        choice(("auto", "one_hot", "integer")),
    )
    label_smoothing: float | None = option(
        None,
        "share of each label that is spread over all classes, in [0, 1); for losses that take it "
        "(default: the loss's own, 0)",
        number("a share in [0, 1)", lambda x: 0 <= x < 1),
        "SHARE",
    )
    metrics: tuple[str, ...] | None = option(
        None,
        "measured beside the loss, separated by commas: "
        + ", ".join(REGISTERED["metrics"])
        + " or module:Class (default: those of the task; of published data sets "
        "accuracy,mean_squared_error)",
        parts,
        "NAME,...",
    )
    optimizer: str = option(
        "adam",
        "gradient_descent, a Keras optimizer ("
        + ", ".join(name for name in REGISTERED["optimizer"] if name != "gradient_descent")
        + ") or module:Class; further arguments in parentheses: adam(beta_1=0.8)",
        part,
        "NAME",
    )
    learning_rate: float | str = option(
        0.001,
        "step size of the optimizer, above 0; auto searches one before the run, as the command "
        "find_lr does, and the run is then the same as with that number",
        rate,
        "RATE",
    )
    learning_rate_schedule: str = option(
        "constant",
        "the learning rate over the run's steps: constant; falling from --learning_rate to 0, "
        "linear or as half a cosine; or coslog4, four waves up to it, each twice as long as the "
        "one before",
        choice(("constant", "linear", "cosine", "coslog4")),
    )
    learning_rate_warmup: int = option(
        0, "number of first steps over which the learning rate rises linearly", whole(0), "N"
    )
    batch_size: int = option(
        128, "samples per step, from 1 to the size of the training set", whole(1), "N"
    )
    epochs: int = option(20, "passes over the training set", whole(1), "N")
    keep: str = option(
        "last",
        "which epoch's model the run ends with and saves: last, or best, the one whose --monitor "
        "was best",
        choice(("last", "best")),
    )
    monitor: str | None = option(
        None,
        "name of a log, such as val_loss (the default), val_accuracy or loss: the epoch in which "
        "it is best is the best epoch. Names with val_ need --validation_split: choices are never "
        "made on the test set",
        text,
        "NAME",
    )
    monitor_direction: str = option(
        "auto",
        "which values of --monitor are better: max, min, or auto, what the metric states",
        choice(("auto", "max", "min")),
    )
    patience: int = option(
        0,
        "end the training after this many epochs in a row in which --monitor was not better than "
        "before; 0: train all epochs",
        whole(0),
        "N",
    )
    shuffle: bool = option(
        True,
        "shuffle the training samples again in every epoch; --noshuffle keeps the file's order",
        boolean,
    )
    seed: int = option(
        0,
        "of initial weights, sample order and dropout; equal seeds give equal runs on one machine",
        whole(0, 2**31 - 1),
        "N",
    )
    deterministic: bool = option(
        False,
        "run only operations that give the same bits each time, also on a GPU; an operation "
        "without such a form is an error. On CPUs runs are equal without it; "
        "docs/reliability.md tells its cost",
        boolean,
    )
    precision: str = option(
        "float32",
        "Keras dtype policy: float32, mixed_bfloat16, mixed_float16 (with loss scaling) or float64",
        choice(("float32", "mixed_bfloat16", "mixed_float16", "float64")),
    )
    jit_compile: bool | None = option(
        None,
        "compile the steps with XLA (default: on a GPU; on CPUs if the run has at least 4,000 "
        "steps, so that compiling pays)",
        boolean,
    )
    run_eagerly: bool = option(
        False, "run the step as plain Python, slowly, for debugging", boolean
    )
    strategy: str = option(
        "none",
        "devices that share each batch: none, one device; mirrored, all GPUs of this machine; "
        "multi_worker, all processes named in the environment variable TF_CONFIG, which must all "
        "get the same flags; auto, mirrored if there are several GPUs, otherwise none",
        choice(("none", "mirrored", "multi_worker", "auto")),
    )
    worker_timeout: str = option(
        "10m",
        "with multi_worker: how long to wait for the other workers to start, in seconds (30s) or "
        "minutes (10m)",
        duration,
        "Ns|Nm",
        of_result=False,
    )

    @property
    def finds_best(self) -> bool:
        """Whether the best epoch is looked for."""
        return self.keep == "best" or self.monitor is not None

    @property
    def monitored(self) -> str:
        """The log by which the best epoch is found."""
        return self.monitor or "val_loss"

    def check_together(self) -> None:
        """Refuses patience without a goal, and to compile plain Python or steps on devices."""
        super().check_together()
        for name in ("patience", "monitor_direction"):
            if getattr(self, name) not in (0, "auto") and not self.finds_best:
                raise InputError(
                    name,
                    "needs --monitor, the log to watch, or --keep=best, which watches val_loss",
                )
        if self.run_eagerly and self.jit_compile:
            raise InputError(
                "run_eagerly", "excludes --jit_compile: plain Python is not compiled; choose one"
            )
        several = self.strategy in ("mirrored", "multi_worker")
        if several and (self.run_eagerly or self.jit_compile):
            other = "run_eagerly" if self.run_eagerly else "jit_compile"
            raise InputError(
                "strategy",
                f"{self.strategy} excludes --{other}: steps on several devices run as graphs; "
                "choose one",
            )

"""Everything a run depends on, as one frozen, checked value.

Each option is defined once, here: its default, its help, what it allows. The
flags are made from these fields, so `Config(epochs=3)` and `--epochs=3` mean and
refuse the same. Nothing here imports TensorFlow.
"""

import dataclasses
from typing import Any

from mlp_lab.data.catalogue import DATASETS
from mlp_lab.data.rows import MEMORY_MB
from mlp_lab.data.sources import SOURCES, check_together
from mlp_lab.errors import InputError
from mlp_lab.options import registry
from mlp_lab.options.checks import (
    Check,
    boolean,
    choice,
    every,
    folder_name,
    interval,
    number,
    one_line,
    part,
    parts,
    pattern,
    text,
    units,
    whole,
)


def _option(group: str, default: Any, help_text: str, check: Check, form: str = "") -> Any:
    """A field with its group and help for `--help`, its check, and its form in `--name=FORM`."""
    metadata = {"group": group, "help": help_text, "check": check, "form": form}
    return dataclasses.field(default=default, metadata=metadata)


SCHEDULES = ("constant", "linear", "cosine")

DATA, MODEL, TRAINING, RUN = "Data", "Model", "Training", "The run and its folder"
INSIDE = "Looking inside"


@dataclasses.dataclass(frozen=True)
class Config:
    """What a run depends on; see each field's help, also shown by `--help`.

    Raises:
      InputError: a value is not allowed.
    """

    dataset: str = _option(
        DATA, "fashion_mnist", "data set to learn: " + " or ".join(DATASETS), choice([*DATASETS])
    )
    data_source: str = _option(
        DATA,
        "auto",
        "where the data set comes from: " + ", ".join(SOURCES) + "; auto tries --data_dir if it is "
        "given, else the others in this order",
        choice(SOURCES),
    )
    data_dir: str | None = _option(
        DATA,
        None,
        "folder with the data set's IDX files (plain or .gz), npy files (x_train.npy, ...), Keras' "
        "npz file or shards (python -m mlp_lab.data convert --help); or the npz file",
        text,
        "PATH",
    )
    data_memory_mb: int = _option(
        DATA,
        MEMORY_MB,
        "shards, IDX and npy files in --data_dir that have more MB (of 10^6 bytes) in all are "
        "streamed: so many MB of their rows are held at once, half of it the buffer in which they "
        "are shuffled",
        whole(1),
        "N",
    )
    validation_split: float = _option(
        DATA,
        0.0,
        "share of the training samples, the last of the file, that are kept out of training and "
        "tested after every epoch in place of the test set, which is then not looked at: for "
        "choosing among settings",
        number("a share in [0, 1)", lambda x: 0 <= x < 1),
        "SHARE",
    )
    model: str = _option(
        MODEL,
        "mlp",
        "model to train: mlp or module:Class, a subclass of mlp_lab.Model; other arguments in "
        "parentheses: mlp(use_bias=False)",
        part,
        "NAME",
    )
    hidden_units: tuple[int, ...] | None = _option(
        MODEL,
        None,
        "outputs of each hidden layer, first to last: 256,128 makes two layers, none if "
        "empty (default: the model's own; mlp: 256,128,64,32)",
        units,
        "N,N,...",
    )
    activation: str | None = _option(
        MODEL,
        None,
        "of the hidden layers: sigmoid, softmax, tanh, relu, leaky_relu or module:Class or "
        "module:function (default: the model's own; mlp: relu)",
        part,
        "NAME",
    )
    dropout: float | None = _option(
        MODEL,
        None,
        "share of hidden outputs dropped in training, in [0, 1) (default: the model's own; mlp: 0)",
        number("a share in [0, 1)", lambda x: 0 <= x < 1),
        "SHARE",
    )
    kernel_initializer: str | None = _option(
        MODEL,
        None,
        "initial kernels: truncated_normal_0.1 or the name of a Keras initializer (default: the "
        "model's own; mlp: glorot_uniform)",
        text,
        "NAME",
    )
    loss: str = _option(
        TRAINING,
        "categorical_crossentropy",
        "loss to descend: " + ", ".join(registry.REGISTERED["loss"]) + " or module:Class",
        part,
        "NAME",
    )
    from_logits: bool = _option(
        TRAINING,
        True,
        "the model's outputs are logits (true) or probabilities (--nofrom_logits); passed to "
        "losses and metrics that take from_logits",
        boolean,
    )
    labels: str = _option(
        TRAINING,
        "auto",
        "form of the labels: one_hot, integer, or auto, the form that the loss states",
        choice(("auto", "one_hot", "integer")),
    )
    metrics: tuple[str, ...] = _option(
        TRAINING,
        ("accuracy", "mean_squared_error"),
        "measured beside the loss, separated by commas: "
        + ", ".join(registry.REGISTERED["metrics"])
        + " or module:Class",
        parts,
        "NAME,...",
    )
    optimizer: str = _option(
        TRAINING,
        "adam",
        "gradient_descent, a Keras optimizer ("
        + ", ".join(name for name in registry.REGISTERED["optimizer"] if name != "gradient_descent")
        + ") or module:Class; other arguments in parentheses: adam(beta_1=0.8)",
        part,
        "NAME",
    )
    learning_rate: float = _option(
        TRAINING,
        0.001,
        "step length of the optimizer, above 0",
        number("a number above 0", lambda x: x > 0),
        "RATE",
    )
    learning_rate_schedule: str = _option(
        TRAINING,
        "constant",
        "course of the learning rate over the run's steps: constant, or from --learning_rate down "
        "to 0 linear or as half a cosine",
        choice(SCHEDULES),
    )
    learning_rate_warmup: int = _option(
        TRAINING, 0, "first steps, over which the learning rate rises evenly", whole(0), "N"
    )
    batch_size: int = _option(
        TRAINING, 128, "samples per step, at least 1 and at most the data set", whole(1), "N"
    )
    epochs: int = _option(TRAINING, 20, "passes over the training set", whole(1), "N")
    shuffle: bool = _option(
        TRAINING,
        True,
        "shuffle the training samples anew in every epoch; --noshuffle keeps the file's order",
        boolean,
    )
    seed: int = _option(
        TRAINING,
        0,
        "of initial weights, sample order and dropout; equal seeds give equal runs on one machine",
        whole(0, 2**31 - 1),
        "N",
    )
    deterministic: bool = _option(
        TRAINING,
        False,
        "let only operations run that give the same bits each time, on a GPU too; one that has no "
        "such form is an error. On CPUs runs are equal without it; docs/reliability.md has its "
        "cost",
        boolean,
    )
    precision: str = _option(
        TRAINING,
        "float32",
        "Keras dtype policy: float32, mixed_bfloat16, mixed_float16 (with loss scaling) or float64",
        choice(("float32", "mixed_bfloat16", "mixed_float16", "float64")),
    )
    jit_compile: bool | None = _option(
        TRAINING,
        None,
        "compile the steps with XLA (default: on a GPU, and on CPUs if a run has the 4,000 steps "
        "that pay for compiling)",
        boolean,
    )
    run_eagerly: bool = _option(
        TRAINING, False, "run the step as plain Python, slow, for debugging", boolean
    )
    strategy: str = _option(
        TRAINING,
        "none",
        "devices that share each batch: none, one device; mirrored, all GPUs of this machine; "
        "multi_worker, all processes named in the environment variable TF_CONFIG, which all get "
        "the same flags; auto, mirrored where there are several GPUs, else none",
        choice(("none", "mirrored", "multi_worker", "auto")),
    )
    histogram_every: int | str = _option(
        INSIDE,
        100,
        "steps from one look into the training step to the next; auto: as often as costs less "
        "than 3 % of the time; 0: never",
        every,
        "N|auto",
    )
    probes: tuple[str, ...] = _option(
        INSIDE,
        tuple(registry.REGISTERED["probes"]),
        "what to read off a step, separated by commas: any of these, or module:Class, a subclass "
        "of mlp_lab.probes.Probe",
        parts,
        "NAME,...",
    )
    probe_layers: str | None = _option(
        INSIDE,
        None,
        "regular expression; only layers and weights whose names it is found in are recorded "
        "(default: all)",
        pattern,
        "REGEX",
    )
    pictures_every: int = _option(
        INSIDE,
        1,
        "epochs from one drawing of the pictures (confusion matrix, mistakes, kernels, ...) to "
        "the next; 0: none",
        whole(0),
        "N",
    )
    checkpoint_every: str = _option(
        RUN,
        "1m",
        "steps (500), seconds (30s) or minutes (1m) from one checkpoint to the next; 0: only when "
        "a signal ends the run",
        interval,
        "N|Ns|Nm",
    )
    keep_checkpoints: int = _option(
        RUN, 2, "how many of the latest checkpoints are kept", whole(1), "N"
    )
    resume: bool = _option(
        RUN,
        False,
        "go on with the unfinished run of this --name from its last checkpoint, with the same "
        "result as if it had never ended",
        boolean,
    )
    log_dir: str = _option(RUN, "logs", "folder that holds the runs' folders", text, "PATH")
    name: str | None = _option(
        RUN,
        None,
        "the run's folder in --log_dir (default: the data set and the time)",
        folder_name,
        "NAME",
    )
    overwrite: bool = _option(
        RUN, False, "delete an existing run of the same --name instead of refusing", boolean
    )
    verbose: str = _option(
        RUN,
        "auto",
        "progress: bar, line (one per epoch), none, or auto: bar on a terminal, else line",
        choice(("auto", "bar", "line", "none")),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, list):
                value = tuple(value)
                object.__setattr__(self, field.name, value)
            for item in value if isinstance(value, tuple) else (value,):
                if isinstance(item, str):
                    one_line(field.name, item)
            if not (value is None and field.default is None):
                field.metadata["check"](field.name, value)
        if self.run_eagerly and self.jit_compile:
            raise InputError(
                "run_eagerly", "excludes --jit_compile: plain Python is not compiled; choose one"
            )
        if self.deterministic and self.histogram_every == "auto":
            raise InputError(
                "deterministic",
                "excludes --histogram_every=auto, which goes by the time steps take; give a number",
            )
        if self.resume and self.name is None:
            raise InputError("resume", "needs --name, the run that is to go on")
        if self.resume and self.overwrite:
            raise InputError("resume", "excludes --overwrite, which deletes the run; choose one")
        self._check_strategy()
        check_together(self.data_source, self.data_dir)

    def _check_strategy(self) -> None:
        if self.strategy not in ("mirrored", "multi_worker"):
            return
        if self.run_eagerly or self.jit_compile:
            option = "run_eagerly" if self.run_eagerly else "jit_compile"
            raise InputError(
                "strategy",
                f"{self.strategy} excludes --{option}: steps on several devices run as graphs; "
                "choose one",
            )
        if self.strategy == "multi_worker" and self.name is None:
            raise InputError(
                "strategy",
                "multi_worker needs --name: workers that start at different times, and again after "
                "one has ended, have to mean the same run",
            )
        if self.strategy == "multi_worker" and self.histogram_every == "auto":
            raise InputError(
                "histogram_every",
                "auto goes by the clock, but all workers have to look at the same steps; give a "
                "number of steps",
            )

"""From names to objects: the model, loss, metrics and optimizer that a config asks for."""

import contextlib
import inspect
import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from mlp_lab import activations, initializers, losses
from mlp_lab.data import Dataset
from mlp_lab.diagnosis import Rule
from mlp_lab.display import megabytes
from mlp_lab.errors import InputError
from mlp_lab.learning_rates import LogCosine, Warmup
from mlp_lab.models import GlassBox
from mlp_lab.models.budget import Budget, limited, memory
from mlp_lab.options import registry
from mlp_lab.options.config import Config
from mlp_lab.probes import Probe
from mlp_lab.tasks import Numbers, Task
from mlp_lab.training.of_data import model_arguments

_MODEL_OPTIONS = (
    "hidden_units",
    "activation",
    "dropout",
    "kernel_initializer",
    "parametrization",
    "input_scaling",
)
_ANY_RATE = 0.001


class Parts(NamedTuple):
    """What a model is trained with, and itself."""

    model: keras.Model
    loss: keras.losses.Loss
    metrics: list[keras.metrics.Metric]
    optimizer: keras.optimizers.Optimizer


def make(config: Config, dataset: Dataset) -> Parts:
    """Makes the model, loss, metrics and optimizer; `InputError` if one cannot be made."""
    steps = config.epochs * -(-len(dataset.x_train) // config.batch_size)
    return Parts(
        model(config, dataset),
        loss(config, dataset.task),
        metrics(config, dataset),
        optimizer(config, steps),
    )


def model(config: Config, dataset: Dataset) -> keras.Model:
    """Makes the model; it is not built yet.

    Its `__init__` gets those of these arguments that it names: num_outputs, also as num_classes;
    what `of_data.model_arguments` gives for the data, such as input_scale, the factor that maps
    pixels to [0, 1]; and the options of the group Model if they are set.

    Raises:
      InputError: it cannot be made, is not a model with the explicit step, or has no argument
        for an option that is set.
    """
    part = registry.parse("model", config.model)
    cls = registry.locate(part)
    if inspect.isclass(cls) and issubclass(cls, keras.Model) and not issubclass(cls, GlassBox):
        raise InputError(
            "model",
            f"{config.model!r} is a keras.Model without the explicit step; write "
            f"`class {cls.__name__}(mlp_lab.Model):`, or `class {cls.__name__}(mlp_lab.GlassBox, "
            f"{cls.__bases__[0].__name__}):` to keep its base",
        )
    options = _model_options(config, cls)
    offered = {**model_arguments(config, cls, dataset), **options}
    with fits_memory(model_option(config), config.model) as budget:
        # The layers are made one after another; these kernels are known before the first.
        for shape in itertools.pairwise(config.hidden_units or ()):
            budget.take(shape, "float32")
    with fits_memory(model_option(config), config.model):
        return registry.create(part, GlassBox, "a subclass of mlp_lab.Model", offered)


def _model_options(config: Config, cls: Any) -> dict[str, Any]:
    """The options of the model that are set, as arguments; `InputError` if it takes one not."""
    options = {
        name: getattr(config, name) for name in _MODEL_OPTIONS if getattr(config, name) is not None
    }
    if inspect.isclass(cls):
        for name in options:
            if name not in registry.accepts(cls):
                raise InputError(
                    name,
                    f"{config.model!r} takes no {name}; leave the flag out, or give its __init__ "
                    f"an argument {name}",
                )
    if "activation" in options:
        options["activation"] = _activation(options["activation"])
    if "kernel_initializer" in options:
        options["kernel_initializer"] = _initializer(options["kernel_initializer"])
    return options


@contextlib.contextmanager
def fits_memory(option: str, text: str) -> Iterator[Budget]:
    """Refuses a part whose variables do not fit into memory twice, before they are made.

    Twice, because a weight has a gradient. Without it, TensorFlow would try for long, or the
    system would end the process.
    """
    available = memory()
    with limited(available // 2) as budget:
        try:
            yield budget
        except (InputError, MemoryError):
            if not budget.exceeded:
                raise
            raise InputError(
                option,
                f"the variables of {text!r} take {megabytes(budget.used)} or more, beyond half of "
                f"the {megabytes(available)} that this process can have; choose smaller sizes",
            ) from None


def model_option(config: Config) -> str:
    """The option that sets the size of the model."""
    return "model" if config.hidden_units is None else "hidden_units"


def _activation(text: str) -> Any:
    part = registry.parse("activation", text)
    if ":" not in text and not part.arguments:
        return activations.get(text)
    found = registry.locate(part)
    if inspect.isclass(found) or part.arguments:
        return registry.create(part, keras.layers.Layer, "a function or a keras.layers.Layer", {})
    if not callable(found):
        raise InputError("activation", f"expected a function or a layer, got {text!r}")
    return found


def _initializer(text: str) -> keras.Initializer:
    try:
        return initializers.get(text)
    except ValueError:
        raise InputError(
            "kernel_initializer",
            f"no initializer {text!r}; write truncated_normal_0.1 or the name of a Keras "
            "initializer, such as glorot_uniform, he_normal or zeros",
        ) from None


def loss(config: Config, task: Task) -> keras.losses.Loss:
    """Makes the loss; `InputError` if it cannot be made or is not a loss.

    For numbers it is computed of standardized targets and outputs: see `losses.Standardized`.
    """
    part = registry.parse("loss", str(config.loss))
    offered: dict[str, Any] = {"from_logits": config.from_logits}
    if config.label_smoothing is not None:
        offered["label_smoothing"] = config.label_smoothing
        if "label_smoothing" not in registry.accepts(registry.locate(part)):
            raise InputError(
                "label_smoothing",
                f"{config.loss!r} takes no label_smoothing; leave the flag out, or choose "
                "a cross-entropy",
            )
    made = registry.create(part, keras.losses.Loss, "a subclass of keras.losses.Loss", offered)
    return losses.Standardized(made, task.scale) if isinstance(task, Numbers) else made


def metrics(config: Config, dataset: Dataset) -> list[keras.metrics.Metric]:
    """Makes the metrics; `InputError` if one cannot be made, is not a metric, or shares a name."""
    task = dataset.task
    classes = task.num_classes if task.num_classes is not None else task.num_outputs
    offered = {
        "from_logits": config.from_logits,
        "num_classes": classes,
        "num_outputs": task.num_outputs,
        "task": task.kind,
    }
    made: list[keras.metrics.Metric] = []
    for text in config.metrics or ():
        part = registry.parse("metrics", text)
        kind = "a subclass of keras.metrics.Metric"
        with fits_memory("metrics", text):
            metric = registry.create(part, keras.metrics.Metric, kind, offered)
        if metric.name in ("loss", *(other.name for other in made)):
            raise InputError(
                "metrics",
                f"{text!r} is logged as {metric.name!r}, a name already taken; leave it out or "
                "give it another, as in accuracy(name='second')",
            )
        made.append(metric)
    return made


def probes(config: Config) -> list[Probe]:
    """Makes the probes; `InputError` if one cannot be made or is not a probe."""
    kind = "a subclass of mlp_lab.probes.Probe"
    return [
        registry.create(registry.parse("probes", text), Probe, kind, {}) for text in config.probes
    ]


def rules(config: Config) -> list[Rule]:
    """Makes the rules; `InputError` if one cannot be made or is not a rule."""
    kind = "a subclass of mlp_lab.diagnosis.Rule"
    return [registry.create(registry.parse("rules", t), Rule, kind, {}) for t in config.rules]


def optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    """Makes the optimizer, with a learning rate for a run of this many steps.

    With t from 0 to 1 over the run, the rate is `--learning_rate` times 1 (constant), 1 - t
    (linear), (1 + cos(pi t)) / 2 (cosine; Loshchilov and Hutter, 2017, without restarts) or
    (1 - cos(2 pi log2(1 + 15 t))) / 2 (coslog4; Holzmüller et al., 2024); and over the first
    `--learning_rate_warmup` steps times a factor that rises to 1.

    Raises:
      InputError: it cannot be made or is not an optimizer, or the run has fewer steps than the
        warm-up.
    """
    part = registry.parse("optimizer", config.optimizer)
    schedules = keras.optimizers.schedules
    # While it is searched, the optimizer's own rate is not used.
    auto = isinstance(config.learning_rate, str)
    base: float = _ANY_RATE if auto else config.learning_rate  # type: ignore[assignment]
    rate: Any = {
        "constant": lambda: base,
        "linear": lambda: schedules.PolynomialDecay(base, steps, 0.0),
        "cosine": lambda: schedules.CosineDecay(base, steps),
        "coslog4": lambda: LogCosine(base, steps),
    }[config.learning_rate_schedule]()
    if config.learning_rate_warmup > steps:
        raise InputError(
            "learning_rate_warmup",
            f"expected at most the {steps} steps of the run, got {config.learning_rate_warmup}",
        )
    if config.learning_rate_warmup:
        rate = Warmup(rate, config.learning_rate_warmup)
    kind = keras.optimizers.Optimizer
    offered = {"learning_rate": rate}
    return registry.create(part, kind, "a subclass of keras.optimizers.Optimizer", offered)


def unregistered(*made: Any) -> list[str]:
    """Names of classes, neither Keras' nor registered, that loading a saved model cannot find."""
    classes = [type(part) for part in made]
    return [
        cls.__name__
        for cls in classes
        # Keras gives a registered class a name of the form package>class.
        if ">" not in keras.saving.get_registered_name(cls)
        and not cls.__module__.startswith("keras.")
    ]

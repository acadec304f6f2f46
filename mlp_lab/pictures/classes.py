"""Labels and outputs in the forms that models have them, read as those of classes."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

_OTHERWISE = (
    "choose pictures that need no classes, pictures=[mlp_lab.pictures.Graph(), "
    "mlp_lab.pictures.Kernels()]"
)


def class_numbers(labels: Any, names: Sequence[str] | None = None) -> np.ndarray:
    """Labels as class numbers, int64 [n].

    Args:
      labels: whole numbers from 0, of any type, [n] or [n, 1]; one-hot rows [n, classes]; or
        names of classes.
      names: of the classes, in the order of the model's outputs.

    Raises:
      ValueError: they do not say which class each is.
    """
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "O":
        array = _plain(array)
    if array.ndim not in (1, 2) or array.dtype.kind not in "biufUS":
        raise _wrong(f"an array of {array.dtype}, {list(array.shape)}")
    if array.dtype.kind in "US":
        return _by_name(array, names)
    if array.ndim == 2:
        if not (np.isin(array, (0, 1)).all() and (array.sum(axis=1) == 1).all()):
            raise _wrong(f"rows of {array.shape[1]} numbers that are not all one-hot")
        return array.argmax(axis=1)
    wrong = ~((array >= 0) & (array == np.floor(array)))
    if wrong.any():
        raise _wrong(repr(array[wrong][0].item()))
    return array.astype(np.int64)


def _plain(array: np.ndarray) -> np.ndarray:
    """Numbers or strings, as an array of Python objects, with a type of their own."""
    if all(isinstance(value, str) for value in array.flat):
        return array.astype(str)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        return array


def _by_name(array: np.ndarray, names: Sequence[str] | None) -> np.ndarray:
    texts = [tf.compat.as_text(text) for text in array.ravel().tolist()]
    if names is None or array.ndim != 1:
        raise _wrong(
            f"strings, such as {texts[0]!r}, without class_names in the order of the model's "
            "outputs"
        )
    numbers = {name: number for number, name in enumerate(names)}
    unknown = next((text for text in texts if text not in numbers), None)
    if unknown is not None:
        raise _wrong(f"{unknown!r}, which is not among class_names")
    return np.array([numbers[text] for text in texts], np.int64)


def _wrong(got: str) -> ValueError:
    return ValueError(
        f"labels: expected the class of each image, a whole number from 0, a one-hot row, or one "
        f"of class_names, got {got}; give classes, or {_OTHERWISE}"
    )


def chosen_output(model: Any, outputs: Any, which: int | str | None) -> Any:
    """The output that is meant, among those of a model.

    Args:
      model: whose outputs they are.
      outputs: a tensor, or a structure of tensors.
      which: the number or name of an output; None if there is only one.

    Raises:
      ValueError: there are several, or none that is meant.
    """
    leaves, names = keras.tree.flatten(outputs), output_names(model, outputs)
    if which is None and len(leaves) == 1:
        return leaves[0]
    for number, (name, leaf) in enumerate(zip(names, leaves, strict=True)):
        if which is not None and which in (number, name):
            return leaf
    got = "none" if which is None else repr(which)
    raise ValueError(
        f"output: expected the number or name of one of the model's {len(leaves)} outputs "
        f"({', '.join(names)}), got {got}; write Pictures(..., output={names[0]!r}), or "
        f"{_OTHERWISE}"
    )


def output_names(model: Any, outputs: Any) -> list[str]:
    """A name for each output, as `compile` knows it; the number of those without a name."""
    paths = [path for path, _ in keras.tree.flatten_with_path(outputs)]
    known = list(getattr(model, "output_names", None) or ())
    if len(known) == len(paths) and not isinstance(outputs, dict):
        return known
    return ["/".join(map(str, path)) for path in paths]


def says_logits(loss: Any, name: str, number: int) -> bool:
    """Whether a compiled loss, or the one of an output, says that it takes logits."""
    if isinstance(loss, dict):
        loss = loss.get(name)
    elif isinstance(loss, list | tuple):
        loss = loss[number] if number < len(loss) else None
    if isinstance(loss, functools.partial):
        return bool(loss.keywords.get("from_logits"))
    inner = getattr(loss, "_fn_kwargs", None) or {}
    return bool(getattr(loss, "from_logits", inner.get("from_logits", False)))


def class_outputs(
    outputs: np.ndarray, labels: np.ndarray, classes: int, logits: bool, features: tuple[int, ...]
) -> np.ndarray:
    """Outputs with a column for each class, float32 [n, classes].

    A single output p, the probability of class 1, becomes [1 - p, p]; a logit z becomes [0, z].

    Args:
      outputs: float32 [n, classes], [n, 1] or [n].
      labels: the true classes, int [n].
      classes: how many have a name.
      logits: whether it is known that they are logits.
      features: the shape of an image.

    Raises:
      ValueError: they are not those of classes.
    """
    most = int(labels.max(initial=0))
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        outputs = outputs[:, 0]
    if outputs.ndim == 1:
        if max(most + 1, classes) > 2:
            raise _unfit("a single one, which is for classes 0 and 1", f"{max(most + 1, classes)}")
        if logits:
            return np.stack([np.zeros_like(outputs), outputs], axis=1)
        finite = outputs[np.isfinite(outputs)]
        if ((finite < 0) | (finite > 1)).any():
            raise ValueError(
                f"outputs: expected probabilities from 0 to 1, or a loss with from_logits=True, "
                f"got {finite.min():.4g} to {finite.max():.4g}; write Pictures(..., "
                f"from_logits=True) if they are logits of class 1, or {_OTHERWISE}"
            )
        return np.stack([1 - outputs, outputs], axis=1)
    known = max(most + 1, classes)
    if outputs.ndim != 2 or outputs.shape[1] <= most:
        raise _unfit(f"the shape {['n', *outputs.shape[1:]]}".replace("'", ""), f"{most + 1}")
    # Such as an autoencoder's: an image for each image.
    if outputs.shape[1] == math.prod(features) and outputs.shape[1] > known:
        raise _unfit(f"{outputs.shape[1]}, one for each number of an image", f"{known}")
    return outputs


def _unfit(got: str, classes: str) -> ValueError:
    return ValueError(
        f"outputs: expected one for each of {classes} classes, [n, {classes}], got {got}; "
        f"draw a model that classifies, give all class_names, or {_OTHERWISE}"
    )

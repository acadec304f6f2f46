"""What the lessons share: options, data, and tables that compare results with the tutorial's.

Every lesson imports this module first: it loads TensorFlow without its start-up messages.
"""

import argparse
import textwrap
from pathlib import Path

import numpy as np

from mlp_lab.errors import InputError
from mlp_lab.quiet import quiet_import

with quiet_import():
    import keras

    from mlp_lab import data


def options(doc, argv=None, *, uses_data=False, log_name=None):
    """Reads a lesson's command line and sets the seed of everything random.

    Args:
      doc: the lesson's docstring, which `--help` shows.
      argv: arguments; by default those of the process.
      uses_data: whether the lesson has `--full` and `--data_dir`.
      log_name: for a lesson that writes for TensorBoard, its folder below logs/tutorial.

    Returns:
      The options by name.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of all randomness (default: 0)")
    if uses_data:
        parser.add_argument(
            "--full",
            action="store_true",
            help="use the full data set (from the Keras cache, the system or the network) and the "
            "tutorial's number of epochs, instead of the bundled sample and a few epochs",
        )
        parser.add_argument(
            "--data_dir", metavar="PATH", help="read the data set from this folder or npz file"
        )
    if log_name:
        parser.add_argument(
            "--log_dir",
            metavar="PATH",
            type=Path,
            default=Path("logs", "tutorial", log_name),
            help="folder for TensorBoard (default: %(default)s)",
        )
    chosen = parser.parse_args(argv)
    chosen.fail = parser.error
    keras.utils.set_random_seed(chosen.seed)
    return chosen


def load(name, chosen):
    """Loads a data set as the options say; if it cannot, prints one line on standard error."""
    source = "auto" if chosen.full or chosen.data_dir else "sample"
    try:
        return data.load(name, source, chosen.data_dir)
    except InputError as error:
        chosen.fail(str(error))


def text(value):
    """A value as printed: 8 digits, thousands separators, shapes in brackets."""
    if value is None or isinstance(value, str | bool | np.bool_):
        return str(value)
    if np.ndim(value):
        items = value if isinstance(value, list | tuple) else np.asarray(value).tolist()
        return "[" + ", ".join(text(item) for item in items) + "]"
    value = np.asarray(value).item()
    return f"{value:,}" if isinstance(value, int) else f"{value:.8g}"


def show(title, rows, learnt):
    """Prints aligned rows, then what there is to learn.

    Args:
      title: a line above the table.
      rows: (quantity, here, tutorial) each; tutorial is "" if it gives no figure. A vector of
        more than four entries gets a line per entry.
      learnt: what to take away from it.

    Returns:
      The measured values by quantity.
    """
    lines = [("quantity", "here", "tutorial")]
    for name, here, tutorial in rows:
        if isinstance(here, np.ndarray) and here.ndim == 1 and len(here) > 4:
            beside = [""] * len(here) if isinstance(tutorial, str) else tutorial
            for i, (a, b) in enumerate(zip(here, beside, strict=True)):
                lines.append((f"{name}[{i}]", text(a), text(b)))
        else:
            lines.append((name, text(here), text(tutorial)))
    widths = [max(len(line[column]) for line in lines) for column in range(2)]
    print(f"\n{title}\n")
    for name, here, tutorial in lines:
        print(f"  {name:<{widths[0]}} | {here:<{widths[1]}} | {tutorial}".rstrip())
    print("\n" + textwrap.fill(" ".join(learnt.split()), 88), flush=True)
    return {name: here for name, here, _ in rows}


def show_tensorboard(chosen):
    """Says how to look at what the lesson wrote."""
    print(f"\nLook inside: tensorboard --logdir {chosen.log_dir}", flush=True)

"""Makes the sample that mlp_lab bundles, from the full published data sets.

    python tools/make_sample.py --data_dir=FOLDER

FOLDER holds `mnist/` and `fashion_mnist/`, each in a form that `--data_dir` accepts. The
sample has the first 700 images of each class of the published training set and the first 200 of
each class of the test set, in the published order, in Keras' npz layout. With the same zlib, the
files are the same byte for byte: names, order, time stamps and compression are fixed.

Prints the content hashes to put into `mlp_lab/data/catalogue.py`.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from mlp_lab.data import ARRAY_NAMES, Dataset, dataset_names, load  # noqa: E402
from mlp_lab.data.dataset import content_sha256  # noqa: E402

PER_CLASS = {"train": 700, "test": 200}
"""Images per class in the sample."""


def first_of_each_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Positions of the first `count` rows of every class.

    Args:
      labels: integers [n].
      count: rows per class.

    Returns:
      The positions in ascending order, which keeps the published order.
    """
    chosen = [np.flatnonzero(labels == label)[:count] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen))


def sample_arrays(dataset: Dataset) -> dict[str, np.ndarray]:
    """The sample of a full data set, uint8, by array name."""
    arrays = {}
    for split, count in PER_CLASS.items():
        rows = first_of_each_class(getattr(dataset, f"y_{split}"), count)
        for kind in "xy":
            name = f"{kind}_{split}"
            arrays[name] = getattr(dataset, name)[rows].astype(np.uint8)
    return arrays


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    """An .npz file as `numpy.savez_compressed` would write it, but reproducible."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ARRAY_NAMES:
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # The same on every operating system.
            member.external_attr = 0o644 << 16
            content = io.BytesIO()
            np.save(content, arrays[name], allow_pickle=False)
            archive.writestr(member, content.getvalue(), compresslevel=9)
    return out.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Writes one file per data set; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", required=True, type=Path, help="folder with the full sets")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "mlp_lab" / "data" / "sample", help="where to write"
    )
    options = parser.parse_args(arguments)
    for name in dataset_names():
        dataset = load(name, data_dir=options.data_dir / name)
        if not dataset.origin.published:
            print(f"{dataset.origin.location} is not the published {name}", file=sys.stderr)
            return 1
        arrays = sample_arrays(dataset)
        content = npz_bytes(arrays)
        (options.out / f"{name}.npz").write_bytes(content)
        print(f"{name}.npz: {len(content):,} bytes")
        for array in ARRAY_NAMES:
            print(f"  {array} {arrays[array].shape} {content_sha256(arrays[array])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

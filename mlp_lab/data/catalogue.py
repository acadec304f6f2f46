"""The facts about the two data sets: classes, sizes, checksums and where they are published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

ARRAY_NAMES = ("x_train", "y_train", "x_test", "y_test")
"""The four arrays of a data set, in the order of every mapping in this package."""

IDX_STEMS: Mapping[str, str] = MappingProxyType(
    {
        "x_train": "train-images-idx3-ubyte",
        "y_train": "train-labels-idx1-ubyte",
        "x_test": "t10k-images-idx3-ubyte",
        "y_test": "t10k-labels-idx1-ubyte",
    }
)
"""Published name of each array's IDX file, without `.gz`."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a download.

    Attributes:
      url: where it is published.
      file_name: its name in the Keras cache.
      algorithm: `"sha256"` or `"md5"`, as the publisher chose.
      digest: hexadecimal checksum of the file as published.
      holds: names of the arrays in it.
    """

    url: str
    file_name: str
    algorithm: str
    digest: str
    holds: tuple[str, ...]


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set before any of its files is read.

    Attributes:
      name: the name used in `--dataset`.
      class_names: one name per class, index = label.
      image_shape: (rows, columns) of an image, in pixels.
      rows: published number of images, `{"train": ..., "test": ...}`.
      sha256: per array name, the hexadecimal SHA-256 of its decoded content: the
        raw uint8 bytes in C order, with one byte per label. It does not depend on
        the file format or its compression.
      downloads: the files of the full set.
      cache_subdir: folder of these files below the Keras home.
      npz_names: file names that the set may have in Keras' npz layout.
      installed: folders where an operating system's package may put the set.
      sample_rows: number of images in the bundled sample.
      sample_sha256: as `sha256`, of the bundled sample.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int]
    rows: Mapping[str, int]
    sha256: Mapping[str, str]
    downloads: tuple[RemoteFile, ...]
    cache_subdir: str
    npz_names: tuple[str, ...]
    installed: tuple[str, ...]
    sample_rows: Mapping[str, int]
    sample_sha256: Mapping[str, str]

    @property
    def num_classes(self) -> int:
        """Number of classes; labels run from 0 to one less."""
        return len(self.class_names)


def _per_array(x_train: str, y_train: str, x_test: str, y_test: str) -> Mapping[str, str]:
    return MappingProxyType(dict(zip(ARRAY_NAMES, (x_train, y_train, x_test, y_test), strict=True)))


_PUBLISHED_ROWS = MappingProxyType({"train": 60_000, "test": 10_000})
_SAMPLE_ROWS = MappingProxyType({"train": 7_000, "test": 2_000})

# The folder from which Keras itself downloads (keras/src/datasets/*.py).
_KERAS_BUCKET = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

_MNIST = DatasetInfo(
    name="mnist",
    class_names=tuple("0123456789"),
    image_shape=(28, 28),
    rows=_PUBLISHED_ROWS,
    # Computed from the published IDX files, whose MD5s, unpacked, are
    # 6bbc9ace898e44ae57da46a324031adb, a25bea736e30d166cdddb491f175f624,
    # 2646ac647ad5339dbf082846283269ea and 27ae3e4e09519cfbb04c329615203637.
    sha256=_per_array(
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
    downloads=(
        # Checksum: keras/src/datasets/mnist.py of Keras 3.
        RemoteFile(
            url=_KERAS_BUCKET + "mnist.npz",
            file_name="mnist.npz",
            algorithm="sha256",
            digest="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
            holds=ARRAY_NAMES,
        ),
    ),
    cache_subdir="datasets",
    npz_names=("mnist.npz",),
    installed=("/usr/share/datasets/mnist",),
    sample_rows=_SAMPLE_ROWS,
    # Printed by tools/make_sample.py.
    sample_sha256=_per_array(
        "ec93b61e0c5e16336155939e2d1d722cc926f953d18200c414c85c2cff586b30",
        "e4e582714e3d866667a414b8efe2a7985d1f3949f21fa64a01fb08c115e329ef",
        "e4b06aa7d06a546c5a606533ecb3e3f39cb8dfb1e76da47a92a3ca261a79302e",
        "6ef716f0c2574b8aefde1819960be0672f42dd393741e1b8182410ad15658864",
    ),
)


def _fashion_file(array: str, md5: str) -> RemoteFile:
    file_name = IDX_STEMS[array] + ".gz"
    return RemoteFile(_KERAS_BUCKET + file_name, file_name, "md5", md5, (array,))


_FASHION_MNIST = DatasetInfo(
    name="fashion_mnist",
    # github.com/zalandoresearch/fashion-mnist calls class 0 "T-shirt/top"; the
    # shorter name fits into tables and contains no path separator.
    class_names=(
        "T-shirt",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    image_shape=(28, 28),
    rows=_PUBLISHED_ROWS,
    # Computed from the published IDX files, whose MD5s, unpacked, are
    # f4a8712d7a061bf5bd6d2ca38dc4d50a, 9018921c3c673c538a1fc5bad174d6f9,
    # 8181f5470baa50b63fa0f6fddb340f0a and 15d484375f8d13e6eb1aabb0c3f46965.
    sha256=_per_array(
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
    # Checksums: the table in the README of github.com/zalandoresearch/fashion-mnist.
    downloads=(
        _fashion_file("x_train", "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
        _fashion_file("y_train", "25c81989df183df01b3e8a0aad5dffbe"),
        _fashion_file("x_test", "bef4ecab320f06d8554ea6380940ec79"),
        _fashion_file("y_test", "bb300cfdad3c16e7a12a480ee83cd310"),
    ),
    cache_subdir="datasets/fashion-mnist",
    npz_names=("fashion_mnist.npz", "fashion-mnist.npz"),
    # Debian's package dataset-fashion-mnist; mnist above follows its pattern.
    installed=("/usr/share/datasets/fashion-mnist",),
    sample_rows=_SAMPLE_ROWS,
    # Printed by tools/make_sample.py.
    sample_sha256=_per_array(
        "d539559dcd3945a376df9f10b0aa92cc3038b419858c8c91bcd7fae17559ee07",
        "a12fd0cbdc30deb0c134983b00a2a7661aa35ef9b372ca0679799d353be29568",
        "96315b1732ab731e68b8def3c284f34b605f7deb7a61e683c7d786265c827c83",
        "b2095bc797d1201e84da76c94012c02d0e6f07af0938df4e00120a3b42d1aa4c",
    ),
)

DATASETS: Mapping[str, DatasetInfo] = MappingProxyType(
    {info.name: info for info in (_MNIST, _FASHION_MNIST)}
)
"""Every known data set by name."""


def dataset_names() -> tuple[str, ...]:
    """The names allowed in `--dataset`."""
    return tuple(DATASETS)

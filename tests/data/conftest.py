"""Real data files, small data sets and a local web server for the tests of `mlp_lab.data`."""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import io
import struct
import threading
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mlp_lab.data import ARRAY_NAMES, DATASETS, DatasetInfo, catalogue
from mlp_lab.data.catalogue import IDX_STEMS

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


def idx_bytes(array: np.ndarray) -> bytes:
    """An IDX file of unsigned bytes, written from the format's description."""
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    save: Any = np.savez_compressed
    save(out, **arrays)
    return out.getvalue()


def arrays_of(seed: int, train: int = 30, test: int = 20) -> dict[str, np.ndarray]:
    """A well-formed small data set: uint8 images [n, 28, 28] and labels [n]."""
    random = np.random.default_rng(seed)
    return {
        "x_train": random.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        "y_train": (np.arange(train) % 10).astype(np.uint8),
        "x_test": random.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        "y_test": (np.arange(test) % 10).astype(np.uint8),
    }


def write_folder(folder: Path, arrays: dict[str, np.ndarray], suffix: str = ".gz") -> Path:
    """The four IDX files under their published names, gzipped if `suffix` is `.gz`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ARRAY_NAMES:
        content = idx_bytes(arrays[name])
        if suffix == ".gz":
            content = gzip.compress(content, mtime=0)
        (folder / (IDX_STEMS[name] + suffix)).write_bytes(content)
    return folder


@pytest.fixture
def make() -> SimpleNamespace:
    """Writers of data files."""
    return SimpleNamespace(
        idx_bytes=idx_bytes, npz_bytes=npz_bytes, arrays=arrays_of, folder=write_folder
    )


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network: every request goes to a proxy on a port where nothing listens."""
    for variable in PROXY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    for variable in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(variable, "http://me:secret@127.0.0.1:1")
    # urllib remembers the proxies of the first request it made.
    monkeypatch.setattr(urllib.request, "_opener", None)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty Keras home."""
    folder = tmp_path / "keras-home"
    folder.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(folder))
    return folder


@dataclasses.dataclass
class World:
    """Both data sets replaced by small ones; `arrays[name]` is their published content."""

    home: Path
    installed: dict[str, Path]
    arrays: dict[str, dict[str, np.ndarray]]
    change: Callable[..., DatasetInfo]

    def cached(self, name: str) -> list[Path]:
        """Paths at which the Keras cache keeps the set."""
        info = catalogue.DATASETS[name]
        return [self.home / info.cache_subdir / file.file_name for file in info.downloads]

    def contents(self, name: str) -> dict[str, bytes]:
        """The files of the download, by file name."""
        arrays = self.arrays[name]
        if name == "mnist":
            return {"mnist.npz": npz_bytes(arrays)}
        return {
            IDX_STEMS[array] + ".gz": gzip.compress(idx_bytes(arrays[array]), mtime=0)
            for array in ARRAY_NAMES
        }

    def fill_cache(self, name: str) -> None:
        for path in self.cached(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.contents(name)[path.name])


@pytest.fixture
def world(home: Path, offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine without a network, with an empty Keras cache and nothing installed."""
    datasets = dict(DATASETS)
    monkeypatch.setattr(catalogue, "DATASETS", datasets)

    def change(name: str, **fields: Any) -> DatasetInfo:
        datasets[name] = dataclasses.replace(datasets[name], **fields)
        return datasets[name]

    made = World(
        home=home,
        installed={name: tmp_path / "installed" / name for name in DATASETS},
        arrays={name: arrays_of(seed) for seed, name in enumerate(DATASETS)},
        change=change,
    )
    for name, arrays in made.arrays.items():
        contents = made.contents(name)
        change(
            name,
            rows={"train": len(arrays["x_train"]), "test": len(arrays["x_test"])},
            sha256={key: hashlib.sha256(arrays[key].tobytes()).hexdigest() for key in ARRAY_NAMES},
            installed=(str(made.installed[name]),),
            downloads=tuple(
                dataclasses.replace(
                    file,
                    digest=hashlib.new(file.algorithm, contents[file.file_name]).hexdigest(),
                )
                for file in datasets[name].downloads
            ),
        )
    return made


class Server:
    """A web server on 127.0.0.1.

    Attributes:
      files: content by file name; a missing name is answered with 404.
      requests: (method, file name) of every request so far.
      head_status: status for HEAD requests instead of the normal one, if not 0.
      stall_after: bytes of a body after which it sends no more, if not None.
      trickle: "headers" or "body": which part it sends a byte at a time, ten in a second.
      cut_after: bytes of a body after which it closes the connection, if not None.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.head_status = 0
        self.stall_after: int | None = None
        self.cut_after: int | None = None
        self.trickle = ""
        self.closing = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                server.requests.append(("HEAD", self.path[1:]))
                self._start(server.head_status)

            def do_GET(self) -> None:
                server.requests.append(("GET", self.path[1:]))
                if server.trickle == "headers":
                    self._trickle(b"HTTP/1.0 200 OK\r\nX-Slow: " + bytes([120]) * 2000)
                    return
                content = self._start(0)
                if server.trickle == "body":
                    self._trickle(content)
                elif server.stall_after is not None:
                    self.wfile.write(content[: server.stall_after])
                    self.wfile.flush()
                    server.closing.wait(60)
                elif server.cut_after is not None:
                    self.wfile.write(content[: server.cut_after])
                else:
                    self.wfile.write(content)

            def _trickle(self, content: bytes) -> None:
                with contextlib.suppress(ConnectionError):  # The other side has had enough.
                    for byte in content:
                        self.wfile.write(bytes([byte]))
                        if server.closing.wait(0.1):
                            return

            def _start(self, status: int) -> bytes:
                content = server.files.get(self.path[1:])
                self.send_response(status or (404 if content is None else 200))
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                return content or b""

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def gets(self) -> list[str]:
        """Names of the files that were fetched."""
        return [name for method, name in self.requests if method == "GET"]

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves both small data sets; the catalogue's addresses point to it."""
    for variable in PROXY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(urllib.request, "_opener", None)
    made = Server()
    for name, info in list(catalogue.DATASETS.items()):
        made.files |= world.contents(name)
        world.change(
            name,
            downloads=tuple(
                dataclasses.replace(file, url=made.url + file.file_name) for file in info.downloads
            ),
        )
    yield made
    made.close()


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras, imported once; what its import warns of is not this room's concern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")

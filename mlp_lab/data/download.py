"""Downloads a full data set into the Keras cache.

Without a network it gives up within seconds. It also gives up on a server that stops
sending, sends too slowly or never stops. No file gets its final name in the cache before its
checksum and its decoded content have been verified, so that neither a kill nor a full disk
leaves a bad file that a later run would trust.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mlp_lab.data.catalogue import DatasetInfo, RemoteFile
from mlp_lab.data.checks import check_content, content_hashes
from mlp_lab.data.faults import Absent, DataFault
from mlp_lab.data.folder import read_arrays
from mlp_lab.data.keras_cache import cached_files, keras_homes
from mlp_lab.data.rows import Rows
from mlp_lab.data.streams import CHUNK_BYTES, reason_of

PROBE_SECONDS = 5.0
"""Time within which the server must answer before a download is tried."""

STALL_SECONDS = 20.0
"""A running download is given up after this time without a single byte."""

TOTAL_SECONDS = 600.0
"""Time for all files of a set; the larger set, 30.9 MB, needs 52 kB/s."""

MAX_FILE_BYTES = 100 * 1024**2
"""Largest file that is downloaded: four times the largest published one."""

_STAGING_PREFIX = ".mlp_lab-download-"
_STALE_SECONDS = 24 * 3600.0

# Some servers answer GET requests but not HEAD requests; they are reachable too.
_HEAD_REFUSED = (405, 501)

_NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)


def download(
    info: DatasetInfo, note: Callable[[str], None]
) -> tuple[dict[str, np.ndarray | Rows], dict[str, Path]]:
    """Downloads the full set into the Keras cache and reads it.

    Files that are already there with the right checksum are not downloaded again.

    Args:
      info: the data set.
      note: called with one line when a download starts.

    Returns:
      The arrays by name (see `folder.read_arrays`), and the cached file of each.

    Raises:
      Absent: there is no network, the server does not send the files, they are not the
        published set, or the cache cannot be written. The message says which.
    """
    home = keras_homes()[-1]  # Keras can write to the last one.
    final = cached_files(home, info)
    folder = home / info.cache_subdir
    needed = [file for file in info.downloads if not _has_digest(folder / file.file_name, file)]
    if needed:
        reason = probe(needed[0].url)
        if reason is not None:
            raise Absent(f"no network ({reason})")
        host = urllib.parse.urlsplit(needed[0].url).hostname
        note(f"{info.name}: downloading the full set from {host} into {folder}")
    end = time.monotonic() + TOTAL_SECONDS
    with _staging(folder) as staging:
        for file in needed:
            _fetch(file, staging, end)
        fetched = {name: staging / file.file_name for file in needed for name in file.holds}
        files = {**final, **fetched}
        try:
            arrays = read_arrays(files, info)
            check_content(content_hashes(arrays), info.sha256, files, f"the published {info.name}")
        except DataFault as fault:
            raise Absent(f"the downloaded files cannot be used ({fault})") from fault
        try:
            for file in needed:
                os.replace(staging / file.file_name, folder / file.file_name)
        except OSError as error:
            raise Absent(f"{folder} cannot be written ({reason_of(error)})") from error
    return arrays, final


def probe(url: str, seconds: float | None = None) -> str | None:
    """Requests the headers of `url`, within a time limit.

    Args:
      url: what to request; proxies from the environment are used.
      seconds: the limit, `PROBE_SECONDS` by default.

    Returns:
      None if the server has it, else why not in a few words.
    """
    limit = PROBE_SECONDS if seconds is None else seconds
    return _in_time(
        lambda: _ask(url, limit), limit, f"no answer from {_server(url)} within {limit:g} s"
    )


def _in_time(work: Callable[[], str | None], seconds: float, late: str) -> str | None:
    """What `work` returns, or `late` if it takes longer than `seconds`.

    It runs in a thread, because a socket's timeout does not cover a resolver or proxy that
    hangs, or headers that trickle in. The thread is a daemon: if it hangs forever, the program
    can still end.
    """
    outcome: list[str | None] = []
    thread = threading.Thread(
        target=lambda: outcome.append(work()), name="mlp_lab-download", daemon=True
    )
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else late


def _ask(url: str, seconds: float) -> str | None:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        error.close()
        return None if error.code in _HEAD_REFUSED else _network_reason(url, error)
    except _NETWORK_ERRORS as error:
        return _network_reason(url, error)


def _network_reason(url: str, error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"{_server(url)} answers HTTP {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    said = reason_of(cause) if isinstance(cause, BaseException) else str(cause)
    return f"{_server(url)}: {said}"


def _server(url: str) -> str:
    """The host of `url` and the proxy in use, if any, without the proxy's password."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or url
    proxy = urllib.request.getproxies().get(parts.scheme)
    if not proxy or urllib.request.proxy_bypass(host):
        return host
    through = urllib.parse.urlsplit(proxy if "://" in proxy else f"//{proxy}")
    return f"{host} through the proxy {through.netloc.rpartition('@')[2]}"


def _fetch(file: RemoteFile, staging: Path, end: float) -> None:
    """Downloads a file and verifies its checksum; `end` is a time of the monotonic clock."""
    path = staging / file.file_name
    stopped = threading.Event()
    try:
        reason = _in_time(
            lambda: _receive(file.url, path, stopped),
            max(0.0, end - time.monotonic()),
            f"not finished within {TOTAL_SECONDS:g} s",
        )
    finally:
        stopped.set()
    if reason is None and not _has_digest(path, file):
        reason = f"its {file.algorithm} checksum is not the published one"
    if reason is not None:
        raise Absent(f"download of {file.url} failed ({reason})")


def _receive(url: str, path: Path, stopped: threading.Event) -> str | None:
    """Downloads a file with a progress bar; returns None, or why it is incomplete."""
    # Imported late: Keras takes seconds to import, and only a download needs it.
    import keras

    received = 0
    try:
        with urllib.request.urlopen(url, timeout=STALL_SECONDS) as response, open(path, "wb") as to:
            length = int(response.headers.get("Content-Length") or 0)
            bar = keras.utils.Progbar(length or None, unit_name="byte")
            # read1 returns what has arrived; read would wait for a whole piece.
            while (piece := response.read1(CHUNK_BYTES)) and not stopped.is_set():
                received += len(piece)
                if received > MAX_FILE_BYTES:
                    return f"the server sent more than {MAX_FILE_BYTES:,} bytes"
                to.write(piece)
                bar.update(received)
    except _NETWORK_ERRORS as error:
        return _network_reason(url, error)
    return None


@contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """A private folder next to the final files, from which files can be moved atomically."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        staging = Path(tempfile.mkdtemp(prefix=_STAGING_PREFIX, dir=folder))
    except OSError as error:
        raise Absent(f"{folder} cannot be written ({reason_of(error)})") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Removes what killed downloads left; newer folders may belong to a running process."""
    for left in folder.glob(f"{_STAGING_PREFIX}*"):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _has_digest(path: Path, file: RemoteFile) -> bool:
    if not path.is_file():
        return False
    digest = hashlib.new(file.algorithm, usedforsecurity=False)
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(CHUNK_BYTES):
                digest.update(piece)
    except OSError:
        return False
    return digest.hexdigest() == file.digest

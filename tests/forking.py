"""Processes that are forked from one that has loaded TensorFlow, which takes seconds.

A child of the server (`fork_server.py`) is a process of its own: with its arguments, folder,
environment, standard files, signals and exit status. It is handed over to the process that asked
for it, so that `Forked` is a `subprocess.Popen` in all but how it starts.

What is decided while modules are imported was decided when the server started. A command line
whose environment differs in more than `LATE` is refused by `can_fork`.
"""

import atexit
import ctypes
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# Variables that are read when they are used, not at import.
LATE = {
    "HOME", "PYTHONPATH", "PYTHONUNBUFFERED", "TF_CONFIG",
    "http_proxy", "https_proxy", "no_proxy",
}  # fmt: skip
_PR_SET_CHILD_SUBREAPER = 36


class Server:
    """The process that forks: started when it is first asked, ended with this one."""

    def __init__(self):
        self._lock = threading.Lock()
        self._connection = None
        self.environment = None
        self.threads = None

    def start(self, environment: Mapping[str, str]) -> None:
        """Starts it in this environment, if it does not run yet."""
        with self._lock:
            if self._connection is not None:
                return
            # Without it, a child whose parent has ended would belong to init.
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            self._home = tempfile.TemporaryDirectory()
            self.environment = {**environment, "HOME": self._home.name}
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            script = Path(__file__).with_name("fork_server.py")
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, str(script), str(theirs.fileno())],
                    env=self.environment,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            answer = ours.recv(1 << 16)
            if not answer:
                raise RuntimeError(f"the fork server has ended: {self._process.wait()}")
            self.threads = json.loads(answer)
            self._connection = ours
            atexit.register(self.close)

    def fork(self, message: dict, files: Sequence[int]) -> int:
        """The process that this command line runs in, a child of this one."""
        with self._lock:
            socket.send_fds(self._connection, [json.dumps(message).encode()], files)
            return int(self._connection.recv(1 << 10))

    def close(self) -> None:
        """Ends the server; the processes that it has made go on."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._process.wait()
            self._home.cleanup()


SERVER = Server()


def can_fork(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether a process forked from the server is what `python ARGUMENTS` would be."""
    # macOS has os.fork, but its libraries do not bear it.
    if sys.platform != "linux":
        return False
    first = arguments[1] if arguments[0] == "-B" else arguments[0]
    if first.startswith("-") and first != "-m":
        return False
    SERVER.start({k: v for k, v in environment.items() if k not in LATE - {"PYTHONPATH"}})
    ours = SERVER.environment
    changed = {name for name in ours.keys() | environment.keys()
               if ours.get(name) != environment.get(name)}  # fmt: skip
    return changed <= LATE


class Forked(subprocess.Popen):
    """`python ARGUMENTS`, forked from the server."""

    def _execute_child(
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo,
        creationflags, shell, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, *_,
    ):  # fmt: skip
        files = [0 if p2cread == -1 else p2cread, 1 if c2pwrite == -1 else c2pwrite]
        files.append(2 if errwrite == -1 else errwrite)
        message = {"cwd": str(cwd or os.getcwd()), "environment": dict(env), "arguments": args}
        self.pid = SERVER.fork(message, files)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

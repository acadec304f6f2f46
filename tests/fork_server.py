"""A process that has loaded TensorFlow and forks a child for each command line.

`forking.py` starts it and explains it. Run as a script: it takes the number of a socket's file
descriptor, and each message there is a command line, with the three standard files.

No operation of TensorFlow may run here before a fork: its thread pools do not survive one.
"""

import gc
import io
import json
import os
import runpy
import signal
import socket
import sys
import types
from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LARGEST = 1 << 20


def load() -> None:
    """Imports what `train.py` imports, in the same way."""
    sys.path[0] = ROOT
    from mlp_lab.quiet import quiet_import

    with quiet_import():
        import mlp_lab.training  # noqa: F401
    gc.collect()
    gc.freeze()  # a collection in a child would copy the pages of all that was loaded


def threads() -> list[str]:
    """The names of this process's threads."""
    tasks = Path("/proc/self/task").iterdir()
    return [(task / "comm").read_text().strip() for task in tasks]


def serve(connection: socket.socket) -> dict | None:
    """Forks a child for each message. Returns its message in the child, None at the end."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        content, files, _, _ = socket.recv_fds(connection, LARGEST, 3)
        if not content:
            return None
        # The child of a child that has ended becomes a child of whoever asked for it.
        answer, said = os.pipe()
        between = os.fork()
        if not between:
            child = os.fork()
            if child:
                os.write(said, str(child).encode())
                os._exit(0)
            for number, file in enumerate(files):
                os.dup2(file, number)
            for file in (*files, answer, said, connection.detach()):
                os.close(file)
            signal.signal(signal.SIGINT, interrupt)
            return json.loads(content)
        os.waitpid(between, 0)
        for file in (*files, said):
            os.close(file)
        with open(answer, "rb") as file:
            connection.send(file.read())


def become(cwd: str, environment: dict[str, str], arguments: list[str]) -> None:
    """Makes this process look like `python ARGUMENTS`, and runs it."""
    ours = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    theirs = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    if environment.get("PYTHONUNBUFFERED"):
        raw = open(1, "wb", buffering=0, closefd=False)  # noqa: SIM115
        sys.stdout = io.TextIOWrapper(raw, sys.stdout.encoding, write_through=True)
    if arguments[0] == "-B":
        sys.dont_write_bytecode = True
        arguments = arguments[1:]
    module = arguments[0] == "-m"
    first = os.getcwd() if module else os.path.dirname(os.path.abspath(arguments[0]))
    sys.path[:] = [first, *map(os.path.abspath, theirs), *sys.path[1 + len(ours) :]]
    if module:
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    main = types.ModuleType("__main__")
    main.__file__ = arguments[0]
    sys.modules["__main__"] = main
    with open(arguments[0], "rb") as file:
        code = compile(file.read(), arguments[0], "exec")
    exec(code, main.__dict__)


if __name__ == "__main__":
    connection = socket.socket(fileno=int(sys.argv[1]))
    load()
    connection.send(json.dumps(threads()).encode())
    asked = serve(connection)
    if asked is not None:
        become(**asked)  # what it leaves by is what the process ends with

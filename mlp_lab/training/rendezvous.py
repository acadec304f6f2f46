"""Workers meet before TensorFlow starts: TensorFlow's own wait has no end, and hears no signal.

Each worker listens on its own port of TF_CONFIG, so that a second process with the same task is
found at once, and reports to the chief's port. The chief lets all go, or refuses all, once all are
there. Then the ports are free again for TensorFlow. Messages are lines of JSON.
"""

import contextlib
import json
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from mlp_lab.errors import InputError, Interrupted, RunError
from mlp_lab.training.signals import Signals
from mlp_lab.training.tf_config import split_address

# Seconds: between messages, without one until a connection is given up, between lines on the
# console while workers are missing.
_EVERY, _SILENCE, _SAID = 0.5, 5.0, 30.0
_LONGEST = 1 << 20  # of a message, in bytes
_NAMED = 8  # workers that one line names
# What comes of messages that no worker has sent.
_NOT_OURS = (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError)

Compare = Callable[[Mapping[int, Any]], tuple[str, str] | None]
"""Given what each worker reports, the option that differs and a line that says how; or None."""


class Meeting:
    """One worker's part in the meeting of all.

    Args:
      addresses: of all workers, the chief's first.
      me: the number of this worker.
      report: what the chief is told about this worker; must be a value that JSON can hold.
      compare: what the chief does with the reports of all.

    Raises:
      InputError: the port of this worker is in use.
    """

    def __init__(self, addresses: list[str], me: int, report: Any, compare: Compare):
        self.addresses, self.me = addresses, me
        self.missing: dict[int, str] = (
            {0: ""} if me else dict.fromkeys(range(1, len(addresses)), "")
        )
        self._report, self._compare, self._id = report, compare, uuid.uuid4().hex
        self._changed = threading.Condition()
        self._here: dict[int, Any] = {}  # the reports of the others, on the chief
        self._told, self._ended = 0, False
        self.verdict: dict[str, Any] | None = None
        self._listener = _listen(addresses[me])

    def wait(self, seconds: float, say: Callable[[str], None]) -> None:
        """Waits until all workers are there, and agree.

        Raises:
          InputError: they do not agree, or another process has the task of this one.
          Interrupted: SIGINT or SIGTERM came.
          RunError: some are still missing after so many seconds.
        """
        jobs = [self._attend, self._accept] if self.me == 0 else [self._attend]
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        end, said = time.monotonic() + seconds, time.monotonic()
        try:
            with Signals() as signals, self._changed:
                say(f"waiting for {self._whom()}")
                while self.verdict is None:
                    self._changed.wait(0.1)
                    if self.me == 0 and not self.missing:
                        self._settle()
                    number = signals.asked()
                    if number is not None:
                        raise Interrupted(
                            int(number), f"interrupted while waiting for {self._whom()}"
                        )
                    if self.verdict is None and time.monotonic() > end:
                        raise RunError(self._too_late(seconds))
                    if time.monotonic() > said + _SAID:
                        said = time.monotonic()
                        say(f"still waiting for {self._whom()}")
                if self.me == 0:  # what was decided has to arrive
                    self._changed.wait_for(lambda: self._told == len(self._here), _SILENCE)
        finally:
            self._ended = True
            if self.me == 0:
                threads[1].join()  # the port is not free while one listens on it
            self._listener.close()
        if self.verdict.get("problem"):
            raise InputError(self.verdict["option"], self.verdict["problem"])

    def _whom(self) -> str:
        names = _few([self.addresses[number] for number in sorted(self.missing)], ", ")
        return f"the chief: {names}" if 0 in self.missing else f"the other workers: {names}"

    def _settle(self) -> None:
        """Lets all go, or refuses all; only the chief ever knows that all are there."""
        option, problem = self._compare({0: self._report, **self._here}) or ("", "")
        self._decide({"option": option, "problem": problem})

    def _too_late(self, seconds: float) -> str:
        """Whom this worker has waited for, and what is known of each."""
        known = dict(self.missing)

        def resolve(number: int) -> None:
            try:
                socket.getaddrinfo(*split_address(self.addresses[number]))
            except (OSError, UnicodeError):
                known[number] = "cannot be resolved"

        asking = [
            threading.Thread(target=resolve, args=[number], daemon=True)
            for number, reason in [*known.items()][:_NAMED]
            if not reason
        ]
        for thread in asking:
            thread.start()
        end = time.monotonic() + 1  # the resolver may take longer than anybody wants to wait
        for thread in asking:
            thread.join(max(end - time.monotonic(), 0))
        reasons = [
            f"{self.addresses[number]} {reason or 'has not reported'}"
            for number, reason in sorted(known.items())
        ]
        whom = "the chief" if 0 in known else f"{len(known)} of the other workers"
        return (
            f"waited {seconds:g} s for {whom}: {_few(reasons, '; ')}; start all workers, check the "
            "addresses in TF_CONFIG, or give a longer --worker_timeout"
        )

    def _decide(self, verdict: dict[str, Any]) -> None:
        with self._changed:
            self.verdict = self.verdict or verdict
            self._changed.notify_all()

    # What every worker does, the chief too: it finds out if its address is that of another.

    def _attend(self) -> None:
        host, port = split_address(self.addresses[0])
        while self.verdict is None:
            reason = "ended the connection"
            try:
                with socket.create_connection((host, port), timeout=_SILENCE) as connection:
                    self._speak(connection)
                    return
            except socket.gaierror:
                reason = "cannot be resolved"
            except (OSError, UnicodeError) as error:
                reason = f"does not answer: {getattr(error, 'strerror', None) or error}"
            except _NOT_OURS:
                reason = "is not a worker that waits for others"
            if self.me and self.verdict is None:
                with self._changed:
                    self.missing = {0: reason}
            time.sleep(_EVERY)

    def _speak(self, connection: socket.socket) -> None:
        _send(connection, {"worker": self.me, "id": self._id, "report": self._report})
        with connection.makefile("rb") as lines:
            while self.verdict is None:
                message = _message(lines)
                if "missing" not in message:
                    verdict = {name: str(message[name]) for name in ("option", "problem")}
                    if self.me or verdict["problem"]:  # or else the chief has found itself
                        self._decide(verdict)
                    return
                numbers = [int(n) for n in message["missing"] if 0 < n < len(self.addresses)]
                if self.me:
                    with self._changed:
                        self.missing = dict.fromkeys(numbers, "")

    # What only the chief does.

    def _accept(self) -> None:
        self._listener.settimeout(0.1)
        while not self._ended:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue  # nobody, or one that has gone
            threading.Thread(target=self._hear, args=[connection], daemon=True).start()

    def _hear(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(*_NOT_OURS):
            connection.settimeout(_SILENCE)
            if hasattr(socket, "TCP_USER_TIMEOUT"):  # of one whose machine has died
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 5000)
            with connection.makefile("rb") as lines:
                hello = _message(lines)
            number, name = int(hello["worker"]), str(hello["id"])
            own = number == 0 and name == self._id
            problem = "" if own else self._enter(number, hello["report"])
            if own or problem:
                _send(connection, {"option": "strategy", "problem": problem})
                _until_closed(connection)
                return
            try:
                self._keep(connection)
            finally:
                with self._changed:
                    if self.verdict is None:
                        del self._here[number]
                        self.missing[number] = "ended the connection"
                        self._changed.notify_all()

    def _enter(self, number: int, report: Any) -> str:
        """Notes a worker; returns why it cannot take part, or an empty string."""
        if not isinstance(report, dict):
            raise ValueError("not a report")
        with self._changed:
            if not 0 <= number < len(self.addresses):
                return (
                    f"multi_worker: TF_CONFIG of worker {number} and of the chief differ: the "
                    f"chief's has {len(self.addresses)} workers; give all the same cluster"
                )
            # One that was killed and started again may come before its end is noticed.
            gone = self._changed.wait_for(lambda: number not in self._here, _SILENCE + 1)
            if number == 0 or not gone:
                return (
                    f"multi_worker: another process already has the task of worker {number}; give "
                    "each worker its own index in TF_CONFIG"
                )
            self._here[number] = report
            self.missing.pop(number, None)
            self._changed.notify_all()
        return ""

    def _keep(self, connection: socket.socket) -> None:
        """Tells a worker who is missing, and at last what was decided."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.verdict is not None, _EVERY)
                verdict, missing = self.verdict, sorted(self.missing)
            if verdict is not None:
                break
            if select.select([connection], [], [], 0)[0]:
                return  # it has nothing more to say: it has ended
            _send(connection, {"missing": missing})
        _send(connection, verdict)
        # The side that closes first keeps the port for a while: not the chief.
        _until_closed(connection)
        with self._changed:
            self._told += 1
            self._changed.notify_all()


def _few(texts: list[str], between: str) -> str:
    more = [f"and {len(texts) - _NAMED:,} more"] if len(texts) > _NAMED else []
    return between.join([*texts[:_NAMED], *more])


def _listen(address: str) -> socket.socket:
    """Listens on the port as TensorFlow will: on all interfaces."""
    _, port = split_address(address)
    with contextlib.suppress(OSError):  # the machine may be without IPv6
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    try:
        return socket.create_server(("", port))
    except OSError as error:
        raise InputError(
            "strategy",
            f"multi_worker: cannot listen on port {port}, which TF_CONFIG gives to this worker "
            f"({error.strerror}); end the process that has it, perhaps one with the same task "
            "index, or choose another port",
        ) from None


def _send(connection: socket.socket, message: Any) -> None:
    connection.sendall(json.dumps(message).encode() + b"\n")


def _message(lines: Any) -> dict[str, Any]:
    line = lines.readline(_LONGEST)
    if not line:
        raise ConnectionResetError("closed")
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("not a message")
    return message


def _until_closed(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.recv(1)

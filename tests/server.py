"""A real TensorBoard server, asked over HTTP."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request


class Server:
    """A running TensorBoard, asked over HTTP."""

    def __init__(self, process, port):
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def get(self, route, body=None, **query):
        url = f"{self.url}/data/{route}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.read()

    def json(self, route, body=None, **query):
        return json.loads(self.get(route, body, **query))

    def wait_for(self, question, seconds=60):
        """The first answer that is not empty; data arrive some time after the server."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                answer = question()
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                answer = None
            if answer:
                return answer
            time.sleep(0.2)
        raise AssertionError(f"no answer; server returned {self.process.poll()}")


@contextlib.contextmanager
def serving(logs):
    """A server on a folder of runs, stopped at the end; `wait_for` what is asked first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--reload_interval", "1"]
    with open(logs / "server.txt", "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield Server(process, port)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

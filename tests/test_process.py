"""A process that is forked from the server is what a new interpreter would be, but sooner."""

import json
import os
import signal
import sys

import pytest
from forking import SERVER, Forked, can_fork
from process import environment, popen, python

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process is new")

SCRIPT = """
import atexit, json, os, signal, sys, warnings
atexit.register(lambda: print("the end"))
print(json.dumps({
    "arguments": sys.argv, "folder": os.getcwd(), "name": __name__, "file": __file__,
    "environment": {k: v for k, v in os.environ.items() if k not in ("_", "LC_CTYPE")},
    "path": [p for p in sys.path if p != "/nothing"], "main": sys.modules["__main__"].__name__,
    "encodings": [sys.stdout.encoding, sys.stderr.encoding, sys.stdin.encoding],
    "buffered": [sys.stdout.line_buffering, sys.stdout.write_through],
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)],
    "no bytecode": sys.dont_write_bytecode, "filters": len(warnings.filters),
    "files": sorted(os.listdir("/proc/self/fd"))[:3],
}))
print(sys.stdin.read(), file=sys.stderr)
import helper
sys.exit(int(sys.argv[1]))
"""


def buffered(home):
    """A user's environment in which output is kept until there is enough."""
    return {k: v for k, v in environment(home).items() if k != "PYTHONUNBUFFERED"}


def both(*arguments, **options):
    """The forked process and the new one: (status, output, errors) of each."""
    found = []
    for fresh in (False, True):
        with popen(*arguments, fresh=fresh, **options) as process:
            assert isinstance(process, Forked) != fresh
            out, err = process.communicate("given", timeout=60)
            found.append((process.returncode, out, err))
    return found


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("print('beside', __name__)")
    (tmp_path / "elsewhere").mkdir()
    return tmp_path


@linux
@pytest.mark.parametrize("how", [["{}/script.py"], ["-B", "{}/script.py"], ["-m", "script"]])
def test_a_forked_process_is_as_a_new_one(how, folder):
    env = {**buffered(folder), "PYTHONPATH": "elsewhere"}
    options = {"env": env, "cwd": folder, "stdin": -1}
    forked, new = both(*[text.format(folder) for text in how], "3", "b c", **options)
    assert forked[::2] == new[::2] == (3, "given\n")
    (first, *rest), (expected, *expected_rest) = (out.splitlines() for _, out, _ in (forked, new))
    assert rest == expected_rest == ["beside helper", "the end"]
    first, expected = json.loads(first), json.loads(expected)
    for named in ("environment", "filters"):  # what TensorFlow and Keras add when they are loaded
        ours, theirs = first.pop(named), expected.pop(named)
        if named == "environment":
            assert theirs.items() <= ours.items()
    assert first == expected


@linux
@pytest.mark.parametrize("unbuffered", [False, True])
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("pass", 0),
        ("sys.exit('why')", 1),
        ("raise ValueError('why')", 1),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGINT)", -signal.SIGINT),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os._exit(7)", 7),
    ],
)
def test_it_ends_as_a_new_one(line, status, unbuffered, tmp_path):
    # A test that is started in the background has inherited that SIGINT is ignored.
    heard = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    script = f"import os, signal, sys\n{heard}\nprint('begun')\n{line}\n"
    (tmp_path / "script.py").write_text(script)
    env = {**buffered(tmp_path), **({"PYTHONUNBUFFERED": "1"} if unbuffered else {})}
    forked, new = both(str(tmp_path / "script.py"), env=env, stdin=-1)
    assert (forked[0], forked[1]) == (new[0], new[1])
    assert forked[0] == status
    # The last line: a traceback begins with the server's own frames.
    assert forked[2].splitlines()[-1:] == new[2].splitlines()[-1:]


@linux
def test_it_is_stopped_and_killed_by_its_number(tmp_path):
    (tmp_path / "script.py").write_text("import os, time\nprint(os.getpid())\ntime.sleep(60)")
    env = {**environment(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = popen(str(tmp_path / "script.py"), env=env)
    assert int(process.stdout.readline()) == process.pid
    assert process.poll() is None
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.communicate(timeout=10)
    assert process.returncode == -signal.SIGKILL


@linux
def test_tensorflow_has_not_started_before_the_fork(tmp_path):
    """Its threads would not be in the child. It refuses to be configured once it has started."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "assert 'tensorflow' in sys.modules and 'mlp_lab.training' in sys.modules\n"
        "import tensorflow as tf\n"
        "tf.config.threading.set_intra_op_parallelism_threads(2)\n"
        "print(tf.config.list_logical_devices('CPU')[0].name, float(tf.reduce_sum([1.0, 2.0])))\n"
    )
    done = python(str(script), env=environment(tmp_path))
    assert done.stdout == "/device:CPU:0 3.0\n", done.stderr
    # NumPy's and SciPy's OpenBLAS have threads of their own from the start, and so has jemalloc,
    # which pyarrow brings; all start them again in a child.
    others = [name for name in SERVER.threads if not name.startswith("jemalloc")]
    assert len(others) <= 1 + 2 * ((os.cpu_count() or 1) - 1)


@linux
def test_what_is_decided_at_import_takes_a_new_process(tmp_path):
    env = environment(tmp_path)
    assert can_fork(["train.py"], env)
    assert can_fork(["train.py"], {**env, "TF_CONFIG": "{}", "HOME": "/"})
    for name in ("KERAS_BACKEND", "TF_CPP_MIN_LOG_LEVEL", "XLA_FLAGS", "OMP_NUM_THREADS"):
        assert not can_fork(["train.py"], {**env, name: "1"})
    assert not can_fork(["train.py"], {k: v for k, v in env.items() if k != "PATH"})
    assert not can_fork(["-c", "pass"], env)
    assert not can_fork(["-W", "error", "train.py"], env)

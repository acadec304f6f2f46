"""Ways to end a run from outside, and from a user's code: its record tells how it ended."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys

from killing import assert_same, outcome
from process import environment

from attacks.attack import attack
from attacks.runs import (
    FLAGS,
    ROOT,
    contents,
    ends_alike,
    latest_step,
    one_line,
    resumes,
    run,
    start,
    status,
    undisturbed,
    until,
    write_data,
)


def begun(home, *flags, **options):
    """A run that has made a checkpoint after its beginning, and its folder."""
    write_data(home)
    folder = home / "logs" / "run"
    process = start(home, "run", *flags, **options)
    until(lambda: latest_step(folder) >= 5, process)
    return process, folder


def signaled(home, number):
    """Sends a signal to a run, which saves, says how to go on, and can be resumed."""
    process, folder = begun(home)
    process.send_signal(signal.SIGSTOP)  # so that it does not end before
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number, err
    assert err.splitlines()[-1].endswith(f"--flagfile={folder}/flags.txt --name=run --resume")
    assert status(folder) == "interrupted"
    resumes(home)
    ends_alike(home)


@attack
def hangup(home):
    """A closed terminal (SIGHUP) ends a run as Ctrl-C does: saved, recorded, resumable."""
    signaled(home, signal.SIGHUP)


@attack
def terminate(home):
    """SIGTERM ends a run saved, recorded, resumable."""
    signaled(home, signal.SIGTERM)


@attack
def interrupt(home):
    """Ctrl-C ends a run saved, recorded, resumable."""
    signaled(home, signal.SIGINT)


@attack
def processor_limit(home):
    """The warning of a limit of processor time (SIGXCPU) ends a run saved and resumable."""
    signaled(home, signal.SIGXCPU)


@attack
def signal_at_the_start(home):
    """A signal before the first step leaves a run that can be resumed, or no run."""
    write_data(home)
    folder = home / "logs" / "run"
    process = start(home, "run")
    until(folder.exists, process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert status(folder) == "interrupted"
    resumes(home)
    ends_alike(home)


@attack
def two_signals(home):
    """A second signal of the same kind ends a run at once, and the run can be resumed."""
    process, _ = begun(home)
    process.send_signal(signal.SIGSTOP)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    for _ in range(50):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode in (143, -signal.SIGTERM)
    resumes(home)
    ends_alike(home)


@attack
def stopped_and_continued(home):
    """SIGSTOP and SIGCONT change nothing."""
    process, _ = begun(home)
    for _ in range(3):
        process.send_signal(signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    ends_alike(home)


@attack
def ignored_hangup(home):
    """Under nohup, a closed terminal does not end a run."""
    write_data(home)
    folder = home / "logs" / "run"
    flags = [*FLAGS, f"--log_dir={home}/logs", f"--data_dir={home}/data", "--name=run"]
    command = ["nohup", sys.executable, str(ROOT / "train.py"), *flags]
    with open(home / "out", "w") as out:
        process = subprocess.Popen(
            command, env=environment(home), cwd=home, stdout=out, stderr=out, text=True
        )
    until(lambda: latest_step(folder) >= 5, process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=120)
    assert process.returncode == 0
    ends_alike(home)


def finishes(process, home):
    """Asserts that it ends with status 0 and leaves what an undisturbed run leaves."""
    process.communicate(timeout=120)
    assert process.returncode == 0
    assert status(home / "logs" / "run") == "finished"
    ends_alike(home)


@attack(quick=True)
def reader_gone(home):
    """A run whose output nobody reads any more (| head -1) trains on to its end."""
    write_data(home)
    read, write = os.pipe()
    process = start(home, "run", stdout=write, stderr=subprocess.STDOUT)
    os.close(write)
    os.read(read, 10)
    os.close(read)
    finishes(process, home)


@attack
def output_on_a_full_disk(home):
    """A run whose output cannot be written (/dev/full) trains on to its end."""
    write_data(home)
    with open("/dev/full", "w") as full:
        finishes(start(home, "run", stdout=full, stderr=full), home)


def shell(home, redirection, *flags):
    """A run started by a shell with a redirection, in a new interpreter."""
    own = [*FLAGS, f"--log_dir={home}/logs", f"--data_dir={home}/data", "--name=run", *flags]
    command = f'exec "{sys.executable}" "{ROOT}/train.py" "$@" {redirection}'
    return subprocess.Popen(
        ["sh", "-c", command, "sh", *own], env=environment(home), cwd=home, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@attack
def closed_streams(home):
    """A run with closed standard streams trains to its end, and prints into no file."""
    write_data(home)
    finishes(shell(home, "<&- >&- 2>&-"), home)


@attack
def closed_output_with_bar(home):
    """A run with a closed output and a progress bar trains to its end."""
    write_data(home)
    finishes(shell(home, ">&-", "--verbose=bar"), home)


@attack
def mistake_with_closed_streams(home):
    """Bad input with closed streams has status 2."""
    write_data(home)
    process = shell(home, ">&- 2>&-", "--epochs=0")
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert not (home / "logs").exists()


@attack
def help_into_a_closed_pipe(home):
    """--help whose reader has gone prints no traceback."""
    command = f'"{sys.executable}" "{ROOT}/train.py" --help | head -1'
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=environment(home), capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done


@attack
def names_that_the_terminal_lacks(home):
    """Names that the terminal's encoding lacks are escaped, and end nothing."""
    place = home / "données-数据"
    place.mkdir()
    write_data(place)
    env = {**environment(place), "PYTHONIOENCODING": "ascii"}
    done = run(place, "run", env=env, fresh=True)
    assert done.returncode == 0, done.stderr
    assert "donn\\xe9es" in done.stdout


@attack
def terminal_that_goes_away(home):
    """A run whose terminal goes away is saved and recorded, and can be resumed."""
    write_data(home)
    folder = home / "logs" / "run"
    flags = [*FLAGS, f"--log_dir={home}/logs", f"--data_dir={home}/data", "--name=run"]
    child, terminal = pty.fork()
    if not child:  # its controlling terminal is the new one
        os.chdir(home)
        command = [sys.executable, str(ROOT / "train.py"), *flags]
        os.execve(sys.executable, command, environment(home))
    seen = os.read(terminal, 10)
    while latest_step(folder) < 5:
        seen = os.read(terminal, 4096)
        assert seen
    os.close(terminal)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) in (129, 0)
    if status(folder) != "finished":
        assert status(folder) == "interrupted"
        resumes(home)
    assert_same(outcome(home, "run"), undisturbed())


MODULE = """\
import sys
import keras, mlp_lab

@keras.saving.register_keras_serializable()
class Mine(mlp_lab.MLP):
    def __init__(self, hidden_units, dropout=0.0, num_classes=10, input_scale=1.0, **kwargs):
        options = {"dropout": dropout, "input_scale": input_scale, **kwargs}
        super().__init__(hidden_units, num_classes, **options)
        self.calls = 0

    def train_step(self, data):
        self.calls += 1
        if self.calls > 30:
            RAISE
        return super().train_step(data)
"""


def own_step(home, statement):
    """Runs a model whose step does this after a while; returns the process and its folder."""
    write_data(home)
    (home / "steps_of_mine.py").write_text(MODULE.replace("RAISE", statement))
    flags = ("--model=steps_of_mine:Mine", "--run_eagerly", "--checkpoint_every=1")
    return run(home, "run", *flags), home / "logs" / "run"


@attack
def sys_exit_in_a_step(home):
    """sys.exit(0) in a user's step is an error: one line, status 1, recorded."""
    done, folder = own_step(home, "sys.exit(0)")
    one_line(done, 1, "sys.exit(0)", "--resume")
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["reason"]) == ("failed", "SystemExit: 0")


@attack
def out_of_memory_in_a_step(home):
    """A step that runs out of memory ends the run with one line, and is recorded."""
    done, folder = own_step(home, "raise MemoryError")
    one_line(done, 1, "out of memory", "--resume")
    assert status(folder) == "failed"


@attack
def mistake_in_a_step(home):
    """A mistake in a user's step is shown with its traceback, and is recorded."""
    done, folder = own_step(home, "raise RuntimeError('mine')")
    assert (done.returncode, "RuntimeError: mine" in done.stderr) == (1, True), done
    record = json.loads((folder / "run.json").read_text())
    assert (record["status"], record["reason"]) == ("failed", "RuntimeError: mine")


@attack
def killed_before_the_record(home):
    """A run that is killed while it makes its folder can be started again."""
    write_data(home)
    folder = home / "logs" / "run"
    for _ in range(3):
        process = start(home, "run", "--overwrite")
        until(folder.exists, process)
        process.kill()
        process.communicate()
    done = run(home, "run", "--overwrite")
    assert done.returncode == 0, done.stderr
    ends_alike(home)
    assert not [name for name in contents(folder) if name.endswith(".tmp")]

"""What a resumed run trusts: data, options, source code, checkpoints, event files, records."""

import json
import os
import shutil
import signal

import numpy as np
from process import python

from attacks.attack import attack
from attacks.runs import (
    FLAGS,
    contents,
    ends_alike,
    kill_after_checkpoint,
    killed,
    latest_step,
    one_line,
    refused,
    resumes,
    run,
    start,
    status,
    until,
    write_data,
)


def change(home, name, function):
    """Changes one array of the data."""
    path = home / "data" / f"{name}.npy"
    np.save(path, function(np.load(path)))


@attack(quick=True)
def other_labels(home):
    """Labels that changed between a kill and --resume are refused, with both checksums."""
    killed(home)
    change(home, "y_train", lambda y: (y + 1) % 10)
    line = refused(home, "--resume", "the SHA-256 of y_train was '", "' and is '")
    assert "x_train" not in line


@attack
def swapped_rows(home):
    """The same rows in another order are refused."""
    killed(home)
    change(home, "x_train", lambda x: x[::-1])
    refused(home, "x_train")


@attack
def fewer_rows(home):
    """Fewer rows are refused."""
    killed(home)
    change(home, "x_train", lambda x: x[:200])
    change(home, "y_train", lambda y: y[:200])
    refused(home, "x_train", "y_train")


@attack
def one_pixel_of_the_test_set(home):
    """A single changed byte of the test set is refused."""
    killed(home)

    def flip(x):
        x[100, 14, 14] ^= 1
        return x

    change(home, "x_test", flip)
    refused(home, "x_test")


STREAMED = ("--data_memory_mb=1",)


def large(home):
    """More data than are held in memory."""
    folder = write_data(home)
    for name in ("x_train", "y_train"):
        array = np.load(folder / f"{name}.npy")
        np.save(folder / f"{name}.npy", np.concatenate([array] * 3))


@attack
def label_in_a_streamed_file(home):
    """A single label changed in a file that is streamed is refused."""
    large(home)
    kill_after_checkpoint(home, "run", *STREAMED)
    with open(home / "data" / "y_train.npy", "r+b") as file:
        file.seek(-700, os.SEEK_END)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([(byte + 1) % 10]))
    refused(home, "y_train", flags=STREAMED)


@attack
def streamed_file_in_another_place(home):
    """Streamed files that were copied, with other times, are the same data."""
    large(home)
    kill_after_checkpoint(home, "run", *STREAMED)
    shutil.copytree(home / "data", home / "copy")
    shutil.rmtree(home / "data")
    assert "resumed from" in resumes(home, f"--data_dir={home}/copy", *STREAMED)


@attack
def accepted_changes(home):
    """--accept_changes resumes on changed data, and says what has changed."""
    folder = killed(home)
    change(home, "y_train", lambda y: (y + 1) % 10)
    out = resumes(home, "--accept_changes")
    assert "accepted: the SHA-256 of y_train was" in out
    assert status(folder) == "finished"


@attack
def moved_data(home):
    """Data that were moved are the same data; the result is the same, bit for bit."""
    killed(home)
    (home / "data").rename(home / "elsewhere")
    resumes(home, f"--data_dir={home}/elsewhere")
    ends_alike(home)


@attack
def moved_run(home):
    """A run whose folder was moved, or renamed, ends as if it had stayed."""
    killed(home)
    (home / "other").mkdir()
    (home / "logs" / "run").rename(home / "other" / "renamed")
    out = run(home, "renamed", f"--log_dir={home}/other", "--resume")
    assert out.returncode == 0, out.stderr
    (home / "other").rename(home / "logs" / "x")
    (home / "logs" / "x" / "renamed").rename(home / "logs" / "run")
    ends_alike(home)


@attack
def edited_flags(home):
    """A flags.txt that was edited does not change what is trained."""
    folder = killed(home)
    text = (folder / "flags.txt").read_text()
    assert "--histogram_every=4\n" in text
    (folder / "flags.txt").write_text(text.replace("--histogram_every=4", "--histogram_every=3"))
    refused(home, "--histogram_every", "'4' and is '3'", flags=("--histogram_every=3",))
    refused(home, "--histogram_every")


@attack
def other_flags(home):
    """A flag that changes the result is refused by name."""
    killed(home)
    refused(home, "--learning_rate", flags=("--learning_rate=0.5",))


@attack
def checkpoint_of_another_run(home):
    """A checkpoint of another run of the same shapes is refused."""
    folder = killed(home)
    other = kill_after_checkpoint(home, "other")
    shutil.rmtree(folder / "checkpoints")
    shutil.copytree(other / "checkpoints", folder / "checkpoints")
    refused(home, "the run's id was '")


MODULE = """\
import keras, mlp_lab
from helper_of_mine import width

@keras.saving.register_keras_serializable()
class Mine(mlp_lab.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(width())
        self.head = keras.layers.Dense(10)

    def call(self, x):
        x = keras.ops.reshape(keras.ops.cast(x, "float32"), (-1, 784)) / 255.0
        return self.head(keras.activations.RATE(self.dense(x)))
"""


@attack
def source_of_a_class(home):
    """The source of a user's class that changed between a kill and --resume is refused."""
    write_data(home)
    model, helper = home / "model_of_mine.py", home / "helper_of_mine.py"
    model.write_text(MODULE.replace("RATE", "relu"))
    helper.write_text("def width():\n    return 8\n")
    # None of the options that this model does not take.
    flags = ("--model=model_of_mine:Mine",)
    plain = [flag for flag in FLAGS if not flag.startswith(("--hidden_units", "--dropout"))]
    kill_after_checkpoint(home, "run", *flags, common=plain)
    model.write_text(MODULE.replace("RATE", "tanh"))
    refused(home, "the module model_of_mine", flags=flags, common=plain)
    model.write_text(MODULE.replace("RATE", "relu"))
    helper.write_text("def width():\n    return 4 + 4\n")
    refused(home, "the module helper_of_mine", flags=flags, common=plain)


def events_of(folder, part="train"):
    (path,) = (folder / part).glob("events.out.tfevents.*")
    return path


@attack
def events_deleted(home):
    """Event files that are missing are named."""
    folder = killed(home)
    path = events_of(folder)
    path.unlink()
    refused(home, f"train/{path.name} is missing")


@attack
def events_cut(home):
    """Event files that are shorter than at the checkpoint are named."""
    folder = killed(home)
    path = events_of(folder)
    os.truncate(path, 500)
    refused(home, f"train/{path.name} has 500 bytes")


@attack
def events_garbled(home):
    """Event files with another content are named."""
    folder = killed(home)
    path = events_of(folder, "validation")
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    refused(home, f"validation/{path.name} has been changed")


@attack(quick=True)
def run_inside_a_run(home):
    """Another run whose --log_dir lies inside a run's folder keeps all its files."""
    folder = killed(home)
    done = run(home, "inner", f"--log_dir={folder}", "--epochs=1")
    assert done.returncode == 0, done.stderr
    keras_events = folder / "train" / "events.out.tfevents.1.host.2.0.v2"
    keras_events.write_bytes(b"of another program")
    (folder / "notes.txt").write_text("mine")
    before = contents(folder / "inner")
    resumes(home)
    assert contents(folder / "inner") == before
    assert keras_events.read_bytes() == b"of another program"
    assert (folder / "notes.txt").read_text() == "mine"
    keras_events.unlink()
    ends_alike(home)


@attack
def inner_run_from_the_same_second(home):
    """A run inside a run that was killed and resumed at the same time keeps its own files."""
    folder = killed(home)
    write_data(folder)
    process = start(home, "inner", f"--log_dir={folder}", "--seed=3")
    until(lambda: latest_step(folder / "inner") >= 25, process)
    process.kill()
    process.communicate()
    inner = contents(folder / "inner")
    resumes(home)
    assert contents(folder / "inner") == inner
    done = run(home, "inner", f"--log_dir={folder}", "--seed=3", "--resume")
    assert done.returncode == 0, done.stderr
    ends_alike(home)


RECORDS = {
    "deep": "[" * 100_000,
    "list": "[]",
    "types": '{"status": 3, "resumed": 5, "started": [], "id": {}, "versions": 1, "config": 0}',
    "number": "1e999",
    "empty": "",
    "bytes": "\udcff\udcfe",
}


@attack
def record_of_other_forms(home):
    """A run.json of any content is no reason to fail: the checkpoint says what is resumed."""
    for name, text in RECORDS.items():
        place = home / name
        place.mkdir()
        folder = killed(place)
        (folder / "run.json").write_bytes(text.encode(errors="surrogateescape"))
        resumes(place)
        ends_alike(place)


@attack
def record_that_is_a_pipe(home):
    """A named pipe in place of run.json or of a checkpoint hangs nothing."""
    folder = killed(home)
    (folder / "run.json").unlink()
    os.mkfifo(folder / "run.json")
    latest = max(folder.glob("checkpoints/step-*.ckpt"))
    latest.unlink()
    os.mkfifo(latest)
    resumes(home)
    ends_alike(home)


@attack
def finished_in_between(home):
    """A run that another process has resumed to its end is not resumed again."""
    killed(home)
    resumes(home)
    before = contents(home / "logs" / "run")
    one_line(run(home, "run", "--resume"), 2, "has finished")
    assert contents(home / "logs" / "run") == before


@attack
def two_resumes_at_once(home):
    """Of two processes that resume a run at once one does, and the other is told so."""
    killed(home)
    both = [start(home, "run", "--resume") for _ in range(2)]
    ends = [process.communicate(timeout=300) for process in both]
    statuses = sorted(process.returncode for process in both)
    assert statuses == [0, 2], ends
    line = ends[[process.returncode for process in both].index(2)][1]
    assert "is being trained by process" in line or "has finished" in line, line
    ends_alike(home)


@attack
def checkpoints_of_other_names(home):
    """Files beside the checkpoints that have other names are neither used nor removed."""
    folder = killed(home)
    for name in ("step-foo.ckpt", "step-999999999999x.ckpt", "step-1.ckpt", "step-.ckpt"):
        (folder / "checkpoints" / name).write_bytes(b"mine")
    (folder / "checkpoints" / "step-999999999998.ckpt").mkdir()
    resumes(home)
    assert (folder / "checkpoints" / "step-foo.ckpt").read_bytes() == b"mine"
    ends_alike(home)


@attack
def empty_and_garbled_checkpoints(home):
    """Damaged checkpoints are named, and the one before is used."""
    folder = killed(home)
    latest = max(folder.glob("checkpoints/step-*.ckpt"))
    latest.write_bytes(b"")
    out = resumes(home)
    assert f"checkpoint not used: {latest.name}: damaged" in out
    ends_alike(home)


@attack
def killed_while_resuming(home):
    """A run that is killed again and again while it resumes ends as if it had not been."""
    folder = killed(home)
    for _ in range(3):
        step = latest_step(folder)
        process = start(home, "run", "--resume")
        until(lambda s=step, p=process: latest_step(folder) > s or p.poll() is not None, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    if status(folder) != "finished":
        resumes(home)
    ends_alike(home)


FIT = """\
import sys
import numpy as np
import mlp_lab, keras, tensorflow as tf

x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")
y = np.arange(320) % 3
SETUP
keras.utils.set_random_seed(0)
model = mlp_lab.MLP((8,), 3)
model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)

class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if sys.argv[1] == "kill" and model.optimizer.iterations == 15:
            raise KeyboardInterrupt

saving = mlp_lab.callbacks.Checkpoints("ckpt", every=1, accept_changes="accept" in sys.argv)
try:
    model.fit(DATA, epochs=3, verbose=0, callbacks=[saving, Kill()])
except KeyboardInterrupt:
    sys.exit(9)
except mlp_lab.checkpoints.CheckpointError as error:
    print(error)
    sys.exit(3)
"""


def fit(home, setup, data, mode, *more):
    (home / "fit.py").write_text(FIT.replace("SETUP", setup).replace("DATA", data))
    return python(
        str(home / "fit.py"), mode, *more, cwd=home, env={**os.environ, "HOME": str(home)}
    )


@attack
def other_arrays_in_fit(home):
    """In `fit`, a checkpoint of a training on other arrays is refused."""
    data = "x, y, batch_size=32"
    assert fit(home, "", data, "kill").returncode == 9
    done = fit(home, "y[5] += 1; y %= 3", data, "go on")
    assert (done.returncode, "data was '" in done.stdout) == (3, True), done
    done = fit(home, "y[5] += 1; y %= 3", data, "go on", "accept")
    assert (done.returncode, "accepted: data was" in done.stdout) == (0, True), done


@attack
def same_arrays_in_fit(home):
    """In `fit`, the same arrays are resumed."""
    data = "x, y, batch_size=32"
    assert fit(home, "", data, "kill").returncode == 9
    done = fit(home, "", data, "go on")
    assert (done.returncode, "resumed from" in done.stdout) == (0, True), done


@attack
def fewer_batches_in_fit(home):
    """A data set that ends before the position of the checkpoint is refused."""
    setup = "data = tf.data.Dataset.from_tensor_slices((x, y)).batch(32)"
    assert fit(home, setup, "data", "kill").returncode == 9
    done = fit(home, f"{setup}.take(2)", "data", "go on")
    assert (done.returncode, "ended after 2 steps" in done.stdout) == (3, True), done


@attack
def record_of_the_resumed(home):
    """The record of a resumed run keeps its id and the time it was first started."""
    folder = killed(home)
    before = json.loads((folder / "run.json").read_text())
    resumes(home)
    after = json.loads((folder / "run.json").read_text())
    assert (before["id"], before["started"]) == (after["id"], after["started"])
    assert len(after["resumed"]) == 1


@attack
def model_of_an_epoch_before_the_kill(home):
    """The best epoch was over when the run was killed: its model is in the checkpoint."""
    # The loss falls: with the direction turned round, the first epoch is the best.
    flags = "--keep=best", "--monitor_direction=max", "--patience=4", "--validation_split=0.2"
    run_folder = killed(home, *flags)
    said = resumes(home, *flags)
    assert "best epoch 1 of 5: val_loss" in said, said
    assert "stopped early after epoch 5" in said, said
    ends_alike(home, *flags)
    record = json.loads((run_folder / "run.json").read_text())
    assert (record["status"], record["best"]["step"]) == ("finished", 16)

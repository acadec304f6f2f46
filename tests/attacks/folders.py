"""Links, other processes and lost rights in a run's folder."""

import os
import shutil

from process import environment, python

from attacks.attack import Unavailable, attack
from attacks.runs import (
    contents,
    ends_alike,
    killed,
    one_line,
    refused,
    resumes,
    run,
    status,
    system,
    write_data,
)


def linked(home, name):
    """Puts a link in the place of something of a killed run; returns what it leads to."""
    folder = killed(home)
    outside = home / "outside"
    own = folder / name
    if own.exists():
        own.rename(outside)
    else:
        outside.write_text("precious")
    own.symlink_to(outside)
    return outside


def nothing_changes_through(home, name):
    outside = linked(home, name)
    before = contents(home / "outside") if outside.is_dir() else outside.read_bytes()
    run(home, "run", "--resume")
    after = contents(home / "outside") if outside.is_dir() else outside.read_bytes()
    assert after == before


@attack(quick=True)
def linked_lock(home):
    """A link in place of run.lock changes nothing outside of the run's folder."""
    nothing_changes_through(home, "run.lock")
    folder = home / "logs" / "run"
    one_line(run(home, "run", "--overwrite"), 2, "run.lock", "link")
    assert (folder / "run.lock").is_symlink()


@attack
def linked_record(home):
    """A link in place of run.json changes nothing outside."""
    nothing_changes_through(home, "run.json")


@attack
def linked_flags(home):
    """A link in place of flags.txt changes nothing outside."""
    nothing_changes_through(home, "flags.txt")


@attack
def linked_checkpoints(home):
    """A link in place of the folder of checkpoints changes nothing outside."""
    nothing_changes_through(home, "checkpoints")


@attack
def linked_events_folder(home):
    """A link in place of a folder of event files changes nothing outside."""
    nothing_changes_through(home, "train")


@attack
def linked_model(home):
    """A link in place of the model changes nothing outside."""
    nothing_changes_through(home, "model.keras")


@attack
def linked_report_of_non_finite(home):
    """A link in place of the folder of a report changes nothing outside."""
    nothing_changes_through(home, "non_finite")


@attack
def linked_event_file(home):
    """A link in place of an event file changes nothing outside."""
    folder = killed(home)
    (path,) = (folder / "train").glob("events.out.tfevents.*")
    with open(path, "ab") as file:  # as a run that was killed after its checkpoint
        file.write(bytes(1000))
    path.rename(home / "outside")
    path.symlink_to(home / "outside")
    before = (home / "outside").read_bytes()
    run(home, "run", "--resume")
    assert (home / "outside").read_bytes() == before


@attack
def linked_temporary_names(home):
    """Links in place of temporary names change nothing outside."""
    folder = killed(home)
    outside = home / "outside"
    outside.write_text("precious")
    for number in range(os.getpid(), os.getpid() + 300):
        (folder / f".run.json.{number}.tmp").symlink_to(outside)
    resumes(home)
    assert outside.read_text() == "precious"
    ends_alike(home)


@attack
def backup_with_hard_links(home):
    """A backup that shares its files by hard links keeps its content when a run is resumed."""
    folder = killed(home)
    (path,) = (folder / "train").glob("events.out.tfevents.*")
    with open(path, "ab") as file:
        file.write(bytes(1000))
    backup = home / "backup"
    shutil.copytree(folder, backup, copy_function=os.link)
    (folder / "run.lock").unlink()  # it would be refused
    before = contents(backup)
    resumes(home)
    assert contents(backup) == before
    ends_alike(home)


@attack
def linked_run_is_not_deleted(home):
    """--overwrite deletes nothing through a link in place of the run's folder."""
    folder = killed(home)
    folder.rename(home / "outside")
    folder.symlink_to(home / "outside")
    before = contents(home / "outside")
    one_line(run(home, "run", "--overwrite"), 2, "--overwrite")
    assert contents(home / "outside") == before


@attack
def folder_of_another_program(home):
    """--overwrite deletes no folder that no run has made."""
    write_data(home)
    folder = home / "logs" / "run"
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("precious")
    one_line(run(home, "run", "--overwrite"), 2, "is not a run's folder")
    assert (folder / "thesis.txt").read_text() == "precious"


@attack
def links_inside_are_not_followed_when_deleting(home):
    """--overwrite removes a link in a run's folder, not what it leads to."""
    folder = killed(home)
    outside = home / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("precious")
    (folder / "mine").symlink_to(outside)
    done = run(home, "run", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert (outside / "thesis.txt").read_text() == "precious"
    assert not (folder / "mine").exists()


RACE = """\
import os, sys, time
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.training.folder import RunFolder

mode, rounds = sys.argv[2], int(sys.argv[3])
options = {"data_source": "sample", "overwrite": mode == "overwrite"}
config = Config(log_dir=sys.argv[1], name="run", **options)
wins = []
for number in range(rounds):
    if mode == "new" and number:
        os.rename(f"{sys.argv[1]}/run", f"{sys.argv[1]}/old-{number}")
    go, children = time.time() + 0.02, []
    ended, end = os.pipe()
    for _ in range(4):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(end)
            time.sleep(max(go - time.time(), 0))
            try:
                folder = RunFolder(config)
                folder.create()
                os.write(write, b"1")
                os.read(ended, 1)  # holds it until all have tried
            except InputError:
                os.write(write, b"0")
            except BaseException as error:
                os.write(write, repr(error).encode())
            os._exit(0)
        os.close(write)
        children.append((pid, read))
    said = [os.read(read, 1000) for _, read in children]
    os.close(end)
    os.close(ended)
    for pid, read in children:
        os.waitpid(pid, 0)
        os.close(read)
    wins.append(sorted(said))
print({tuple(w): wins.count(w) for w in wins})
sys.exit(any(w.count(b"1") != 1 or len(b"".join(w)) != 4 for w in wins))
"""


def race(home, mode, rounds):
    (home / "race.py").write_text(RACE)
    (home / "logs").mkdir()
    done = python(
        str(home / "race.py"), str(home / "logs"), mode, str(rounds), env=environment(home),
        cwd=home,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@attack
def overwriting_at_once(home):
    """Of four processes that overwrite a run at once, one holds it, 100 times out of 100."""
    race(home, "overwrite", 100)


@attack
def starting_at_once(home):
    """Of four processes that start a run of one name at once, one holds it, 100 out of 100."""
    race(home, "new", 100)


@attack
def rights_lost_before_resuming(home):
    """A run's folder that cannot be written to is one line, status 1, when it is resumed."""
    folder = killed(home)
    if os.geteuid():
        folder.chmod(0o500)
    elif not system("chattr", "+i", str(folder)):
        raise Unavailable("nothing keeps root from writing here")
    try:
        one_line(run(home, "run", "--resume"), 1, "--resume")
    finally:
        folder.chmod(0o700) if os.geteuid() else system("chattr", "-i", str(folder))
    resumes(home)
    ends_alike(home)


@attack
def killed_while_overwriting(home):
    """A run that was killed while it deleted an older one can be overwritten again."""
    folder = killed(home)
    for name in ("train", "validation", "checkpoints"):
        shutil.rmtree(folder / name)
        one_line(run(home, "run"), 2, "--overwrite")
    (folder / "flags.txt").unlink()
    done = run(home, "run", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert status(folder) == "finished"
    ends_alike(home)


@attack
def lock_of_another_machine(home):
    """A lock file left behind by a killed process keeps nobody out."""
    folder = killed(home)
    (folder / "run.lock").write_text("1")
    resumes(home)
    ends_alike(home)


@attack
def refused_while_it_trains(home):
    """What is linked is refused before anything is written."""
    linked(home, "train")
    refused(home, "train", "is a link")

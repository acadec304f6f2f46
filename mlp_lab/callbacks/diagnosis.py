"""Says what is wrong with a training."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import keras

from mlp_lab.callbacks.checks import check_glass_box
from mlp_lab.callbacks.copies import FreshCopies, Function
from mlp_lab.callbacks.non_finite import NonFiniteError
from mlp_lab.diagnosis import SECONDS, Finding, Rule, Subject, standard, subject_of
from mlp_lab.diagnosis import Diagnosis as Course
from mlp_lab.diagnosis.finding import CERTAIN, SHOWN
from mlp_lab.diagnosis.forward import of_step
from mlp_lab.diagnosis.history import look_of
from mlp_lab.engine.progress import steps_made
from mlp_lab.folders import folder
from mlp_lab.writers import Writer, new_owner

# Steps that are looked at; those of 100 and more are looked at for the event files anyway.
_LOOKS = (0, 1, 2, 5, 10, 25, 50)
_EVERY = 100


class Diagnosis(FreshCopies):
    """Says what is wrong with a training: what, where, since when, why, and what to change.

    Before the first step it looks at the data, the model and one forward pass; then into a few
    steps, about 20 in a thousand and 30 in ten thousand, and at the logs of epochs. If a model
    does not do what simple models do, it tries at the end what would help: other learning rates,
    standardized inputs and targets, other initial weights and activations, in short trainings on
    a sample of the data. Afterwards all state is as before, bit for bit, and a fit with it
    equals one without.

    It works with any model that has the explicit step, and with any data. What it cannot judge
    is in `unjudged`, with the reason.

    Args:
      rules: what to look for; None for all of `mlp_lab.diagnosis.standard()`.
      seconds: for experiments, together; 0 for none.
      thorough: whether experiments are made although the model does well.
      log_dir: where findings are written as text and marks, for TensorBoard; or the `Writer` of
        an event file that others write too; None writes nothing.
      say: called with a line for the user: certain findings at once, the others at the end.
      flags: whether changes are given as flags of the command line instead of code.
      owner: the end of the names of its event files; by default drawn at random.

    Attributes:
      findings: those of the last fit, causes first.
      unjudged: what could not be judged, and why.
    """

    # It gets steps one by one, however many run in one call; see GlassBox.observers.
    any_steps_per_execution = True
    of_a_fit = ("findings", "_course", "_batches", "_told", "_ended", "_begun", "_owner")

    def __init__(
        self,
        rules: Iterable[Rule] | None = None,
        seconds: float = SECONDS,
        log_dir: str | os.PathLike | Writer | None = None,
        say: Callable[[str], Any] = print,
        flags: bool = False,
        owner: str | None = None,
        thorough: bool = False,
    ):
        super().__init__()
        self._rules = list(standard() if rules is None else rules)
        for rule in self._rules:
            if not isinstance(rule, Rule):
                raise ValueError(
                    f"rules: expected instances of mlp_lab.diagnosis.Rule, got {rule!r}"
                )
        if not seconds >= 0:
            raise ValueError(f"seconds: expected a number of at least 0, got {seconds!r}")
        self._seconds, self._flags, self._given_owner = seconds, flags, owner
        self._thorough, self._shared = thorough, log_dir if isinstance(log_dir, Writer) else None
        self._folder = None
        if log_dir is not None and not isinstance(log_dir, Writer):
            self._folder = folder(log_dir, "log_dir")
        self._say = Function(say, print)
        self._reset()

    def _reset(self) -> None:
        self.findings: list[Finding] = []
        self._course: Any = None
        self._told: set[str] = set()
        self._ended = self._begun = False
        self._batches: list[tuple[Any, Any]] = []
        self._owner = self._given_owner or new_owner()

    @property
    def unjudged(self) -> list[str]:
        """What could not be judged, and why."""
        return [] if self._course is None else self._course.evidence.unjudged

    # As a Keras callback.

    def set_model(self, model: keras.Model) -> None:
        """Called by `fit`; raises a TypeError if the model is not a `GlassBox`."""
        check_glass_box(self, model)
        super().set_model(model)

    def on_train_begin(self, logs=None):
        owner = self._owner
        self._reset()
        self._owner = owner
        given = self.model.given
        subject = Subject(self.model) if given is None else self._subject(given)
        self._course = Course(subject, self._rules, self._seconds, self._thorough)
        self.model.observers.append(self)
        if self.model.built and subject.x is not None and steps_made(self.model) == 0:
            self._begun = True
            self._tell(self._course.begin(), 0, certain_only=True)

    def _subject(self, given) -> Subject:
        try:
            return subject_of(self.model, given, self._flags)
        except Exception:  # data of a form that is not known
            return Subject(self.model, flags=self._flags)

    def on_epoch_end(self, epoch, logs=None):
        numbers = {n: float(v) for n, v in (logs or {}).items() if isinstance(v, int | float)}
        self._course.evidence.history.epochs.append(numbers)

    # As an observer of the model's steps.

    def next_step(self, step: int) -> float:
        """The next step that is looked at: few at first, then each that doubles."""
        for wanted in _LOOKS:
            if step <= wanted:
                return wanted
        wanted = _EVERY
        while wanted < step:
            wanted = max(wanted + _EVERY, wanted * 5 // 4 // _EVERY * _EVERY)
        return wanted

    def ran(self, steps, seconds, seen):
        """Called after a compiled call."""
        history = self._course.evidence.history
        history.steps += steps
        if seen is None:
            return
        with contextlib.suppress(Exception):  # a step of the user's may give anything
            history.looks.append(look_of(seen))
        if self._course.evidence.subject.labels is None and seen.data is not None:
            x, y, _ = keras.utils.unpack_x_y_sample_weight(seen.data)
            self._batches.append((x, y))
        if not self._begun:
            self._begun = True
            with contextlib.suppress(Exception):
                self._tell(self._course.begin(of_step(seen)), seen.number, certain_only=True)

    def stopped(self):
        """Called when `fit` ends, after an error too: judges a training that diverged."""
        error = sys.exc_info()[1]
        if self._ended:
            return
        self._ended = True
        if isinstance(error, NonFiniteError):
            self._course.evidence.history.trouble = error.step or steps_made(self.model)
        elif error is not None:
            return  # the training was broken off, and who did that does not want to wait
        self._judge()

    def _judge(self):
        with contextlib.suppress(Exception):  # batches of several forms
            self._course.gather(self._batches)
        self._batches = []
        self.findings = self._course.end()
        step = steps_made(self.model)
        self._tell(self.findings, step)
        self._write(step)

    def on_train_end(self, logs=None):
        if not self._ended:
            self._ended = True
            self._judge()

    def _tell(self, findings, step, certain_only=False):
        self.findings = findings
        for finding in findings[:SHOWN]:
            if finding.kind in self._told or (certain_only and finding.certainty != CERTAIN):
                continue
            self._told.add(finding.kind)
            if self.model.replicas.chief:
                self._say(finding.line)

    def _write(self, step):
        writer = self._shared
        if writer is None and self._folder is not None:
            writer = Writer(self._folder, self._owner)
        if writer is None or not self.findings or not self.model.replicas.chief:
            return
        for number, finding in enumerate(self.findings, start=1):
            at = step if finding.since is None else finding.since
            tag = finding.kind.replace(" ", "_")
            writer.text(f"findings/{number}_{tag}", finding.text, at)
            writer.scalars({f"findings/{tag}": 1.0}, at)
        if self._shared is None:
            writer.close()
        else:
            writer.flush()

    # For checkpoints.

    @property
    def owner(self) -> str:
        """The end of the names of its event files."""
        return self._owner if self._shared is None else self._shared.owner

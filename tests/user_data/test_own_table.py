"""A run on a table of the user's own: four tasks, from flags and from Python, to predictions."""

import json

import keras
import numpy as np
import people
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from process import train
from sklearn import metrics as sk

from mlp_lab import load_model
from mlp_lab.errors import InputError
from mlp_lab.options.config import Config
from mlp_lab.tables import TargetForm, find_target, read, schema_json, split
from mlp_lab.training.run import run

TASKS = tuple(people.TARGETS)


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    return people.write(tmp_path_factory.mktemp("people") / "people.csv")


def options(table, task, log_dir, **more):
    return {
        "data": str(table),
        "target": people.TARGETS[task],
        "columns": people.others(task),
        "hidden_units": (8,),
        "epochs": 3,
        "batch_size": 32,
        "learning_rate": 0.01,
        "verbose": "none",
        "name": task,
        "log_dir": str(log_dir),
        **more,
    }


@pytest.fixture(scope="session")
def runs(table, tmp_path_factory):
    """A finished run of each task."""
    log_dir = tmp_path_factory.mktemp("runs")
    return {task: run(Config(**options(table, task, log_dir))) for task in TASKS}


def restored(folder):
    """The model, the schema and the target, from the run's files alone."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    return (
        load_model(folder / "model.keras"),
        schema_json.load(folder / "schema.json"),
        TargetForm.from_dict(task["target"]),
    )


@pytest.mark.parametrize("task", TASKS)
def test_a_run_of_each_task_tests_as_scikit_learn_does(task, runs, table):
    result = runs[task]
    record = json.loads((result.path / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "finished"
    assert record["task"] == task
    assert set(record["data"]["rows"]) == {"train", "validation", "test"}
    model, schema, target = restored(result.path)
    # The test rows again, by the rule that the record names.
    data = read(str(table))
    encoded = schema.encode(data)
    outputs = keras.ops.convert_to_numpy(model.predict(encoded.x, verbose=0))
    again = keras.ops.convert_to_numpy(result.model.predict(encoded.x, verbose=0))
    np.testing.assert_array_equal(outputs, again)
    targets = target.encode(data)
    rows = test_rows(table, task)
    outputs, y = outputs[targets.rows][rows], targets.y[rows]
    expected = by_scikit_learn(task, y, outputs)
    for name, value in expected.items():
        assert record["test"][name] == pytest.approx(value, rel=1e-4, abs=1e-6), name


def test_rows(table, task):
    """Places of the test rows among those with a target, by the rule that the record tells."""
    data = read(str(table))
    found = find_target(data, people.TARGETS[task])
    classes = found.as_classes().encode(data).y if task in ("classes", "binary") else None
    return split(len(found.rows), 0.2, 0, classes, "test").test


test_rows.__test__ = False


def by_scikit_learn(task, y, outputs):
    if task == "numbers":
        return {
            "rmse": np.sqrt(sk.mean_squared_error(y, outputs)),
            "mean_absolute_error": sk.mean_absolute_error(y, outputs),
            "r2": sk.r2_score(y, outputs),
        }
    if task == "classes":
        p = np.exp(outputs - outputs.max(axis=1, keepdims=True)).astype(np.float64)
        p /= p.sum(axis=1, keepdims=True)
        return {
            "accuracy": sk.accuracy_score(y, outputs.argmax(axis=1)),
            "log_loss": sk.log_loss(y, p, labels=range(p.shape[1])),
        }
    p = 1 / (1 + np.exp(-outputs.astype(np.float64)))
    if task == "binary":
        return {
            "accuracy": sk.accuracy_score(y, p[:, 0] > 0.5),
            "log_loss": sk.log_loss(y, p[:, 0]),
        }
    return {}


def test_flags_and_python_give_the_same_run(table, runs, tmp_path):
    given = options(table, "numbers", tmp_path)
    given["hidden_units"] = "8"
    flags = [f"--{name}={value}" for name, value in given.items()]
    done = train(*flags, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "income" in done.stdout
    assert "test:" in done.stdout
    ours = json.loads((tmp_path / "numbers" / "run.json").read_text(encoding="utf-8"))
    assert ours["test"] == runs["numbers"].record["test"]
    assert ours["baseline"] == runs["numbers"].record["baseline"]


BAD = {
    "no such target": ({"target": "incom"}, "income"),
    "no target named": ({"target": None}, "--target"),
    "constant": ({"target": "constant"}, "constant"),
    "not a number": ({"target": "group", "task": "numbers"}, "young"),
    "too many columns": ({"target": "age,height", "task": "classes"}, "one target"),
    "labels on numbers": ({"target": "age", "task": "labels"}, "labels"),
    "no such column": ({"columns": "hight:number"}, "height"),
    "text as number": ({"columns": "city:number"}, "Köln"),
    "no such group": ({"group": "famly"}, "famly"),
    "no such file": ({"data": "nowhere.csv"}, "nowhere.csv"),
    "no such test file": ({"test_data": "nowhere.csv"}, "nowhere.csv"),
    "published data beside it": ({"dataset": "mnist"}, "--data"),
    "a loss of classes for numbers": ({"loss": "sparse_categorical_crossentropy"}, "loss"),
    "label smoothing of numbers": ({"label_smoothing": 0.1}, "label_smoothing"),
    "class weights of numbers": ({"class_weight": "balanced"}, "class_weight"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_writes_nothing(case, table, tmp_path):
    given, word = BAD[case]
    path = tmp_path / "people.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0] + ",constant", *(line + ",1" for line in lines[1:])]))
    log_dir = tmp_path / "logs"
    with pytest.raises(InputError) as error:
        run(Config(**{**options(path, "numbers", log_dir), **given}))
    assert "\n" not in str(error.value)
    assert word in str(error.value)
    assert not log_dir.exists()


def test_own_data_options_need_data():
    with pytest.raises(InputError, match="--data"):
        Config(target="income")


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False), st.integers(0, 4))
def test_columns_in_any_order_gaps_and_new_words_are_answered(runs, table, random, gaps):
    model, schema, _ = restored(runs["numbers"].path)
    lines = [line.split(",") for line in table.read_text(encoding="utf-8").splitlines()[:9]]
    # No cell of these columns has a comma.
    head = ["id", "age", "city", "height"]
    rows = [[cells[0], cells[1], random.choice(["Berlin", "Köln", "NA"]), "170.5"]
            for cells in lines[1:]]  # fmt: skip
    order = random.sample(range(4), 4)

    def predicted(rows, order, extra=False):
        path = table.parent / "asked.csv"
        text = [[*(head[i] for i in order), *(["further"] if extra else [])]]
        text += [[*(cells[i] for i in order), *(["x"] if extra else [])] for cells in rows]
        path.write_text("\n".join(",".join(cells) for cells in text) + "\n", encoding="utf-8")
        return model.predict(schema.encode(str(path)).x, verbose=0)

    before = predicted(rows, range(4))
    np.testing.assert_array_equal(before, predicted(rows, order, extra=True))
    changed = random.sample(range(len(rows)), gaps)
    damaged = [list(cells) for cells in rows]
    for row in changed:
        damaged[row][random.choice([1, 3])] = random.choice(["", "NA", "unknown!"])
        damaged[row][2] = random.choice(["Atlantis", ""])
    after = predicted(damaged, order)
    assert np.isfinite(after).all()
    kept = [row for row in range(len(rows)) if row not in changed]
    np.testing.assert_array_equal(before[kept], after[kept])

"""Targets: what they hold, what they become, what is refused; and columns that tell them."""

import json

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.tables import Schema, TargetForm, check_leaks, find_target, read
from mlp_lab.tables.plan import Input

N = 40


def table(**columns):
    return read(pandas.DataFrame(columns))


def repeat(*words):
    return [words[i % len(words)] for i in range(N)]


def test_classes():
    target = find_target(table(y=repeat("no", "yes", "maybe", None)), "y")
    assert not target.numeric
    assert target.columns[0].distinct == 3
    assert target.left_out == 10
    assert target.lines() == ["10 rows have no target and are left out"]
    form = target.as_classes()
    assert form.classes == ("maybe", "no", "yes")
    found = form.encode(target.table)
    assert found.y.tolist() == [1, 2, 0] * 10
    assert found.y.dtype == np.int64
    assert found.rows.tolist() == target.rows.tolist() == [i for i in range(N) if i % 4 != 3]
    assert found.left_out == 10


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (["10", "9", "-1"], ("-1", "9", "10")),
        ([1, 2, 3], ("1", "2", "3")),
        ([2.0, 1.0], ("1", "2")),
        (["1.0", "2", "1"], ("1", "2")),
        (["b", "A", "a10", "a9"], ("A", "a9", "a10", "b")),
        ([True, False], ("False", "True")),
        (["01", "10"], ("01", "10")),
    ],
)
def test_order_of_classes(words, order):
    assert find_target(table(y=repeat(*words)), "y").as_classes().classes == order


def test_numbers():
    target = find_target(table(y=[f"${i},{100 + i}" for i in range(1, N + 1)]), "y")
    assert target.numeric
    assert target.columns[0].whole
    assert target.columns[0].distinct == N
    assert target.lines() == ["target 'y': ',' separates thousands, unit '$' removed"]
    y = target.as_numbers().encode(target.table).y
    assert y.shape == (N, 1)
    assert y[:, 0].tolist() == [1000 * i + 100 + i for i in range(1, N + 1)]


def test_classes_that_are_numbers_have_no_unknown():
    found = table(y=[*repeat("1", "2", "3"), "unknown"])
    target = find_target(found, "y")
    assert target.left_out == 1
    form = target.as_classes()
    assert form.classes == ("1", "2", "3")
    assert form.encode(found).left_out == 1


def test_several_numbers():
    target = find_target(table(a=[i / 2 for i in range(N)], b=repeat(1, 2, None, 3)), ["a", "b"])
    assert target.left_out == 10
    assert not target.columns[0].whole
    y = target.as_numbers().encode(target.table).y
    assert y[:3].tolist() == [[0, 1], [0.5, 2], [1.5, 3]]
    with pytest.raises(InputError, match="classes need one target column, got a, b"):
        target.as_classes()


def test_labels_in_a_cell():
    target = find_target(table(y=repeat("a|b", "b", "c | a", "a|b|c")), "y")
    assert target.separator == "|"
    form = target.as_labels()
    assert form.classes == ("a", "b", "c")
    assert form.encode(target.table).y[:4].tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1], [1, 1, 1]]
    with pytest.raises(InputError, match="label 'b' is in all rows"):
        find_target(table(y=repeat("a|b", "b", "b|c")), "y").as_labels()


def test_labels_in_columns():
    found = table(
        a=repeat(0, 1), b=repeat("no", "yes", "yes"), c=repeat(True, False), d=repeat(1, 2)
    )
    target = find_target(found, ["a", "b", "c"])
    assert all(column.indicator for column in target.columns)
    form = target.as_labels()
    assert form.classes == ("a", "b", "c")
    assert form.encode(found).y[:3].tolist() == [[0, 0, 1], [1, 1, 0], [0, 1, 1]]
    with pytest.raises(InputError, match="column 'd' has '1' 20, '2' 20; for several labels"):
        find_target(found, ["a", "d"]).as_labels()


@pytest.mark.parametrize(
    "words",
    [
        ["Smith, John", "Doe, Jane", "Miller, Ann"],
        ["a", "b", "c"],
        [f"{i};{i + 1}" for i in range(N)],
    ],
)
def test_words_that_are_not_labels(words):
    target = find_target(table(y=repeat(*words)), "y", "classes")
    assert target.separator == "" or len(words) == N
    if len(words) == 3:
        with pytest.raises(InputError, match="no labels separated by"):
            target.as_labels()


COLUMNS = {
    "none": [None] * N,
    "words_for_none": repeat("NA", "", "?"),
    "same": ["a"] * N,
    "same_number": [3.0] * N,
    "single": ["a"] * 20 + ["b"] * 19 + ["c"],
    "singles": [f"w{i}" for i in range(N)],
    "word": [*(str(i) for i in range(N - 1)), "abc"],
    "words": repeat("a", "b"),
    "date": pandas.date_range("2020-01-01", periods=N),
    "infinite": [*range(N - 1), np.inf],
    "numbers": [i / 3 for i in range(N)],
}


@pytest.mark.parametrize(
    ("names", "task", "said"),
    [
        ("singel", "classes", r"has no column 'singel' \(did you mean 'single'\?\)"),
        ([], "classes", "expected the name of a column"),
        (["words", "words"], "classes", "a column comes twice"),
        ("none", "classes", "'none': it has no value in any row"),
        ("words_for_none", "numbers", "it has no value in any row"),
        (["words", "none"], "labels", "no row has a value in all of them"),
        ("same", "classes", "column 'same' is 'a' in all rows"),
        ("same", "numbers", "'a' is not a number"),
        ("same_number", "numbers", "column 'same_number' is '3' in all rows"),
        ("single", "classes", r"class 'c' has one row \(row 39\); expected at least two"),
        ("singles", "classes", r"class 'w0' has one row \(row 0\), and 39 other classes too"),
        ("numbers", "classes", "class '0' has one row"),
        ("word", "", "column 'word', row 39: 'abc' is not a number.*--task=classes"),
        ("word", "numbers", "column 'word', row 39: 'abc' is not a number"),
        ("words", "numbers", "column 'words', row 0: 'a' is not a number"),
        ("date", "numbers", "column 'date' holds dates"),
        ("infinite", "numbers", "row 39: 'inf' is not a finite number"),
        ("infinite", "", "row 39: 'inf' is not a finite number"),
    ],
)
def test_what_is_refused(names, task, said):
    def form():
        target = find_target(table(**COLUMNS), names, task)
        return {"classes": target.as_classes, "labels": target.as_labels}.get(
            task, target.as_numbers
        )()

    with pytest.raises(InputError, match=said) as error:
        form()
    assert "\n" not in str(error.value)


def test_words_are_refused_as_numbers_later():
    target = find_target(table(**COLUMNS), "words")
    with pytest.raises(InputError, match="column 'words', row 0: 'a' is not a number"):
        target.as_numbers()


FORMS = {
    "classes": find_target(table(y=repeat("a", "b", "c")), "y").as_classes(),
    "labels": find_target(table(y=repeat("a;b", "b", "c")), "y").as_labels(),
    "indicators": find_target(table(y=repeat(0, 1), z=repeat(1, 0)), ["y", "z"]).as_labels(),
    "numbers": find_target(table(y=repeat("1 kg", "2.5 kg")), "y").as_numbers(),
}


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        (
            "classes",
            "A",
            r"column 'y', row 1: 'A' is not a class that was trained.*did you mean 'a'",
        ),
        ("labels", "b;d", "row 1: 'b;d' is not a set of labels that were trained"),
        ("indicators", "2", "row 1: '2' is not 0 or 1"),
        ("numbers", "3 lb", "row 1: '3 lb' is not a finite number"),
    ],
)
def test_another_table(name, cell, said):
    form = FORMS[name]
    good = {"classes": "b", "labels": "c", "indicators": "1", "numbers": "2 kg"}[name]
    later = table(y=[good, cell], z=["1", "0"])
    with pytest.raises(InputError, match=said):
        form.encode(later)
    found = form.encode(table(y=[None, good, "NA"], z=["1", "0", "1"]))
    assert found.rows.tolist() == [1]
    assert found.left_out == 2
    with pytest.raises(InputError, match="no row has a target"):
        form.encode(table(y=["", None], z=["1", "0"]))
    with pytest.raises(InputError, match="has no column 'y'"):
        form.encode(table(x=["1"]))


@pytest.mark.parametrize("name", FORMS)
def test_forms_as_json(name):
    data = json.loads(json.dumps(FORMS[name].to_dict()))
    assert TargetForm.from_dict(data) == FORMS[name]


@settings(max_examples=200)
@given(
    name=st.sampled_from(list(FORMS)),
    key=st.sampled_from(list(FORMS["classes"].to_dict())),
    value=st.sampled_from(
        [None, 1, "x", "", [], ["x"], ["x", "x"], [1], {}, [{}], [{"decimal": 3}]]
    ),
)
def test_forms_that_are_damaged(name, key, value):
    data = FORMS[name].to_dict()
    data[key] = value
    try:
        form = TargetForm.from_dict(data)
        form.encode(table(y=["a", "b"], z=["1", "0"], x=["1", "2"]))
    except InputError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said


# Columns that tell the target.

ROWS = 400
RNG = np.random.default_rng(0)


def leaks(values, y, kind="number"):
    x = np.stack([RNG.normal(size=len(y)), np.asarray(values, float)], axis=1)
    size = 2 + len(np.unique(values)) if kind == "category" else 0
    return check_leaks([Input("noise", "number"), Input("leak", kind, size)], x, np.asarray(y))


CLASSES = np.arange(ROWS) % 3
NUMBERS = RNG.gamma(2.0, 100.0, (ROWS, 1))
GAP = np.where(np.arange(ROWS) < 2, np.nan, NUMBERS[:, 0])


@pytest.mark.parametrize(
    ("values", "y", "kind", "said"),
    [
        ((CLASSES + 1) % 3 + 2, CLASSES, "category", "each of the 3 classes has its own value"),
        (10.5 - CLASSES, CLASSES, "number", "each of the 3 classes has its own value"),
        (
            np.where(CLASSES == 0, np.nan, 1),
            CLASSES // 2 * 0 + (CLASSES == 0),
            "number",
            "2 classes",
        ),
        (NUMBERS[:, 0], NUMBERS, "number", "it is equal"),
        (NUMBERS[:, 0] * -1.8 + 32, NUMBERS, "number", "target = a"),
        (GAP, NUMBERS, "number", "target gives|gives the target away"),
        (NUMBERS[:, 0], np.stack([NUMBERS[::-1, 0], NUMBERS[:, 0]], 1), "number", "it is equal"),
    ],
)
def test_certain_leaks(values, y, kind, said):
    with pytest.raises(InputError, match=f"column 'leak' gives the target away.*|{said}") as error:
        leaks(values, y, kind)
    assert "--columns='leak:ignore'" in str(error.value)


@pytest.mark.parametrize(
    ("values", "y", "kind"),
    [
        (np.where(np.arange(ROWS) == 5, 7, CLASSES + 2), CLASSES, "category"),
        (CLASSES + RNG.uniform(0, 0.9, ROWS), CLASSES, "number"),
        (NUMBERS[:, 0] + RNG.normal(size=ROWS), NUMBERS, "number"),
        (NUMBERS[:, 0].round(-1), NUMBERS, "number"),
    ],
)
def test_suspicious_columns(values, y, kind):
    lines = leaks(values, y, kind)
    assert len(lines) == 1
    assert lines[0].startswith("column 'leak' alone predicts the target with")


@pytest.mark.parametrize(
    ("values", "y", "kind"),
    [
        (np.arange(ROWS) + 2, CLASSES, "category"),  # each row its own value
        (np.arange(ROWS) + 2, NUMBERS, "category"),
        (RNG.permutation(ROWS), CLASSES, "number"),
        # Mostly one value, in a file sorted by class.
        (np.where(RNG.random(ROWS) < 0.9, 0, RNG.random(ROWS)), np.sort(CLASSES), "number"),
        (np.where(RNG.random(ROWS) < 0.9, 0, RNG.random(ROWS)), np.sort(NUMBERS, 0), "number"),
        (RNG.normal(size=ROWS), np.arange(ROWS) % 200 == 0, "number"),  # one class nearly always
        (NUMBERS[:, 0] + RNG.normal(size=ROWS) * 60, NUMBERS, "number"),
        (np.full(ROWS, np.nan), NUMBERS, "number"),
        (np.full(ROWS, 1.0), CLASSES, "number"),
    ],
)
def test_honest_columns(values, y, kind):
    y = y.astype(np.int64) if y.dtype == bool else y
    assert leaks(values, y, kind) == []


def test_few_rows_are_not_judged():
    assert leaks(CLASSES[:19], CLASSES[:19]) == []


def test_leaks_of_a_table():
    words = repeat("good", "bad", "fair")
    codes = [{"good": "1", "bad": "2", "fair": "3"}[word] for word in words]
    found = table(y=words, code=codes, z=list(np.random.default_rng(0).normal(size=N)))
    target = find_target(found, "y")
    schema = Schema.of(found, target.names)
    y = target.as_classes().encode(found).y
    with pytest.raises(InputError, match="column 'code' gives the target away"):
        check_leaks(schema.inputs, schema.encode(found).x, y)

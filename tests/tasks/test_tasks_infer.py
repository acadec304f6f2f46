"""Which task is chosen for a target, and what is said."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.tasks import KINDS, TargetFacts, infer


def facts(distinct, rows=1000, numeric=True, whole=True, **more):
    return TargetFacts("y", numeric, whole, distinct, rows, **more)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (facts(3, numeric=False), "classes"),
        (facts(900, numeric=False), "classes"),
        (facts(2, numeric=False), "binary"),
        (facts(2), "binary"),
        (facts(2, whole=False), "binary"),
        (facts(20), "classes"),
        (facts(21), "numbers"),
        (facts(20, rows=199), "numbers"),
        (facts(20, whole=False), "numbers"),
        (facts(500, numeric=False, several_labels=True), "labels"),
        (facts(2, several_columns=True, indicators=True), "labels"),
        (facts(2, numeric=False, several_columns=True, indicators=True), "labels"),
        (facts(3, several_columns=True), "numbers"),
    ],
)
def test_chosen(target, kind):
    found, line = infer(target)
    assert found == kind
    assert line.startswith("target 'y': ")
    assert "\n" not in line
    if "; --task=" in line:  # what it suggests is accepted
        assert infer(target, line.split("--task=")[1].split()[0])[0] in line


def test_lines():
    assert infer(facts(53_940))[1] == (
        "target 'y': 53,940 different whole numbers: numbers; --task=classes to force classes"
    )
    assert infer(facts(3))[1].endswith("classes; --task=numbers to force numbers")
    assert infer(facts(3, numeric=False))[1] == "target 'y': 3 different words: classes"
    assert infer(facts(3), "numbers")[1].endswith("numbers, as --task says")


@pytest.mark.parametrize(
    ("target", "asked", "words"),
    [
        (facts(3, numeric=False), "numbers", "a column of numbers"),
        (facts(3), "binary", "two different values"),
        (facts(3), "labels", "several in a cell"),
        (facts(3, several_columns=True), "labels", "each hold 0 and 1"),
        (facts(3, several_columns=True), "classes", "one target column"),
        (facts(2, several_columns=True, indicators=True), "binary", "one target column"),
        (facts(3), "class", "did you mean 'classes'"),
        (facts(1), "auto", "same value in all rows"),
        (facts(5, numeric=False, several_columns=True), "auto", "has words"),
    ],
)
def test_refused(target, asked, words):
    with pytest.raises(InputError, match=words):
        infer(target, asked)


booleans = {
    field.name: st.booleans()
    for field in dataclasses.fields(TargetFacts)
    if field.name not in ("name", "distinct", "rows")
}


@given(
    st.builds(
        TargetFacts, st.text(), distinct=st.integers(0, 100), rows=st.integers(0, 9999), **booleans
    ),
    st.sampled_from(["auto", *KINDS]),
)
def test_any_facts_give_a_kind_or_a_line(target, asked):
    try:
        kind, line = infer(target, asked)
    except InputError:  # its message is one line
        return
    assert kind in KINDS
    assert asked in ("auto", kind)
    assert line

"""A thinned table has every pair of values, and the whole one is still there."""

import itertools

import pytest
from covering import cover, slow_but, thinned


def combinations(rows, strength):
    return {
        (columns, tuple(row[c] for c in columns))
        for row in rows
        for columns in itertools.combinations(range(len(row)), strength)
    }


@pytest.mark.parametrize("sizes", [(3, 4), (2, 2, 2), (3, 3, 4, 2), (5, 1, 3), (2, 3, 2, 3, 2)])
@pytest.mark.parametrize("strength", [1, 2])
def test_every_combination_is_covered_by_few_rows(sizes, strength):
    rows = list(itertools.product(*map(range, sizes)))
    kept = [rows[i] for i in cover(rows, strength)]
    assert combinations(kept, strength) == combinations(rows, strength)
    largest = sorted(sizes)[-strength:]
    least = largest[0] * largest[-1] if strength == 2 else largest[-1]
    assert least <= len(kept) <= 1.5 * least


def test_a_list_that_is_no_product_keeps_its_own_pairs():
    rows = [("a", 1, True), ("a", 1, False), ("b", 2, True), ("a", 2, True), ("b", 1, True)]
    kept = [rows[i] for i in cover(rows)]
    assert combinations(kept, 2) == combinations(rows, 2)
    assert cover([("a",), ("a",), ("b",)], 1) == [0, 2]


def test_what_is_left_out_is_slow():
    rows = list(itertools.product("abc", (1, 2), (True, False)))
    given = thinned(rows)
    assert [param.values for param in given] == rows
    fast = [param.values for param in given if not param.marks]
    assert fast == [rows[i] for i in cover(rows)]
    assert 0 < len(fast) < len(rows)
    assert {mark.name for param in given for mark in param.marks} == {"slow"}
    given = slow_but(["a", "b"], ["b"])
    assert [(*param.values, bool(param.marks)) for param in given] == [("a", True), ("b", False)]
    with pytest.raises(AssertionError):
        slow_but(["a"], ["c"])

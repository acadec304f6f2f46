"""Splits: of the right size, the same everywhere, and whole where they have to be."""

import fractions

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.tables import read, split, split_by_group, split_by_time
from mlp_lab.tables.hashing import hashes

SHARES = st.sampled_from([0.05, 0.1, 0.2, 0.25, 0.3, 1 / 3, 0.37, 0.5, 0.6, 0.75, 0.9])


def assert_parts(parts, rows):
    assert np.array_equal(np.sort(np.concatenate([parts.train, parts.test])), np.arange(rows))
    assert (np.diff(parts.train) > 0).all()
    assert (np.diff(parts.test) > 0).all()


@settings(max_examples=200)
@given(rows=st.integers(20, 500), test=SHARES, seed=st.integers(0, 2**40), more=st.integers(1, 99))
def test_sizes_and_rows_that_are_appended(rows, test, seed, more):
    parts = split(rows, test, seed)
    assert_parts(parts, rows)
    assert abs(len(parts.test) - test * rows) < 1
    later = split(rows + more, test, seed)
    assert np.array_equal(later.test[later.test < rows], parts.test)


@settings(max_examples=200)
@given(
    labels=st.lists(st.integers(0, 4), min_size=60, max_size=300),
    test=SHARES,
    seed=st.integers(0, 99),
    more=st.lists(st.integers(0, 6), max_size=50),
)
def test_classes_keep_their_share(labels, test, seed, more):
    parts = split(len(labels), test, seed, np.array(labels))
    assert_parts(parts, len(labels))
    for label in set(labels):
        rows = labels.count(label)
        chosen = np.count_nonzero(np.array(labels)[parts.test] == label)
        assert abs(chosen - test * rows) < 1
        # A class of two rows or more is never in the test part only.
        assert chosen < rows or rows < 2 or test > 0.5
    words = np.array([f"class {label}" for label in labels])
    assert np.array_equal(split(len(labels), test, seed, words).test, parts.test)
    later = split(len(labels) + len(more), test, seed, np.array(labels + more))
    assert np.array_equal(later.test[later.test < len(labels)], parts.test)


def test_they_are_the_same_everywhere():
    """Bit for bit: NumPy's own generator could change."""
    assert split(30, 0.2, 0).test.tolist() == [1, 7, 11, 16, 24, 27]
    assert hashes(np.zeros(1, np.uint64), np.zeros(1))[0] == 0xE220A8397B1DCDAF  # SplitMix64


def test_hashes_are_those_of_plain_integers():
    mask = 2**64 - 1

    def mix(state):
        z = state
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    places = np.arange(100)
    found = hashes(np.full(100, 12345, np.uint64), places)
    assert found.tolist() == [
        mix((12345 + (p + 1) * 0x9E3779B97F4A7C15) & mask) for p in range(100)
    ]


def test_seeds_and_purposes_choose_other_rows():
    chosen = [
        split(1000, 0.2, seed, purpose=p).test for seed in (0, 1) for p in ("test", "validation")
    ]
    for place, one in enumerate(chosen):
        for other in chosen[:place]:
            both = len(np.intersect1d(one, other)) / 200
            assert 0.1 < both < 0.3  # 0.2 if they know nothing of each other


def test_each_row_is_chosen_equally_often():
    counts = np.zeros(100)
    for seed in range(1000):
        counts[split(100, 0.2, seed).test] += 1
    # Each is binomial: 200 with a standard deviation of 12.6; five of them.
    assert np.abs(counts - 200).max() < 63


@pytest.mark.parametrize("test", [0, 1, -0.5, 1.5, float("nan"), "0.2", None])
def test_shares_are_checked(test):
    with pytest.raises(InputError, match="--test_split: expected a share between 0 and 1"):
        split(100, test)


@pytest.mark.parametrize(("rows", "test"), [(2, 0.01), (1, 0.5), (2, 0.99)])
def test_too_few_rows(rows, test):
    with pytest.raises(InputError, match="too few"):
        split(rows, test)


def table(**columns):
    return read(pandas.DataFrame(columns))


@settings(max_examples=100)
@given(
    groups=st.lists(st.integers(0, 30), min_size=5, max_size=200).filter(lambda g: len(set(g)) > 1),
    test=SHARES,
    seed=st.integers(0, 99),
)
def test_groups_stay_together(groups, test, seed):
    names = [f"g{group}" for group in groups]
    parts = split_by_group(table(g=names), "g", test, seed)
    assert_parts(parts, len(groups))
    train, held = (set(np.array(names)[rows]) for rows in (parts.train, parts.test))
    assert train
    assert held
    assert not train & held
    count = fractions.Fraction(len(train) + len(held))
    assert abs(len(held) - float(count) * test) <= 1
    spaced = split_by_group(table(g=[f" {name}" for name in names]), "g", test, seed)
    assert np.array_equal(spaced.test, parts.test)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("h", r"--group: the DataFrame has no column 'h'"),
        ("gaps", r"column 'gaps' has no value in 2 rows \(first: row 1\)"),
        ("same", "column 'same' has the same value in all rows"),
    ],
)
def test_groups_that_are_refused(name, said):
    with pytest.raises(InputError, match=said):
        split_by_group(table(gaps=["a", None, "b", "NA"], same=["a"] * 4), name)


@settings(max_examples=100)
@given(
    days=st.lists(st.integers(0, 60), min_size=5, max_size=100).filter(lambda d: len(set(d)) > 1),
    test=SHARES,
    form=st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "typed", "number"]),
)
def test_time_goes_forward(days, test, form):
    times = pandas.Timestamp("2020-01-15") + pandas.to_timedelta(days, unit="D")
    cells = {"typed": times, "number": days}.get(form)
    cells = times.strftime(form) if cells is None else cells
    parts = split_by_time(table(t=cells), "t", test)
    assert_parts(parts, len(days))
    days = np.array(days)
    assert days[parts.train].max() < days[parts.test].min()
    # As few as the share asks for, but all of the first time.
    last = np.sort(days)[::-1]
    wanted = max(1, round(test * len(days)))
    expected = np.count_nonzero(days >= last[wanted - 1])
    assert len(parts.test) == expected or expected == len(days)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("u", "--time: the DataFrame has no column 'u'"),
        ("gaps", r"column 'gaps' has no value in 1 rows \(first: row 1\)"),
        ("same", "column 'same' has the same value in all rows"),
        ("word", "column 'word', row 0: 'a' is not a number"),
        ("either", "may begin with the day"),
    ],
)
def test_times_that_are_refused(name, said):
    found = table(
        gaps=["2020-01-01", None, "2020-01-02"],
        same=[3, 3, 3],
        word=["a", "b", "c"],
        either=["1/2/2020", "2/3/2020", "1/1/2020"],
    )
    with pytest.raises(InputError, match=said):
        split_by_time(found, name)
    if name == "either":
        assert split_by_time(found, name, asked="dmy").test.tolist() == [1]
        assert split_by_time(found, name, asked="mdy").test.tolist() == [1]


def test_the_record_says_how():
    assert split(100, 0.2, 7).how == "20% of the rows by a hash of seed 7 and the row"
    assert "of each of 2 classes" in split(100, 0.2, 7, np.arange(100) % 2).how
    found = table(g=[f"g{i % 10}" for i in range(100)], t=list(range(100)))
    assert split_by_group(found, "g").how.startswith("2 of 10 groups of column 'g' by a hash")
    assert split_by_time(found, "t").how == "the last 20.0% of the rows by column 't', from '80'"

"""Random messy tables through everything: an answer or one line, and the same for fewer rows."""

import contextlib
import csv
import io
import random
import time

import numpy as np
import pytest

from mlp_lab.errors import InputError
from mlp_lab.tables import (
    Form,
    Schema,
    check_leaks,
    find_target,
    read,
    split_by_group,
    split_by_time,
)
from mlp_lab.tables.schema_json import from_json, to_json

ODD = [
    *("NA", "", "?", "-", "nan", "None", "unknown", "1e999", "inf", "-inf", "(3)", "1e5", "0x1F"),
    *("１２", "²", "½", "٣", "1_000", "--5", "+", "e", "1e", "00", "007", "\u00a0", "\u2212", "$"),  # noqa: RUF001
    *("%", "kg", "£", "1e400000", "9" * 70, "9" * 5000, "12 kg", "x" * 300),
]
CELLS = [
    lambda r: str(r.randint(-5, 40)),
    lambda r: repr(round(r.gauss(0, 100), r.randint(0, 5))),
    lambda r: f"{r.randint(0, 99)},{r.randint(0, 999)}",
    lambda r: f"{r.randint(1, 9)},{r.randint(100, 999)}",
    lambda r: f"${r.randint(0, 99999):,}",
    lambda r: f"{r.randint(0, 9)} {r.choice(['kg', 'lb'])}",
    lambda r: r.choice(["red", "green", "blue", "Red", " red"]),
    lambda r: r.choice(["a|b", "b", "c|a"]),
    lambda r: f"20{r.randint(10, 22)}-{r.randint(1, 13)}-{r.randint(1, 29)}",
    lambda r: f"{r.randint(1, 13)}/{r.randint(1, 13)}/2020",
    lambda r: f"{r.randint(0, 25)}:{r.randint(10, 60)}",
    lambda r: r.choice(ODD),
    lambda r: "".join(
        r.choice("ab ,;|\t'\"\n.0129-:/()%$äé中\u00a0") for _ in range(r.randint(0, 6))
    ),
    lambda r: str(r.randint(10**14, 10**18)),
    lambda r: f"0{r.randint(0, 999)}",
    lambda r: f"2020{r.randint(1, 12):02}{r.randint(1, 28):02}",
]


def messy(r):
    """The bytes of a table."""
    rows, width = r.choice([1, 2, 3, 12, 40, 120]), r.randint(1, 5)
    columns = []
    for _ in range(width):
        usual, *others = r.sample(CELLS, r.choice([1, 1, 2, 3]))
        share = r.random() * 0.2
        columns.append(
            [(r.choice(others) if others and r.random() < share else usual)(r) for _ in range(rows)]
        )
    names = [r.choice(["a", "id", "year", "x y", "1", ""]) + str(place) for place in range(width)]
    text = io.StringIO()
    form = {"delimiter": r.choice(",;\t|"), "quoting": r.choice([0, 1])}
    csv.writer(text, **form).writerows([names, *zip(*columns, strict=True)])
    data = text.getvalue().encode(r.choice(["utf-8", "utf-8-sig", "utf-16"]))
    if r.random() < 0.2:
        place = r.randrange(len(data) + 1)
        data = data[:place] + bytes([r.randrange(256)]) + data[place:]
    return data


def attempt(call, *arguments, **named):
    """What it answers; None if one line refuses it."""
    try:
        return call(*arguments, **named)
    except InputError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 700
    return None


def try_columns(table):
    for name in table.columns:
        for task, form in (("classes", "as_classes"), ("numbers", "as_numbers"), ("", "as_labels")):
            target = attempt(find_target, table, name, task)
            made = target and attempt(getattr(target, form))
            if made and task:
                found = made.encode(table)
                assert np.array_equal(found.rows, target.rows)
                assert len(found.y) == len(table) - found.left_out
        attempt(split_by_group, table, name)
        attempt(split_by_time, table, name)
        for kind in ("number", "category", "date", "dmy"):
            attempt(Schema.of, table, columns={name: kind})


def try_schema(table, seed):
    schema = attempt(Schema.of, table)
    if schema is None:
        return
    found = schema.encode(table)
    assert found.x.shape == (len(table), len(schema.inputs))
    assert not np.isinf(found.x).any()
    # What it was made from, it can read; only what is rare is unseen.
    assert {strange.what for strange in found.strange} <= {"unseen"}
    assert from_json(to_json(schema)) == schema
    assert len(str(schema).splitlines()) == len(schema.plans) + 1
    y = np.random.default_rng(seed).integers(0, 2, len(table))
    for target in (y, y[:, None] * 1.0):
        attempt(check_leaks, schema.inputs, found.x, target)
    some = table.take(np.arange(0, len(table), 2))
    half = attempt(Schema.of, some)
    if half is not None:
        np.testing.assert_array_equal(half.encode(table).x[::2], half.encode(some).x)


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_messy_tables(start, tmp_path):
    found = 0
    for seed in range(start, start + 50):
        r = random.Random(seed)
        path = tmp_path / "t.csv"
        path.write_bytes(messy(r))
        table = attempt(read, path, Form(header=True) if r.random() < 0.7 else None)
        if table is not None:
            found += 1
            try_columns(table)
            try_schema(table, seed)
    assert found > 20


def test_a_thousand_rows_take_no_time(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "t.csv"
    words = rng.choice(["red", "green", "blue"], 1000)
    lines = (
        f"{a:.4f},{b},{c},2020-01-{1 + b % 28:02}"
        for a, b, c in zip(rng.normal(size=1000), rng.integers(0, 999, 1000), words, strict=True)
    )
    path.write_text("a,b,c,d\n" + "\n".join(lines))
    read(path)  # pandas is imported
    start = time.process_time()
    table = read(path)
    schema = Schema.of(table, ["c"])
    y = find_target(table, "c").as_classes().encode(table).y
    check_leaks(schema.inputs, schema.encode(table).x, y)
    assert time.process_time() - start < 0.2  # 0.02 s, measured


def test_closed_files(tmp_path):
    """Refused or not, no file stays open: a warning would be an error."""
    path = tmp_path / "t.csv"
    for data in (b"a,b\n1,2\n3\n", b"a,b\n1.5,x\n2.5,y\n", b"\x1f\x8b\x08\0"):
        path.write_bytes(data)
        with contextlib.suppress(InputError):
            read(path)

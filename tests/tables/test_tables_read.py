"""Reading tables: the same cells come back, whoever wrote them; what is no table is one line."""

import csv
import datetime
import decimal
import gzip
import io
import os
import subprocess
import sys

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from process import ROOT

from mlp_lab.errors import InputError
from mlp_lab.tables import Form, Schema, read, reading, records
from mlp_lab.tables import source as source_module

# Everything but zero bytes, which are refused, and halves of characters, which UTF-8 cannot hold.
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
HARD = st.sampled_from(
    [
        *(
            "",
            " ",
            '"',
            '""',
            "'",
            ",",
            ";",
            "\t",
            "|",
            "\n",
            "\r\n",
            "\r",
            "a b",
            " a",
            "a ",
            '"a"',
        ),
        *(
            "'a'",
            "1,5",
            "1.5",
            "NA",
            "nan",
            "-",
            "\ufeff",
            "\u00a0",
            "ä",
            "中",
            "\x1a",
            "\x0b",
            "#",
        ),
    ]
)
CELLS = HARD | TEXT


@st.composite
def tables(draw):
    width = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8))
    return [[f"name{i}" for i in range(width)], *rows]


def assert_same(rows, found):
    assert list(found.columns) == rows[0]
    assert len(found) == len(rows) - 1
    assert [list(row) for row in zip(*map(found.cells, rows[0]), strict=True)] == rows[1:]


@settings(max_examples=300)
@given(
    rows=tables(),
    delimiter=st.sampled_from([",", ";", "\t", "|", "^"]),
    ends=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030"]),
    packed=st.booleans(),
)
def test_what_csv_writes(rows, delimiter, ends, quoting, encoding, packed, tmp_path_factory):
    """Its delimiter given; what can be recognized from more cells is tested below."""
    if "\r" not in ends:
        # Python does not quote a carriage return that does not end its own lines.
        rows = [[cell.replace("\r", "\n") for cell in row] for row in rows]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=quoting).writerows(rows)
    data = text.getvalue().encode(encoding)
    path = tmp_path_factory.mktemp("t") / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    form = Form(
        delimiter=delimiter,
        header=True,
        quote="double",
        encoding=None if encoding.startswith("utf") else encoding,
    )
    assert_same(rows, read(path, form))


@settings(max_examples=200)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(-1000, 1000).map(str),
            st.floats(-1e6, 1e6).map(repr),
            st.sampled_from(["red", "dark blue", "x, y", 'a "b"', "l1\nl2", "ä", "a;b", "t\tu"]),
            st.sampled_from(["", "NA", "yes", "no"]),
        ),
        min_size=3,
        max_size=20,
    ),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
    all_quotes=st.booleans(),
)
def test_what_is_recognized(rows, delimiter, ends, all_quotes, tmp_path_factory):
    rows = [["count", "size", "what", "how"], *map(list, rows)]
    if ends == "\r":
        rows = [[cell.replace("\n", " ") for cell in row] for row in rows]
    text = io.StringIO()
    quoting = csv.QUOTE_ALL if all_quotes else csv.QUOTE_MINIMAL
    csv.writer(text, delimiter=delimiter, lineterminator=ends, quoting=quoting).writerows(rows)
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(text.getvalue().encode())
    assert_same(rows, read(path))


@settings(max_examples=100)
@given(rows=tables(), delimiter=st.sampled_from([",", ";"]))
def test_what_pandas_writes(rows, delimiter, tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    frame = pandas.DataFrame(rows[1:], columns=rows[0], dtype=object)
    # pandas leaves a carriage return alone, so that it ends a line.
    frame = frame.map(lambda cell: cell.replace("\r", "\n"))
    frame.to_csv(path, index=False, sep=delimiter)
    found = read(path, Form(delimiter=delimiter, header=True, quote="double"))
    assert_same([rows[0], *frame.to_numpy().tolist()], found)


def read_or_refused(path):
    """A table whose columns are understood, or None if one line refuses it."""
    try:
        found = read(path)
        x = Schema.of(found).encode(found).x
    except InputError as error:
        said = str(error)
    else:
        assert len(x) == len(found)
        return found
    assert "\n" not in said
    return None


@settings(max_examples=100)
@given(data=st.binary(max_size=200) | TEXT.map(str.encode))
def test_bytes_are_read_or_refused(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(data)
    read_or_refused(path)


@settings(max_examples=300)
@given(place=st.integers(0, 10**6), what=st.sampled_from([b'"', b"\r", b",", b";", b"\xff", b"\n"]))
def test_a_table_with_one_wrong_byte(place, what, tmp_path_factory):
    """Is refused, or has all its rows: none is lost or shifted."""
    text = "a,b,c\n" + "".join(f'{i},"x{i % 3}, y",{i * 0.5}\n' for i in range(40))
    data = text.encode()
    place %= len(data)
    path = tmp_path_factory.mktemp("t") / "t.csv"
    path.write_bytes(data[:place] + what + data[place:])
    found = read_or_refused(path)
    if found is not None:
        assert len(found) == 40
        last = found.cells(list(found.columns)[-1])
        assert [float(cell.strip(";")) for cell in last] == [i * 0.5 for i in range(40)]


def test_rows_of_many_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "_ROWS_PER_CHUNK", 7)
    rows = [["a", "b"], *([str(i), f"w{i % 5}"] for i in range(100))]
    path = tmp_path / "t.csv"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    assert_same(rows, read(path))


@pytest.mark.parametrize("block", [1, 2, 3, 7, 64])
def test_records_over_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(records, "_BLOCK", block)
    path = tmp_path / "t.csv"
    rows = [["a", "b"], ["1", 'x\r\ny, "z"'], ["2", ""], ["3", "\r"], ["4", '"']]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    found = read(path)
    assert_same(rows, found)
    assert found.places.tolist() == [2, 4, 5, 7]


# What is no table.


def test_no_such_file(tmp_path):
    with pytest.raises(InputError, match=r"--data: .*t\.csv: does not exist"):
        read(tmp_path / "t.csv")


def test_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a directory"):
        read(tmp_path)


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "t.csv")
    with pytest.raises(InputError, match="not a regular file"):
        read(tmp_path / "t.csv")


def test_too_many_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MAX_CELLS", 20)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2\n" * 10)
    assert len(read(path)) == 10
    path.write_text("a,b\n" + "1,2\n" * 11)
    with pytest.raises(InputError, match="22 cells, more than the limit of 20"):
        read(path)
    with pytest.raises(InputError, match="22 cells, more than the limit of 20"):
        read(pandas.DataFrame({"a": range(11), "b": range(11)}))


@pytest.mark.parametrize("packed", [False, True])
def test_too_many_bytes(tmp_path, monkeypatch, packed):
    monkeypatch.setattr(source_module, "MAX_BYTES", 1000)
    path = tmp_path / "t.csv"
    data = b"a,b\n" + b"1,2\n" * 1000
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(InputError, match="larger than the limit of 1,000 bytes"):
        read(path)


@pytest.mark.parametrize("name", ["pandas", "pyarrow.parquet"])
def test_a_package_that_is_not_installed(name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / ("t.parquet" if "." in name else "t.csv")
    path.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"needs p\w+, .* run: pip install 'mlp_lab\[tables\]'"):
        read(path)


def test_no_tensorflow_and_no_pandas_until_a_table_is_read():
    script = (
        "import sys, mlp_lab.tables;"
        "sys.exit(bool({'tensorflow', 'keras', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


# DataFrames and parquet.

TYPES = {
    "integers": ([1, 2, 3], "number"),
    "floats": ([1.5, None, 3.0], "number"),
    "nullable integers": (pandas.array([1, None, 3], dtype="Int64"), "number"),
    "nullable floats": (pandas.array([1.5, None, 3], dtype="Float64"), "number"),
    "small floats": (np.array([1.5, 2, 3], np.float32), "number"),
    "bytes of numbers": (np.array([1, 2, 3], np.uint8), "number"),
    "decimals": ([decimal.Decimal("1.5"), None, decimal.Decimal(2)], "number"),
    "bools": ([True, False, True], "category"),
    "bools with gaps": ([True, None, False], "category"),
    "nullable bools": (pandas.array([True, None, False], dtype="boolean"), "category"),
    "strings": (["a", "b", "a"], "category"),
    "strings with gaps": (["a", None, "b"], "category"),
    "strings of numbers": (["1.5", "2", "x"], "category"),
    "categories": (pandas.Categorical(["a", None, "b"]), "category"),
    "categories of numbers": (pandas.Categorical([3, None, 5]), "number"),
    "mixed": ([1, "a", 1], "category"),
    "mixed with bools": ([1, True, "a"], "category"),
    "times": (pandas.to_datetime(["2020-01-01", None, "2021-03-04"]), "date"),
    "times with a zone": (pandas.date_range("2020-01-01", periods=3, tz="Asia/Tokyo"), "date"),
    "days": ([datetime.date(2020, 1, i) for i in (1, 2, 3)], "date"),
    "periods": (pandas.period_range("2020-01", periods=3, freq="M"), "date"),
    "durations": (pandas.to_timedelta([1, 2, 4], unit="h"), "number"),
    "long integers": ([2**60, 2**60 + 1, 2**60], "category"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_types_of_a_frame(name):
    cells, kind = TYPES[name]
    found = read(pandas.DataFrame({"c": cells, "n": [0.5, 7, 9]}))
    schema = Schema.of(found)
    assert schema.plans[0].kind == kind
    assert schema.encode(found).lines() == []
    gaps = pandas.isna(pandas.Series(cells)).to_numpy()
    x = schema.encode(found).x[:, 0]
    assert ((np.isnan(x) if kind != "category" else x == 0) == gaps).all()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ([1, 2], "expected the path of a table or a pandas DataFrame, got list"),
        (pandas.DataFrame(), "has 0 rows and 0 columns"),
        (pandas.DataFrame({"a": []}), "has 0 rows"),
        (pandas.DataFrame([[1, 2]], columns=["a", "a"]), "more than one column 'a'"),
        (pandas.DataFrame([[1, 2]], columns=["1", 1]), "more than one column '1'"),
        (
            pandas.DataFrame([[1, 2]], columns=pandas.MultiIndex.from_tuples([(1, 2), (1, 3)])),
            "2 levels",
        ),
        (pandas.DataFrame({"a": [[1], [2]]}), "column 'a': a cell is a list"),
        (pandas.DataFrame({"a": [1j, 2]}), "column 'a': complex"),
        (pandas.DataFrame({"a": ["\ud800", "b"]}, dtype=object), "column 'a'"),
        (pandas.DataFrame({"a": [1.0, np.inf, 2]}), "column 'a', row 1: 'inf' is not a finite"),
    ],
)
def test_frames_that_are_refused(frame, said):
    with pytest.raises(InputError, match=said) as error:
        Schema.of(read(frame))
    assert "\n" not in str(error.value)


def test_the_index_is_not_used():
    frame = pandas.DataFrame({"a": [1, 2], "b": [2, 5]}).set_index("a")
    found = read(frame)
    assert list(found.columns) == ["b"]
    assert "the index ['a'] is not used" in "\n".join(found.lines)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(
        {
            "a": [1.5, None, 3],
            "b": ["x", None, "y"],
            "c": pandas.Categorical(["u", "v", "u"]),
            "d": pandas.to_datetime(["2020-01-01", None, "2020-02-01"]),
        }
    )
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    found, same = read(path), read(frame)
    schema = Schema.of(found)
    assert [plan.kind for plan in schema.plans] == ["number", "category", "category", "date"]
    assert np.array_equal(schema.encode(found).x, schema.encode(same).x, equal_nan=True)
    data = path.read_bytes()
    for bad in (data[:50], b"x" * 100, b"", data[:-20] + b"x" * 20):
        path.write_bytes(bad)
        with pytest.raises(InputError, match="is not a valid parquet file") as error:
            read(path)
        assert "\n" not in str(error.value)


def test_a_frame_and_its_file_are_the_same(tmp_path):
    rng = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "n": rng.normal(size=100).round(3),
            "w": rng.choice(["a", "b"], 100),
            "k": rng.integers(0, 3, 100),
            "t": pandas.date_range("2020-01-01", periods=100, freq="7h"),
            "z": rng.choice([True, False], 100),
        }
    )
    frame.loc[3, ["n", "w", "k", "t"]] = None  # so that integers become floats
    frame.to_csv(tmp_path / "t.csv", index=False)
    text = (tmp_path / "t.csv").read_text().replace(".0,", ",")
    (tmp_path / "t.csv").write_text(text)
    schemas = [Schema.of(read(tmp_path / "t.csv")), Schema.of(read(frame))]
    for schema in schemas:
        assert [plan.kind for plan in schema.plans] == [
            "number",
            "category",
            "category",
            "date",
            "category",
        ]
        x = [schema.encode(data) for data in (tmp_path / "t.csv", frame)]
        assert np.array_equal(x[0].x, x[1].x, equal_nan=True)
        assert x[0].lines() == x[1].lines() == []

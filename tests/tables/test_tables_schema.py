"""The schema: made from the training part, used for any table, kept as JSON."""

import json

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlp_lab.errors import InputError
from mlp_lab.tables import Form, Schema, parse_columns, read, schema_json
from mlp_lab.tables.schema_json import from_json, to_json

ROWS = 120


def frame():
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "size": rng.normal(size=ROWS).round(2),
            "price": [f"${v:,.2f}" for v in rng.uniform(0, 1e5, ROWS)],
            "color": rng.choice(["red", "green", "blue"], ROWS),
            "doors": rng.integers(2, 6, ROWS),
            "when": pandas.date_range("2020-01-01", periods=ROWS, freq="7h").strftime(
                "%d.%m.%Y %H:%M"
            ),
            "id": [f"u{i * 7919}" for i in range(ROWS)],
            "note": ["some long text about number " + str(i) for i in range(ROWS)],
        }
    )


FRAME = frame()
SCHEMA = Schema.of(read(FRAME))
X = SCHEMA.encode(FRAME).x
USED = ["size", "price", "color", "doors", "when"]
DATE = [place for place, column in enumerate(SCHEMA.inputs) if column.name.startswith("when.")]


def test_what_it_is_made_of():
    kinds = [plan.kind for plan in SCHEMA.plans]
    assert kinds == ["number", "number", "category", "category", "date", "ignored", "ignored"]
    assert [(c.name, c.kind, c.size) for c in SCHEMA.inputs] == [
        ("size", "number", 0),
        ("price", "number", 0),
        ("color", "category", 5),
        ("doors", "category", 6),
        ("when.days", "number", 0),
        ("when.month", "number", 0),
        ("when.day", "number", 0),
        ("when.weekday", "category", 9),
        ("when.hour", "number", 0),
    ]
    assert X.dtype == np.float64
    assert X.shape == (ROWS, 9)


def test_what_it_encodes():
    """Against pandas."""
    price = FRAME["price"].str.replace("[$,]", "", regex=True).astype(float)
    when = pandas.to_datetime(FRAME["when"], format="%d.%m.%Y %H:%M")
    words = {"blue": 2, "green": 3, "red": 4}
    expected = [
        FRAME["size"],
        price,
        FRAME["color"].map(words),
        FRAME["doors"],
        (when - pandas.Timestamp(0)) / pandas.Timedelta(days=1),
        when.dt.month,
        when.dt.day,
        [time.weekday() + 2 for time in when],
        when.dt.hour,
    ]
    np.testing.assert_array_equal(X, np.stack(expected, axis=1))


@settings(max_examples=100)
@given(data=st.data())
def test_rows_answer_alone(data):
    """Columns move, others come, rows go, cells are emptied or never seen: the rest is the same."""
    rows = data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=12))
    names = data.draw(st.permutations(list(FRAME.columns)))
    table = FRAME.iloc[rows].reset_index(drop=True)[names]
    table = table.astype(object)
    changed = np.zeros((len(rows), len(SCHEMA.inputs)), bool)
    expected = X[rows].copy()
    reported = {}
    places = {"size": [0], "price": [1], "color": [2], "doors": [3], "when": DATE}
    for row in range(len(rows)):
        name = data.draw(st.sampled_from([None, *USED]))
        if name is None:
            continue
        cell = data.draw(st.sampled_from([None, "", "NA", "wrong", "1.2.3"]))
        table.loc[row, name] = cell
        changed[row, places[name]] = True
        if cell in ("wrong", "1.2.3"):
            reported[name] = reported.get(name, 0) + 1
        for place in places[name]:
            category = SCHEMA.inputs[place].kind == "category"
            absent = 0 if category else np.nan
            unseen = 1 if name in ("color", "doors") else absent
            expected[row, place] = unseen if cell in ("wrong", "1.2.3") else absent
    table["more"] = 1
    found = SCHEMA.encode(table)
    np.testing.assert_array_equal(found.x, expected)
    assert {strange.name: strange.rows for strange in found.strange} == reported
    assert list(found.further) == ["more"]
    assert "columns that are not in the schema, not used: 'more'" in found.lines()


@settings(max_examples=50)
@given(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=10))
def test_the_table_and_its_rows_are_the_same(rows):
    table = read(FRAME)
    np.testing.assert_array_equal(SCHEMA.encode(table.take(np.array(rows))).x, X[rows])


def test_it_is_made_from_the_training_part_only():
    """Nothing about the other rows is in it."""
    other = FRAME.copy()
    other.loc[60:, "color"] = "violet"
    other.loc[60:, "size"] = 1e9
    other.loc[60:, "price"] = "$1"
    half = np.arange(60)
    one, two = (to_json(Schema.of(read(f).take(half))) for f in (FRAME, other))
    assert one == two
    assert to_json(Schema.of(read(other))) != one


def test_a_missing_column():
    with pytest.raises(InputError, match=r"has no column 'size' \(did you mean 'Size'\?\)"):
        SCHEMA.encode(FRAME.rename(columns={"size": "Size"}))
    with pytest.raises(InputError, match="has no column 'size' and 1 more; expected 'size'"):
        SCHEMA.encode(FRAME.drop(columns=["size", "price"]), option="test_data")
    SCHEMA.encode(FRAME.drop(columns=["id", "note"]))  # not used


def test_cells_that_cannot_be_read_are_counted():
    table = FRAME.copy().astype(object)
    table.loc[[3, 5], "size"] = ["abc", np.inf]
    table.loc[7, "price"] = "€3"
    table.loc[9, "when"] = "2020-01-01"
    table.loc[[1, 2], "color"] = "violet"
    found = SCHEMA.encode(table)
    assert found.lines() == [
        "column 'size': 2 cells not a number; taken as missing: 'abc' 1, 'inf' 1 (first: row 3)",
        "column 'price': 1 cells not a number; taken as missing: '€3' 1 (first: row 7)",
        "column 'color': 2 cells taken as unseen: 'violet' 2 (first: row 1)",
        "column 'when': 1 cells not a date; taken as missing: '2020-01-01' 1 (first: row 9)",
    ]
    assert np.isnan(found.x[[3, 5], 0]).all()
    table = FRAME.copy()
    table.loc[3, "size"] = None
    assert SCHEMA.encode(table).lines() == [
        "missing values in columns that had none in training: 'size' 1"
    ]


def test_rare_categories_are_unseen():
    words = ["a"] * 30 + ["b"] * 29 + ["c"]
    schema = Schema.of(read(pandas.DataFrame({"w": words})))
    assert schema.plans[0].words == ("a", "b")
    assert schema.encode(pandas.DataFrame({"w": words})).x[-1, 0] == 1
    assert "1 rare ones (1 rows) as unseen" in str(schema)
    # In a small table, each counts.
    assert Schema.of(read(pandas.DataFrame({"w": ["a", "b", "a"]}))).plans[0].words == ("a", "b")


@pytest.mark.parametrize("same", [[1, 2, 1], [1.0, 2.0, 1.0], ["1", "2", "1"], ["1.0", " 2", "1"]])
def test_categories_that_are_numbers(same):
    schema = Schema.of(read(pandas.DataFrame({"w": ["1", "2", "1"]})), columns="w:category")
    assert schema.encode(pandas.DataFrame({"w": same})).x[:, 0].tolist() == [2, 3, 2]


def test_long_codes_stay_apart():
    words = [str(10**17), str(10**17 + 1)] * 30
    schema = Schema.of(read(pandas.DataFrame({"w": words})))
    assert len(schema.plans[0].words) == 2


def test_missing_words_of_the_user_hold_later(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"{i * 3},{'xy'[i % 2]}\n" for i in range(30)) + "-999,x\n")
    schema = Schema.of(read(path, Form(missing=("-999",))))
    assert schema.plans[0].missing == {"-999": 1}
    for again in (schema, from_json(to_json(schema))):
        assert np.isnan(again.encode(path).x[-1, 0])


def test_the_decimal_mark_of_training_holds_later(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "".join(f"{i},5;{'xy'[i % 2]}\n" for i in range(30)))
    schema = Schema.of(read(path))
    path.write_text("a;b\n1,234;x\n1.5;x\n")
    found = schema.encode(path)
    assert found.x[0, 0] == 1.234
    assert np.isnan(found.x[1, 0])
    assert "'1.5' 1 (first: line 3)" in found.lines()[0]


def test_dates_later():
    times = pandas.date_range("2020-01-01", periods=40, freq="D")
    schema = Schema.of(read(pandas.DataFrame({"d": times.strftime("%Y-%m-%d")})))
    typed = Schema.of(read(pandas.DataFrame({"d": times})))
    later = pandas.date_range("2024-02-29", periods=3, freq="D")
    for data in (later, later.strftime("%Y-%m-%d")):
        x = [s.encode(pandas.DataFrame({"d": data})).x for s in (schema, typed)]
        np.testing.assert_array_equal(x[0], x[1])
        assert x[0][0, 0] == (pandas.Timestamp("2024-02-29") - pandas.Timestamp(0)).days


# JSON.


def test_json_is_the_same():
    again = from_json(to_json(SCHEMA))
    assert again == SCHEMA
    np.testing.assert_array_equal(again.encode(FRAME).x, X)
    assert to_json(again) == to_json(SCHEMA)
    assert str(again) == str(SCHEMA)


def test_json_in_a_file(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(to_json(SCHEMA), encoding="utf-8")
    assert schema_json.load(path) == SCHEMA
    for bad in (b"\xff", b"", b"{}", b"[" * 100_000, b"null"):
        path.write_bytes(bad)
        with pytest.raises(InputError, match=r"schema\.json is not a schema of a table"):
            schema_json.load(path)
    with pytest.raises(InputError, match="does not exist"):
        schema_json.load(tmp_path / "no.json")


VALUES = st.sampled_from(
    [None, True, -1, 0.5, 10**400, "x", "", [], {}, ["x"], [1], {"x": 1}, float("nan"), "\ud800"]
)


@settings(max_examples=300)
@given(data=st.data())
def test_json_of_another_form_is_refused(data):
    """Or is a schema that works."""
    tree = json.loads(to_json(SCHEMA))
    spot = tree
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if isinstance(spot[key], dict | list) and data.draw(st.booleans()):
            spot = spot[key]
        else:
            break
    if data.draw(st.booleans()):
        spot[key] = data.draw(VALUES)
    else:
        del spot[key]
    try:
        found = from_json(json.dumps(tree))
    except InputError as error:
        said = str(error)
    else:
        str(found)
        try:
            found.encode(FRAME)
        except InputError as error:  # a column of another name
            said = str(error)
            assert "has no column" in said
        return
    assert "\n" not in said


# What the user asks for.


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", {}),
        ("a:number", {"a": "number"}),
        (" a : Number , b:ignore ", {"a": "number", "b": "ignore"}),
        ("a:b:number", {"a:b": "number"}),
        ('"a,b":date', {"a,b": "date"}),
        ("'a,b': dmy, c:mdy", {"a,b": "dmy", "c": "mdy"}),
        ('"say ""a""":category', {'say "a"': "category"}),
        ("it's:number", {"it's": "number"}),
        ("a b:number", {"a b": "number"}),
    ],
)
def test_columns_are_parsed(text, kinds):
    assert parse_columns(text) == kinds


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "--columns: expected name:kind, got 'a'"),
        ("a:", "expected name:kind"),
        (":number", "expected name:kind"),
        ("a:numer", r"column 'a': no kind 'numer' \(did you mean 'number'\?\)"),
        ("a:number,a:date", "column 'a' comes twice"),
        ("a,b:number", "put a name with a comma in double quotes"),
    ],
)
def test_columns_of_another_form(text, said):
    with pytest.raises(InputError, match=said):
        parse_columns(text)


def test_what_is_asked_overrules():
    schema = Schema.of(
        read(FRAME), columns="size:ignore,doors:number,id:category,note:category,when:ignore"
    )
    kinds = [plan.kind for plan in schema.plans]
    assert kinds == ["ignored", "number", "category", "number", "ignored", "category", "category"]
    assert all(plan.asked for plan in schema.plans if plan.name not in ("price", "color"))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("sise:number", r"has no column 'sise' \(did you mean 'size'\?\)"),
        ("color:number", "column 'color', row 0: '[a-z]+' is not a number"),
        ("color:date", "column 'color', row 0: '[a-z]+' is not a date"),
        ("when:mdy", "column 'when', row [0-9]+: '.*' is not a date written as month, day, year"),
        (",".join(f"{name}:ignore" for name in FRAME), "no column is left to learn from"),
    ],
)
def test_what_is_asked_and_cannot_be(columns, said):
    with pytest.raises(InputError, match=said):
        Schema.of(read(FRAME), columns=columns)


def test_day_or_month_can_be_said():
    table = read(pandas.DataFrame({"d": ["1/2/2020", "3/4/2020", "5/6/2020"] * 5}))
    for kind, month in (("dmy", 2), ("mdy", 1)):
        schema = Schema.of(table, columns={"d": kind})
        names = [column.name for column in schema.inputs]
        assert schema.encode(table).x[0, names.index("d.month")] == month


def test_numbers_with_and_without_unit_can_be_said():
    table = read(pandas.DataFrame({"d": [f"{i}{' kg' * (i % 2)}" for i in range(30)]}))
    with pytest.raises(InputError, match="units: 'kg'"):
        Schema.of(table)
    schema = Schema.of(table, columns="d:number")
    assert schema.encode(table).x[:, 0].tolist() == list(range(30))


def test_columns_left_to_others():
    table = read(FRAME)
    schema = Schema.of(table, outside=("color",))
    assert "color" not in [plan.name for plan in schema.plans]
    assert schema.encode(FRAME).lines() == []
    assert schema.encode(FRAME.drop(columns="color")).lines() == []
    with pytest.raises(InputError, match="column 'color' is not an input"):
        Schema.of(table, outside=("color",), columns="color:number")


def test_the_text_of_a_schema():
    text = str(SCHEMA).splitlines()
    assert text[0].split() == ["column", "kind", "missing", "values", "becomes"]
    assert text[1].startswith("size    number")
    assert text[6].endswith("ignored: identifies rows")
    assert text[7].endswith("ignored: free text")
    assert max(map(len, text)) < 120
    odd = pandas.DataFrame({"a\x1b[31m\nb" + "x" * 50: [1.5, 2.5]})
    assert "\x1b" not in str(Schema.of(read(odd)))

"""Files as strangers write them: what each column becomes, or the one line that refuses it."""

import re

import pytest

from mlp_lab.errors import InputError
from mlp_lab.tables import Form, Schema, read

N = "number"
C = "category"
D = "date"


def table(header, *columns, sep=","):
    """A file with some columns of equal length."""
    return "\n".join([header, *(sep.join(row) for row in zip(*columns, strict=True))]) + "\n"


def numbers(count=30, form="{}"):
    return [form.format(3 * i + 1) for i in range(count)]


def words(count=30, kinds=("red", "green", "blue")):
    return [kinds[i % len(kinds)] for i in range(count)]


W = words()
FLOATS = [f"{i}.{i % 9 + 1}5" for i in range(30)]
COMMAS = [f"{i},{i % 9 + 1}5" for i in range(30)]

# name: (content, kinds of the columns, parts of what is said)
READ = {
    "plain": (table("a,b", numbers(), W), [N, C], []),
    "no newline at the end": (table("a,b", numbers(), W)[:-1], [N, C], []),
    "CRLF": (table("a,b", numbers(), W).replace("\n", "\r\n"), [N, C], []),
    "CR only": (table("a,b", numbers(), W).replace("\n", "\r"), [N, C], []),
    "semicolon, decimal comma": (
        table("a;b", COMMAS, W, sep=";"),
        [N, C],
        ["semicolon", "decimal comma"],
    ),
    "semicolon, decimal comma, points for thousands": (
        table("a;b;c", COMMAS, [f"{i + 1}.{100 + i}" for i in range(30)], W, sep=";"),
        [N, N, C],
        ["column 'b': decimal comma, '.' separates thousands"],
    ),
    "tab": (table("a\tb", numbers(), W, sep="\t"), [N, C], ["separated by tab"]),
    "tab, commas in words": (
        table("a\tb", numbers(), [f"x, {w}" for w in W], sep="\t"),
        [N, C],
        ["separated by tab"],
    ),
    "pipe": (table("a|b", numbers(), W, sep="|"), [N, C], ["separated by pipe"]),
    "blanks": (table("a   b", numbers(), W, sep="  "), [N, C], ["separated by space"]),
    "blanks before and after": (
        "  a  b\n" + "".join(f"  {i * 7}   {w} \n" for i, w in enumerate(W)),
        [N, C],
        ["separated by space"],
    ),
    "sep=": ("sep=;\r\n" + table("a;b", COMMAS, W, sep=";"), [N, C], ["named in line 2"]),
    "a blank after each comma": (table("a, b", numbers(), W, sep=", "), [N, C], []),
    "a blank before quotes": (
        table("a, b", numbers(), [f'"x, {w}"' for w in W], sep=", "),
        [N, C],
        [],
    ),
    "quotes": (
        table('"a","b"', numbers(form='"{}"'), [f'"{w}, ""x"""' for w in W]),
        [N, C],
        [],
    ),
    "line break in quotes": (table("a,b", numbers(), [f'"{w}\nx"' for w in W]), [N, C], []),
    "single quotes": (
        table("'a','b'", numbers(), [f"'{w}, x'" for w in W]),
        [N, C],
        [],
    ),
    "apostrophes": (table("a,b", numbers(), [f"{w}'s" for w in W]), [N, C], []),
    "inches": (table("a,b", numbers(), [f'{w} 5"' for w in W]), [N, C], []),
    "blank lines": (
        table("a,b", numbers(), W).replace("\n7,", "\n\n7,") + "\n\n",
        [N, C],
        ["blank lines skipped: 3 (first: line 4)"],
    ),
    "blank line first": ("\n" + table("a,b", numbers(), W), [N, C], ["named in line 2"]),
    "delimiter ends each line": (
        table("a,b,", numbers(), W, [""] * 30),
        [N, C, "ignored"],
        ["column 3 has no name"],
    ),
    "index without a name": (
        table(",a,b", [str(i) for i in range(60)], numbers(60), words(60)),
        ["ignored", N, C],
        ["column 1 has no name"],
    ),
    "years as names": (
        table("where,2001,2002,2003", W, numbers(), FLOATS, numbers(form="-{}")),
        [C, N, N, N],
        [],
    ),
    "wavelengths as names": (
        table("name,400,405,410", W, numbers(), FLOATS, numbers(form="-{}")),
        [C, N, N, N],
        [],
    ),
    "umlauts": (table("größe,wort", numbers(), [f"ä{w}" for w in W]), [N, C], ["UTF-8"]),
    "Windows-1252": (
        table("größe,wort", numbers(), [f"ä{w}" for w in W]).encode("cp1252"),
        [N, C],
        ["not UTF-8 (line 1), so read as Windows-1252"],
    ),
    "UTF-8 mark": ("\ufeff" + table("a,b", numbers(), W), [N, C], ["byte order mark"]),
    "UTF-16": (table("a,ä", numbers(), W).encode("utf-16"), [N, C], ["UTF-16"]),
    "thousands": (
        table("a;b", [f"{i + 1},{100 + i}.5" for i in range(30)], W, sep=";"),
        [N, C],
        ["',' separates thousands"],
    ),
    "thousands in quotes, some without": (
        table("a,b", [f'"{i},{100 + i}"' if i else "17" for i in range(30)], W),
        [N, C],
        ["',' separates thousands"],
    ),
    "lakhs": (
        table("a;b", [f"{i + 1},{10 + i},000" for i in range(30)], W, sep=";"),
        [N, C],
        ["',' separates thousands"],
    ),
    "blanks for thousands": (
        table("a,b", [f"{i + 1} {100 + i}" for i in range(30)], W),
        [N, C],
        ["blank separates thousands"],
    ),
    "narrow blanks for thousands": (
        table("a,b", [f"{i + 1}\u202f{100 + i}" for i in range(30)], W),
        [N, C],
        ["blank separates thousands"],
    ),
    "apostrophes for thousands": (
        table("a,b", [f"{i + 1}'{100 + i}" for i in range(30)], W),
        [N, C],
        ["apostrophe separates thousands"],
    ),
    "unit": (table("a,b", numbers(form="{} kg"), W), [N, C], ["unit 'kg' removed"]),
    "dollars": (table("a,b", numbers(form="${}"), W), [N, C], ["unit '$' removed"]),
    "euros behind": (table("a,b", numbers(form="{}.50 €"), W), [N, C], ["unit '€' removed"]),
    "percent": (table("a,b", numbers(form="{}%"), W), [N, C], ["unit '%' removed"]),
    "thousands and millions": (
        table("a,b", [f"€{i + 1}.5{'KM'[i % 2]}" for i in range(30)], W),
        [N, C],
        ["k, M, B, T after a number multiply it"],
    ),
    "parentheses": (
        table("a,b", [f"({i})" if i % 3 else str(i) for i in range(30)], W),
        [N, C],
        ["20 numbers in parentheses are taken as negative"],
    ),
    "typeset minus": (table("a,b", numbers(form="\u2212{}"), W), [N, C], []),
    "exponents": (table("a,b", numbers(form="{}e-3"), W), [N, C], []),
    "missing words": (
        table("a,b", [*numbers(24), "NA", "", "nan", "?", "#N/A", "-"], W),
        [N, C],
        ["20.0%", "'NA' 1"],
    ),
    "unknown among numbers": (
        table("a,b", [*numbers(27), "unknown", "Unknown", "n/d"], W),
        [N, C],
        ["10.0%", "'unknown' 1"],
    ),
    "unknown among words": (
        table("a,b", numbers(), words(30, ("red", "unknown"))),
        [N, C],
        ["2 categories"],
    ),
    "-999": (
        table("a,b", [*numbers(27), *["-999"] * 3], W),
        [N, C],
        ["-999 occurs 3 times", "--missing=-999"],
    ),
    "leading zeros": (
        table("a,b", numbers(), [f"0{1000 + i % 4}" for i in range(30)]),
        [N, C],
        ["leading zeros ('01000'): codes"],
    ),
    "long numbers": (
        table("a,b", numbers(), [f"{10**17 + i % 4}" for i in range(30)]),
        [N, C],
        ["18-digit codes"],
    ),
    "row numbers": (
        table("n,a,b", [str(i) for i in range(1, 61)], numbers(60), words(60)),
        ["ignored", N, C],
        ["identifies rows"],
    ),
    "customer ids": (
        table("customer_id,a,b", [str(70000 + 37 * i) for i in range(30)], numbers(), W),
        ["ignored", N, C],
        ["identifies rows"],
    ),
    "hashes": (
        table("h,a", [f"x{i * 7919:08x}" for i in range(30)], numbers()),
        ["ignored", N],
        ["identifies rows"],
    ),
    "sentences": (
        table("t,a", [f"it was day {i} of a long time" for i in range(30)], numbers()),
        ["ignored", N],
        ["free text"],
    ),
    "constant": (table("k,a", ["x"] * 30, numbers()), ["ignored", N], ["always the same"]),
    "constant number": (table("k,a", ["1"] * 30, numbers()), ["ignored", N], ["always the same"]),
    "empty column": (table("k,a", [""] * 30, numbers()), ["ignored", N], ["no value"]),
    "one value or none": (table("k,a", ["x", ""] * 15, numbers()), [C, N], []),
    "true and false": (table("k,a", ["True", "False"] * 15, numbers()), [C, N], []),
    "codes of one digit": (
        table("k,a", ["0", "1", "2"] * 30, numbers(90)),
        [C, N],
        ["--columns='k:number'"],
    ),
    "few numbers and a word": (
        table("k,a", ["4", "6", "8", "rotary", "4"] * 6, numbers()),
        [C, N],
        [],
    ),
    "ISO dates": (
        table("d,a", [f"2020-0{1 + i % 9}-{10 + i % 19}" for i in range(30)], numbers()),
        [D, N],
        ["days, month, day, weekday"],
    ),
    "times with an offset": (
        table("d,a", [f"2020-01-01T{i % 24:02}:00:00+02:00" for i in range(30)], numbers()),
        [D, N],
        ["taken in UTC"],
    ),
    "days first": (
        table("d,a", [f"{1 + i % 28}/{1 + i % 12}/2020" for i in range(30)], numbers()),
        [D, N],
        ["day, month, year"],
    ),
    "months first": (
        table("d,a", [f"{1 + i % 12}/{1 + i % 28}/20" for i in range(30)], numbers()),
        [D, N],
        ["month, day, year"],
    ),
    "names of months": (
        table(
            "d,a",
            [f"{1 + i % 28}-{['Jan', 'Feb', 'Mar'][i % 3]}-2020" for i in range(30)],
            numbers(),
        ),
        [D, N],
        [],
    ),
    "dates without marks": (
        table("d,a", [f"2020{1 + i % 12:02}{1 + i % 28:02}" for i in range(30)], numbers()),
        [D, N],
        ["without marks"],
    ),
    "times of day": (
        table("d,a", [f"{i % 24}:{i + 10}" for i in range(30)], numbers()),
        [D, N],
        ["time of day"],
    ),
    "dates with gaps": (
        table("d,a", [f"2020-01-{i + 1:02}" if i % 5 else "NA" for i in range(30)], numbers()),
        [D, N],
        ["20.0%"],
    ),
    "ranges": (table("r,a", ["0-9", "10-19", "20-29"] * 10, numbers()), [C, N], []),
    "versions": (table("r,a", ["1.2.3", "1.10.0", "2.0.1"] * 10, numbers()), [C, N], []),
    "streets": (
        table("r,a", [f"{i} {w} street" for i, w in enumerate(words(30, "abcdefghij"))], numbers()),
        ["ignored", N],
        [],
    ),
    "blanks around words": (
        table("b,a", [f" {w}" if i % 3 else w for i, w in enumerate(words(30, "xy"))], numbers()),
        [C, N],
        ["blanks around 20 cells removed", "2 categories"],
    ),
    "case": (table("b,a", ["yes", "Yes", "no"] * 10, numbers()), [C, N], ["differ only in case"]),
    "ragged names": (table("  a  , b b ", numbers(), W), [N, C], []),
    "one column": ("a\n1\n5\n9\n", [N], ["1 columns"]),
}


def schema_of(tmp_path, content, form=None, name="strange.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    found = read(path, form)
    schema = Schema.of(found)
    said = "\n".join([*found.lines, *schema.lines(), str(schema)])
    return found, schema, said


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name, tmp_path):
    content, kinds, said = READ[name]
    found, schema, text = schema_of(tmp_path, content)
    assert [plan.kind for plan in schema.plans] == kinds
    assert len(found) == (3 if name == "one column" else len(found))
    for part in said:
        assert part in text, text
    encoded = schema.encode(found)
    assert encoded.x.shape == (len(found), len(schema.inputs))
    assert encoded.lines() == [] or all("unseen" in line for line in encoded.lines())


BAD = table("a,b", numbers(), W)
# name: (content, what the line says)
REFUSED = {
    "empty": ("", "is empty"),
    "blanks only": (" \n\n", "is empty"),
    "names only": ("a,b\n", "no rows"),
    "no names": ("1.5,2\n" * 3, "line 1 has no names .*'1.5' in column 1.*--header=no"),
    "no names, words": ("red,5\nblue,6\nred,7\n", "line 1 has no names"),
    "the same name twice": ("a,b,a\n1,2,3\n", "columns 1 and 3 are both 'a'"),
    "a short row": (BAD.replace("\n7,blue", "\n7"), "line 4 has 1 cell, expected 2 cells as in"),
    "a long row": (BAD.replace("\n7,blue", "\n7,blue,1"), "line 4 has 3 cells, expected 2 cells"),
    "two long rows": (
        BAD.replace("\n7,blue", "\n7,blue,1").replace("\n10,red", "\n10,red,2"),
        r"line 4 has 3 cells \(and 1 more lines\)",
    ),
    "names of rows": (
        "a,b\n" + "".join(f"r{i},{i},{i}\n" for i in range(9)),
        "line 2 has 3 cells.*line 1 lacks a name",
    ),
    "lines of remarks first": ("my table\nof 2020\n\n" + BAD, "line 4 has 2 cells"),
    "a total in the last line": (BAD + "total: 30\n", "line 32 has 1 cell"),
    "a quote never closed": (table("a,b", numbers(3), ["x", '"y', "z"]), "line 3 opens a"),
    "a quote inside": (
        table("a,b", numbers(3), ['"x"', '"y" z', '"z"']),
        'line 3 has a " inside a cell.*--quote=none',
    ),
    "escaped quotes": (table("a,b", numbers(3), [r'"x\"y"', '"y"', '"z"']), "line 2 has a"),
    "a zero byte": (BAD.replace("blue", "bl\0e", 1), "line 4 has a zero byte"),
    "UTF-16 without a mark": (BAD.encode("utf-16-le"), "--encoding=utf-16-le"),
    "mixed encodings": (
        table("a,b", numbers(3), ["ä", "x", "ö"]).encode().replace(b"x", b"\xe4"),
        "line 3 is not UTF-8, but others are",
    ),
    "Cyrillic": (table("к,ж", numbers(3), ["слово"] * 3).encode("cp1251"), "neither UTF-8 nor"),
    "cut UTF-8": (b"\xef\xbb\xbf" + "a,b\n1,ä\n".encode()[:-2], "is not UTF-8"),
    "Excel": (b"PK\x03\x04" + b"x" * 50, "Excel"),
    "old Excel": (b"\xd0\xcf\x11\xe0" + b"x" * 50, "Excel"),
    "parquet": (b"PAR1" + b"x" * 50, "name it .parquet"),
    "PDF": (b"%PDF-1.4 x\n", "PDF"),
    "damaged gzip": (b"\x1f\x8b\x08\0" + b"x" * 50, "damaged"),
    "a word among numbers": (
        table("a,b", [*numbers(29), "abc"], W),
        "column 'a', line 31: 'abc' is not a number.*--missing='abc'.*'a:category'",
    ),
    "words among numbers": (
        table("a,b", [*numbers(25), "sold", "<5", "sold", "sold", "sold"], W),
        r"column 'a', line 27: 'sold' is not a number.*5 of 30 cells are not: 'sold' 4, '<5' 1",
    ),
    "one word among numbers, often": (
        table("a,b", [n if i < 24 else "not tested" for i, n in enumerate(numbers(60))], words(60)),
        "column 'a', line 26: 'not tested'",
    ),
    "digits of another alphabet": (
        table("a,b", [*numbers(29), "\uff11\uff12"], W),
        "column 'a', line 31: '\uff11\uff12' is not a number",
    ),
    "two units": (
        table("a,b", [f"{i} {'kg' if i % 3 else 'lb'}" for i in range(30)], W),
        "column 'a', line 2: '0 lb' is not a number.*units: 'lb'",
    ),
    "some without unit": (
        table("a,b", [f"{i}{'%' if i % 3 else ''}" for i in range(30)], W),
        "column 'a', line 2: '0' is not a number",
    ),
    "two decimal marks": (
        table("a;b", [f"{i}{'.,'[i % 3 == 0]}25" for i in range(30)], W, sep=";"),
        "column 'a', line 2: '0,25' is not a number",
    ),
    "thousands or decimals": (
        table("a;b", [f"{i + 1},{100 + i}" for i in range(30)], W, sep=";"),
        "column 'a', line 2: '1,100' may have thousands.*--decimal=point or --decimal=comma",
    ),
    "infinite": (table("a,b", [*numbers(29), "inf"], W), "column 'a', line 31: 'inf' is not"),
    "too large": (table("a,b", [*numbers(29), "1e999"], W), "line 31: '1e999' is not a finite"),
    "day or month": (
        table("d,a", [f"{1 + i % 9}/{1 + i % 12}/2020" for i in range(30)], numbers()),
        "column 'd', line 2: '1/1/2020' may begin with the day.*'d:dmy' or 'd:mdy'",
    ),
    "a word among dates": (
        table("d,a", [*(f"2020-01-{i + 1:02}" for i in range(29)), "soon"], numbers()),
        "column 'd', line 31: 'soon' is not a date written as year, month, day",
    ),
    "no such date": (
        table("d,a", [*(f"2020-02-{i + 1:02}" for i in range(29)), "2020-02-30"], numbers()),
        "column 'd', line 31: '2020-02-30' is not a date",
    ),
    "nothing to learn from": (table("a,b", ["x"] * 30, [""] * 30), "no column is left"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name, tmp_path):
    content, said = REFUSED[name]
    with pytest.raises(InputError, match=said) as error:
        schema_of(tmp_path, content)
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"--data: {tmp_path / 'strange.csv'}")


def test_there_are_enough():
    assert len(READ) + len(REFUSED) >= 100


# What the user can say about a file that is refused.


@pytest.mark.parametrize(
    ("name", "form", "kinds"),
    [
        ("no names", Form(header="no"), [N, N]),
        ("UTF-16 without a mark", Form(encoding="utf-16-le"), [N, C]),
        ("Cyrillic", Form(encoding="cp1251"), [N, "ignored"]),
        ("a quote inside", Form(quote="none"), [N, C]),
        ("a word among numbers", Form(missing=("abc",)), [N, C]),
        ("words among numbers", Form(missing=("sold", "<5")), [N, C]),
        ("thousands or decimals", Form(decimal="comma"), [N, C]),
        ("infinite", Form(missing=("inf",)), [N, C]),
    ],
)
def test_what_helps(name, form, kinds, tmp_path):
    content = REFUSED[name][0]
    if name in ("no names",):
        content = "1.5,2\n2.5,4\n0.5,9\n"
    assert [plan.kind for plan in schema_of(tmp_path, content, form)[1].plans] == kinds


def test_another_delimiter_than_that_of_the_file(tmp_path):
    with pytest.raises(
        InputError, match="line 1 has no semicolon but comma; give --delimiter=comma"
    ):
        schema_of(tmp_path, BAD, Form(delimiter="semicolon"))


def test_decimals_are_read_as_the_user_says(tmp_path):
    content = REFUSED["thousands or decimals"][0]
    for form, value in ((Form(decimal="comma"), 1.1), (Form(decimal="point"), 1100)):
        found, schema, _ = schema_of(tmp_path, content, form)
        assert schema.encode(found).x[0, 0] == value


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"delimiter": "comm"}, r"--delimiter: expected .*did you mean 'comma'\?"),
        ({"delimiter": "ab"}, "--delimiter: expected"),
        ({"quote": "doble"}, "did you mean 'double'"),
        ({"decimal": ";"}, "--decimal: expected point, comma"),
        ({"header": "maybe"}, "--header: expected yes, no"),
        ({"encoding": "utf-9"}, "--encoding: no encoding 'utf-9'"),
        ({"encoding": "hex"}, "--encoding: no encoding 'hex'"),
    ],
)
def test_forms_are_checked(arguments, said):
    with pytest.raises(InputError, match=said):
        Form(**arguments)


def test_values_of_converted_cells(tmp_path):
    rows = [
        ("1.234,5", "12 kg", "45%", "(3)", "\u22124"),
        ("2,25", "7 kg", "5.5%", "8", "1e2"),
        ("-1.000", "0.5 kg", "0%", "(0.5)", "+2"),
    ]
    text = "a;b;c;d;e\n" + "".join(";".join(row) + "\n" for row in rows)
    found, schema, _ = schema_of(tmp_path, text)
    assert schema.encode(found).x.tolist() == [
        [1234.5, 12, 45, -3, -4],
        [2.25, 7, 5.5, 8, 100],
        [-1000, 0.5, 0, -0.5, 2],
    ]


def test_lines_count_quoted_breaks(tmp_path):
    text = 'a,b\n1,"x\ny\r\nz"\n2,y\n\n' + "".join(f"{i},y\n" for i in range(30)) + "oops,y\n"
    with pytest.raises(InputError, match="line 37: 'oops'"):
        schema_of(tmp_path, text)
    assert re.search("oops", text).start() > 0

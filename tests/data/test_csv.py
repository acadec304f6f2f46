"""CSV files of images as they come from elsewhere: read whole and in place, or refused."""

import codecs
import io

import numpy as np
import pytest

from mlp_lab.__main__ import main
from mlp_lab.data import load
from mlp_lab.data.catalogue import DATASETS
from mlp_lab.data.csv_rows import csv_chunks
from mlp_lab.data.faults import DataFault

RNG = np.random.default_rng(0)
LABELS = np.arange(20) % 10
IMAGES = RNG.integers(0, 256, (20, 784))
IMAGES[:, [0, -1]] = 0
ROWS = np.c_[LABELS, IMAGES]
NAMES = ["label", *(f"pixel{i}" for i in range(784))]


def lines(rows=ROWS, names=None, form=str, separator=","):
    body = [separator.join(map(form, row)) for row in rows]
    return "\n".join([*([separator.join(names)] if names else []), *body]) + "\n"


def saved(rows, **options):
    file = io.StringIO()
    np.savetxt(file, rows, delimiter=",", **options)
    return file.getvalue()


def last(names="class"):
    return lines(np.c_[IMAGES, LABELS], [*NAMES[1:], names])


FIRST, LAST = "the labels are in column 1", "the labels are in column 785"
GOOD = {
    "plain": (lines().encode(), FIRST),
    "names": (lines(names=NAMES).encode(), "line 1 has names; the labels are in column 1, 'label'"),
    "mark": (codecs.BOM_UTF8 + lines().encode(), FIRST),
    "mark and names": (codecs.BOM_UTF8 + lines(names=NAMES).encode(), "'label'"),
    "mark and quoted names": (
        codecs.BOM_UTF8 + lines(names=[f'"{name}"' for name in NAMES]).encode(), "'label'",
    ),
    "lines of Windows": (lines(names=NAMES).replace("\n", "\r\n").encode(), "'label'"),
    "lines of Windows without names": (lines().replace("\n", "\r\n").encode(), FIRST),
    "empty lines at the end": (lines().encode() + b"\n \r\n\n", FIRST),
    "no end": (lines().encode().rstrip(), FIRST),
    "a space first": (b" " + lines().encode(), FIRST),
    "spaces": (lines(separator=" , ").encode(), FIRST),
    "quotes": (lines(form=lambda n: f'"{n}"').encode(), FIRST),
    "single quotes": (lines(form=lambda n: f"'{n}'").encode(), FIRST),
    "decimals": (lines(form=lambda n: f"{n}.0").encode(), FIRST),
    "first label a decimal": (lines().replace("0,", "0.0,", 1).encode(), FIRST),
    "exponents": (saved(ROWS).encode(), FIRST),
    "savetxt with names": (saved(ROWS, fmt="%d", header=",".join(NAMES)).encode(), "'label'"),
    "numbered pixels": (lines(names=["label", *map(str, range(784))]).encode(), "'label'"),
    "rows and columns": (
        lines(names=["label", *(f"{i}x{j}" for i in range(1, 29) for j in range(1, 29))]).encode(),
        "'label'",
    ),
    "label in capitals": (lines(names=["LABEL", *NAMES[1:]]).encode(), "'LABEL'"),
    "names without numbers": (lines(names=["y", *["p"] * 784]).encode(), "'y'"),
    "class last": (last().encode(), f"{LAST}, 'class'"),
    "target last": (last("target").encode(), f"{LAST}, 'target'"),
    "plus": (lines(form=lambda n: f"+{n}").encode(), FIRST),
}  # fmt: skip


def read(content, folder):
    path, said = folder / "a.csv", []
    path.write_bytes(content)
    chunks = [*csv_chunks(path, DATASETS["mnist"], said.append)]
    assert all(line.startswith(f"{path}: ") for line in said)
    return chunks, said


@pytest.mark.parametrize("form", GOOD)
def test_every_row_is_read_in_its_place(form, tmp_path):
    content, words = GOOD[form]
    ((chunk,), (said,)) = read(content, tmp_path)
    np.testing.assert_array_equal(chunk["y"], LABELS)
    np.testing.assert_array_equal(chunk["x"].reshape(-1, 784), IMAGES)
    assert words in said


def replaced(line, text, names=None):
    parts = lines(names=names).splitlines()
    parts[line - 1] = text(parts[line - 1])
    return "\n".join(parts).encode()


def cell(text):
    return lambda line: line.replace(",", f",{text},", 1).rpartition(",")[0]


BAD = {
    "UTF-16": (lines().encode("utf-16"), "is UTF-16 or binary; save it as CSV in UTF-8"),
    "UTF-16 without mark": (lines().encode("utf-16-le"), "is UTF-16 or binary"),
    "UTF-16 the other way": (codecs.BOM_UTF16_BE + lines().encode("utf-16-be"), "is UTF-16"),
    "UTF-32": (lines().encode("utf-32"), "is UTF-16 or binary"),
    "semicolons": (lines(separator=";").encode(), "line 1: values are separated by ';'"),
    "tabs": (lines(names=NAMES, separator="\t").encode(), r"line 1: values are separated by '\t'"),
    "blanks": (lines(separator=" ").encode(), "line 1 has 1 columns, expected 785"),
    "no label": (
        lines(names=["digit", *NAMES[1:]]).encode(),
        "line 1 has the names 'digit', 'pixel0', ..., 'pixel783'; expected the labels in the first",
    ),
    "pandas' numbers": (lines(names=map(str, range(785))).encode(), "names '0', '1', ..., '784'"),
    "numbers from 1": (lines(names=map(str, range(1, 786))).encode(), "the names '1', '2'"),
    "label at both ends": (lines(names=[*NAMES[:-1], "class"]).encode(), "not in both"),
    "an index": (
        lines(np.c_[np.arange(20), ROWS], ["", *NAMES]).encode(), "786 columns, expected 785",
    ),
    "pixels in order of letters": (
        lines(names=["label", *sorted(NAMES[1:])]).encode(), "'pixel11' comes after 'pixel109'",
    ) ,
    "columns before rows": (
        lines(names=["label", *(f"{j}x{i}" for i in range(28) for j in range(28))]).encode(),
        "'0x1' comes after '27x0'" ,
    ),
    "text in the first row": (replaced(1, cell("x")), "line 1: 'x' in column 2"),
    "text for the first label": (replaced(1, lambda s: "x" + s[1:]), "line 1: 'x' in column 1"),
    "half": (replaced(2, cell("0.5")), "line 2: '0.5' in column 2, expected a whole number"),
    "nan": (replaced(2, cell("nan")), "line 2: 'nan' in column 2"),
    "infinity": (replaced(2, cell("inf")), "line 2: 'inf' in column 2"),
    "underscore": (replaced(2, cell("1_0")), "line 2: '1_0' in column 2"),
    "nothing": (replaced(2, cell("")), "line 2: '' in column 2"),
    "too large": (replaced(2, cell("256.0")), "line 2: '256.0' in column 2"),
    "label last": (last("label").replace("label\n", "label\n0", 1).replace(",0\n", ",10\n", 1)
                   .encode(), "line 2: label 10 in column 785, expected 0 to 9"),
    "empty first": (b"\n" + lines().encode(), "line 1 is empty; remove it"),
    "empty between": (replaced(2, lambda s: "\n"), "line 2 is empty; remove it"),
    "no bytes": (b"", "a.csv: has no rows"),
    "names alone": (lines(names=NAMES).splitlines()[0].encode(), "a.csv: has no rows"),
    "swapped without names": (
        lines(np.c_[IMAGES, LABELS]).encode(), "the last column holds every class and nothing else",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", BAD)
def test_what_cannot_be_read_is_refused_in_one_line(form, tmp_path):
    content, words = BAD[form]
    with pytest.raises(DataFault) as caught:
        read(content, tmp_path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_says_what_it_recognized(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(lines())
    (tmp_path / "b.csv").write_text(last())
    paths = [f"--from={tmp_path}/a.csv", f"--test={tmp_path}/b.csv", f"--to={tmp_path}/s"]
    assert main(["mlp-lab", "convert", *paths, "--dataset=mnist"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{tmp_path}/a.csv: no line of names; {FIRST}"
    assert said[1] == f"{tmp_path}/b.csv: line 1 has names; {LAST}, 'class'"
    found = load("mnist", data_dir=tmp_path / "s", say=lambda _: None)
    np.testing.assert_array_equal(found.x_test.reshape(-1, 784), IMAGES)
    np.testing.assert_array_equal(found.y_test, LABELS)

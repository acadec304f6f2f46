"""`mlp-lab report`: one HTML file that needs nothing else."""

import html.parser
import itertools
import json
import re
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlp_lab.__main__ import main
from mlp_lab.trained import report, svg

_VOID = {"meta", "line", "rect", "circle", "polyline", "br"}


class Page(html.parser.HTMLParser):
    """Checks that elements are closed in order; collects names of elements and texts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.texts = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload", "onclick"}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_report_is_one_file_that_needs_nothing_else(trained, tmp_path):
    path = report(trained, tmp_path / "report.html", say=lambda text: None)
    text = path.read_text()
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.seen)
    assert not re.search(r"https?:|url\(|@import", text)
    record = json.loads((trained / "run.json").read_text())
    for shown in ("Learning curves", "Confusion and calibration", "hidden_1/kernel",
                  record["data"]["sha256"]["x_train"], record["versions"]["keras"],
                  "Ankle boot", "--flagfile="):  # fmt: skip
        assert shown in text
    assert page.seen.count("svg") >= 7
    assert "prefers-color-scheme:dark" in text
    assert "@media print" in text


def test_an_unfinished_run_with_a_strange_name(interrupted, tmp_path, capsys):
    folder = tmp_path / "<b>a&'b"
    shutil.copytree(interrupted, folder)
    assert main(["mlp-lab", "report", str(folder)]) == 0
    text = (folder / "report.html").read_text()
    assert "<b>" not in text
    assert "interrupted" in text
    Page(text)
    for name in ("run.json", "evaluation.json"):  # a stranger's files
        (folder / name).write_text('{"metrics": 3, "config": [], "history": {"a": [1]}}')
    assert main(["mlp-lab", "report", str(folder)]) == 0
    capsys.readouterr()
    assert main(["mlp-lab", "report", str(folder), f"--out={tmp_path}"]) == 2
    assert "is a folder" in capsys.readouterr().err
    assert main(["mlp-lab", "report", str(folder), f"--out={tmp_path}/no/x.html"]) == 2
    assert "cannot be written" in capsys.readouterr().err
    assert main(["mlp-lab", "report"]) == 2


number = st.floats(-1e12, 1e12)


@given(number, st.floats(0, 1e12))
def test_ticks_enclose_and_are_few(low, width):
    found = svg.ticks(low, low + width)
    slack = 1e-6 * max(abs(low), width, 1e-12)
    assert found[0] <= low + slack
    assert found[-1] >= low + width - slack
    assert 2 <= len(found) <= 8
    assert all(a < b for a, b in itertools.pairwise(found))


def test_curves_of_nothing_and_of_nan():
    assert svg.curves("a", {}, "x") == ""
    nan = np.array([np.nan, np.inf])
    assert svg.curves("a", {"b": (np.arange(2.0), nan)}, "x") == ""
    Page(svg.curves("a", {"<b>": (np.arange(3.0), np.array([1.0, np.nan, 1.0]))}, "x"))


@pytest.mark.parametrize("classes", [2, 10, 60])
def test_matrices_of_any_size(classes):
    Page(svg.matrix("m", np.eye(classes, dtype=int) * 3, [f"class & {i}" for i in range(classes)]))

"""The commands of README and docs are commands; their code is run by test_docs.py."""

import re
import shlex
import textwrap

import pytest
from process import ROOT, train

from mlp_lab import commands
from mlp_lab.options import flags

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMAND_LINE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
PAGES = [
    "README.md",
    "README.zh-CN.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]


def test_own_model_trains_from_the_command_line(tmp_path):
    (tmp_path / "linear.py").write_text(BLOCKS[0])
    done = train(
        "--model=linear:Linear", "--data_source=sample", "--epochs=1",
        home=tmp_path, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "register_keras_serializable" not in done.stdout  # README's class is registered
    (folder,) = tmp_path.glob("logs/*")
    assert (folder / "model.keras").exists()
    # What docs/command_line.md says a run leaves, all of it and nothing else.
    (listing,) = re.findall(r"^    logs/NAME/\n((?:      .*\n)+)", COMMAND_LINE, re.MULTILINE)
    told = re.findall(r"^      ([a-z]\S+)  ", listing, re.MULTILINE)
    left = [path.name + "/" * path.is_dir() for path in folder.iterdir()]
    left = [re.sub(r"^(events\.out)\..*", r"\1...", name) for name in left]
    assert sorted(told) == sorted([*left, "non_finite/"])


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_readable(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"(?:train\.py|mlp-lab)( [a-z]+)?((?: --(?:'[^']*'|[^\s`'])+)+)", text)
    found += [("", line) for line in re.findall(r"^\| `(--[^`]*)` \|", text, re.MULTILINE)]
    least = {"README.md": 2, "docs/command_line.md": 14, "docs/scaling.md": 5}
    assert len(found) >= least.get(page, 0)
    for name, line in found:
        line = re.sub(r"=N\b", "=1", line.replace("=configs", f"={ROOT}/configs"))
        if "NAME" not in line and "help" not in line:
            assert flags.parse(shlex.split(line), commands.load(name.strip() or "train").options)


def test_commands_are_all_told():
    told = re.findall(r"^\| `([a-z_]+)` \|", COMMAND_LINE, re.MULTILINE)
    assert sorted(told) == sorted(commands.names())


def test_start_and_test_commands_stand_as_promised():
    code = textwrap.dedent("\n".join(re.findall(r"^    (.*)$", README, re.MULTILINE)))
    assert "pip install . && python train.py --flagfile=configs/fashion_mnist.flags" in code
    assert 'pip install ".[dev]" && python -m pytest' in code


def anchors(text):
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_files_it_names_exist(page):
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


# What no translation changes: code, commands, tags of files, links and measured figures.
SAME = {
    "code": r"^```python\n(.*?)^```",
    "commands": r"`([^`\n]*--[^`\n]*|python [^`\n]*)`",
    "pasted commands": r"^    ((?:pip|tensorboard|python) .*)$",
    "links": r"\]\(([^)]+)\)",
    "accuracies": r"\b(0\.\d{3,4})\b",
    "versions": r"\b(\d+\.\d+\.\d+|20\d\d-\d\d-\d\d)\b",
}


@pytest.mark.parametrize("kind", SAME)
def test_translation_says_the_same(kind):
    translated = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    options = re.MULTILINE | (re.DOTALL if kind == "code" else 0)
    both = [re.findall(SAME[kind], text, options) for text in (README, translated)]
    if kind == "links":
        both = [[link for link in found if not link.startswith("README")] for found in both]
    assert both[0] == both[1] != []


def test_design_names_files_that_exist():
    """A name without a folder is in the folder of the file before it."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text[text.index("## Where to find what") : text.index("## Rooms")]
    cells = re.findall(r"^\|[^|]*\|(.*)\|$", table, re.MULTILINE)[2:]
    assert len(cells) > 40
    for cell in cells:
        folder = ROOT
        for name in re.findall(r"`([a-z_/]+(?:\.py|/))`", cell):
            path = ROOT / name if "/" in name else folder / name
            assert path.exists(), f"{name} in {cell}"
            folder = path.parent

"""README's commands are commands; its code is run by test_docs.py."""

import re
import shlex
import textwrap

import pytest
from process import ROOT, train

from mlp_lab.options import flags

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_own_model_trains_from_the_command_line(tmp_path):
    (tmp_path / "linear.py").write_text(BLOCKS[0])
    done = train(
        "--model=linear:Linear", "--data_source=sample", "--epochs=1",
        home=tmp_path, entry=(str(ROOT / "train.py"),), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "register_keras_serializable" not in done.stdout  # README's class is registered
    assert list(tmp_path.glob("logs/*/model.keras"))


def test_commands_are_readable():
    commands = re.findall(r"python train\.py((?: --[^\s`]+)+)", README)
    commands += re.findall(r"^\| `(--[^`]*)` \|", README, re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        if "NAME" not in command and "help" not in command:
            assert flags.parse(shlex.split(command.replace("=configs", f"={ROOT}/configs")))


def test_start_and_test_commands_stand_as_promised():
    code = textwrap.dedent("\n".join(re.findall(r"^    (.*)$", README, re.MULTILINE)))
    assert "pip install . && python train.py --flagfile=configs/fashion_mnist.flags" in code
    assert 'pip install ".[dev]" && python -m pytest' in code


PAGES = [
    "README.md",
    "README.zh-CN.md",
    *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
]


@pytest.mark.parametrize("page", PAGES)
def test_files_it_names_exist(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link


# What no translation changes: code, commands, tags of files, links and measured figures.
SAME = {
    "code": r"^```python\n(.*?)^```",
    "commands": r"`([^`\n]*--[^`\n]*|python [^`\n]*)`",
    "pasted commands": r"^    ((?:pip|tensorboard|python) .*)$",
    "links": r"\]\(([^)]+)\)",
    "accuracies": r"\b(0\.\d{3,4})\b",
    "versions": r"\b(\d+\.\d+\.\d+|20\d\d-\d\d-\d\d)\b",
    "files of a run": r"^      ([a-z]\S+)  ",
}


@pytest.mark.parametrize("kind", SAME)
def test_translation_says_the_same(kind):
    translated = (ROOT / "README.zh-CN.md").read_text(encoding="utf-8")
    options = re.MULTILINE | (re.DOTALL if kind == "code" else 0)
    both = [re.findall(SAME[kind], text, options) for text in (README, translated)]
    if kind == "links":
        both = [[link for link in found if not link.startswith("README")] for found in both]
    assert both[0] == both[1] != []

"""README's commands are commands; its code is run by test_docs.py."""

import re
import shlex
import textwrap

import pytest
from process import ROOT, train

from mlp_lab import flags

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


PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_files_it_names_exist(page):
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        assert ((ROOT / page).parent / link).exists(), link

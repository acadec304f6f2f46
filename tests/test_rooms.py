"""The structure of the code: which part may import which, and what no part may do."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from process import ROOT

from mlp_lab import commands

# Lowest first: a module imports only what stands in an earlier row, or its own room.
ROOMS = [
    ["errors"],
    ["display", "folders", "precision_recall", "quiet", "regular", "standard_streams"],
    ["tasks"],
    ["data", "writers", "checkpoints"],
    ["tables"],
    ["user_data"],
    ["activations", "initializers", "losses", "optimizers", "learning_rates", "options"],
    ["layers", "metrics", "engine"],
    ["models"],
    ["pictures"],
    ["probes", "schedules", "search"],
    ["diagnosis"],
    ["callbacks"],
    ["runs"],
    ["training", "testing"],
    ["sweeps", "trained"],
    ["commands"],
    ["__main__"],
    ["train"],
]
# Where 0.1 had what is in options/ now; nothing here imports from them.
OLD = (("mlp_lab", "config.py"), ("mlp_lab", "flags.py"))
# Each has a test that notices when it changes.
PRIVATE = {"mlp_lab/checkpoints/memory.py": {"keras.src.backend.common.global_state"}}
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
FILES = [ROOT / "train.py", *sorted((ROOT / "mlp_lab").rglob("*.py"))]


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).parts
    if parts in OLD or path.name == "__main__.py":
        return "__main__"
    return parts[len(parts) > 1].removesuffix(".py")


def imported(tree: ast.AST) -> set[str]:
    """Full names of everything a file imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward(path):
    own = room(path)
    if own == "__init__":
        return
    for name in imported(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "mlp_lab" or len(parts) == 1 or parts[1] == "__version__":
            continue
        assert parts[1] in RANK, f"{name}: add the room to ROOMS"
        assert parts[1] == own or RANK[parts[1]] < RANK[own], f"{own} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_library_code(path):
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says what it is"
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), "raise, do not assert"
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree)), "no globals"
    for name in imported(tree) - PRIVATE.get(str(path.relative_to(ROOT)), set()):
        assert not name.startswith("keras.src"), f"{name}: Keras' private modules may change"
    assert len(text.splitlines()) <= 300, "one concept per file"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 60, f"{node.name} has {lines} lines: split it by stage or by concept"


def test_only_the_entry_point_reads_flags():
    readers = [
        room(p) for p in FILES if "mlp_lab.options.flags" in imported(ast.parse(p.read_text()))
    ]
    # training and sweeps write flags.txt and sweep.flags, and read them again; runs reads them.
    assert set(readers) <= {"__main__", "options", "training", "sweeps", "runs"}


# What answers `--help` and mistakes; and what may be imported to read options.
LIGHT = ["mlp_lab", "mlp_lab.options.flags", "mlp_lab.options.help", "mlp_lab.__main__"]


@pytest.mark.parametrize("name", [*LIGHT, *(f"mlp_lab.commands.{c}" for c in commands.names())])
def test_options_and_commands_need_no_tensorflow(name):
    script = f"import sys, {name}; sys.exit(bool({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0

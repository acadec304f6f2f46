"""The structure of the code: which part may import which, and what no part may do."""

import ast
from pathlib import Path

import pytest
from process import ROOT

# Lowest first: a module imports only what stands in an earlier row, or its own room.
ROOMS = [
    ["display", "errors", "quiet"],
    ["data", "writers", "checkpoints"],
    ["activations", "initializers", "losses", "optimizers", "learning_rates", "options"],
    ["layers", "metrics", "engine"],
    ["models"],
    ["pictures"],
    ["probes", "schedules"],
    ["callbacks"],
    ["training", "testing"],
    ["__main__"],
]
# Each has a test that notices when it changes.
PRIVATE = {"mlp_lab/checkpoints/state.py": {"keras.src.backend.common.global_state"}}
RANK = {room: rank for rank, rooms in enumerate(ROOMS) for room in rooms}
FILES = sorted((ROOT / "mlp_lab").rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(ROOT / "mlp_lab").parts[0].removesuffix(".py")


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
    assert len(text.splitlines()) <= 350, "one concept per file"


def test_only_the_entry_point_reads_flags():
    readers = [
        room(p) for p in FILES if "mlp_lab.options.flags" in imported(ast.parse(p.read_text()))
    ]
    assert set(readers) <= {"__main__", "training"}  # training writes flags.txt

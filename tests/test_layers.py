"""The layers of the house: imports go downwards only, and spaces import what ZeroGPU needs first."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "shared").rglob("*.py"))
APPS = [ROOT / "app.py", *sorted((ROOT / "spaces").glob("*/app.py"))]
WINGS = {"recognition", "edges", "retrieval", "crossmodal", "translation", "restyle"}

# From a room of `shared` to the rooms that it may import besides itself.
BELOW = {
    "networks": set(),
    "core": {"networks"},
    "index": {"core"},
    "gallery": {"core", "index"},
    "evaluation": {"core", "networks"},
    "training": {"core", "networks"},
    "publishing": {"core", "networks", "evaluation"},
    "ui": {"core", "gallery", "publishing"},
}
BELOW |= {wing: {*BELOW, "ui"} for wing in WINGS}


def imported(path):
    """Names of all modules that a file imports, wherever in the file, from top to bottom."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: say where from, in place of dots"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path):
    room = path.relative_to(ROOT / "shared").parts[0]
    for name in imported(path):
        first, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if first == "shared" and path.parent.name != "shared":
            assert other == room or other in BELOW[room], f"{room} must not import {name}"
        if first == "spaces":  # Hugging Face's package, which only the door for devices uses
            assert path == ROOT / "shared/core/devices.py"
        assert first not in ("app", "tests")


@pytest.mark.parametrize("path", APPS, ids=lambda path: str(path.relative_to(ROOT)))
def test_zero_gpu_comes_first(path):
    """Hugging Face's `spaces` must come before torch, so before all but the standard library."""
    names = list(imported(path))
    others = [
        name for name in names if name.partition(".")[0] in ("gradio", "torch", "shared", "PIL", "numpy")
    ]
    assert "spaces" in names
    assert names.index("spaces") < names.index(others[0])


def test_spaces_is_no_package():
    assert not (ROOT / "spaces" / "__init__.py").exists()


@pytest.mark.parametrize("path", APPS[1:], ids=lambda path: path.parent.name)
def test_apps_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 150

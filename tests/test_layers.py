"""Architecture: dependencies point down, nothing imports in a circle, and folders stay small."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted((ROOT / "shared").rglob("*.py"))
APPS = [ROOT / "app.py", *sorted((ROOT / "spaces").glob("*/app.py"))]
CAPABILITIES = {
    path.parent.name for path in ROOT.glob("shared/*/engines.py") if path.parent.name not in ("core", "ui")
}
MAX_MODULES = 16

#: Packages of `shared` that each package may import besides itself.
DEPENDENCIES = {
    "networks": set(),
    "core": {"networks"},
    "index": {"core"},
    "gallery": {"core", "index"},
    "evaluation": {"core", "networks"},
    "training": {"core", "evaluation", "networks"},
    "matting": {"core", "evaluation", "networks", "training"},
    "publishing": {"core", "evaluation", "networks"},
    "ui": {"core", "gallery", "index", "publishing"},
}
DEPENDENCIES |= {capability: {*DEPENDENCIES} for capability in CAPABILITIES}
DEPENDENCIES["speed"] = {*DEPENDENCIES}
DEPENDENCIES["catalogue"] = {*DEPENDENCIES} - {"speed"}
#: Above the two capabilities by which photos of a library are searched, below all pages.
DEPENDENCIES["library"] = {"core", "crossmodal", "evaluation", "gallery", "index", "retrieval", "ui"}
DEPENDENCIES["cli"] = {*DEPENDENCIES}

#: Calls that read files or import modules by name, which networks must not do.
FILE_CALLS = {
    "open",
    "load",
    "load_file",
    "safe_open",
    "read_text",
    "read_bytes",
    "fromfile",
    "loadtxt",
    "memmap",
}
IMPORT_CALLS = {"__import__", "import_module", "find_spec", "spec_from_file_location"}


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path) -> Iterator[str]:
    """Return the names that a file imports anywhere, from top to bottom."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    for node in sorted(nodes, key=lambda node: getattr(node, "lineno", 0)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: use absolute imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def called_names(path: Path) -> set[str]:
    """Return the last part of the names of all called functions."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}


def import_graph() -> dict[str, set[str]]:
    """Return the modules that each module of `shared` imports, those under TYPE_CHECKING included."""
    names = {name_of(path) for path in MODULES}
    graph = {}
    for path in MODULES:
        targets = {name if name in names else name.rpartition(".")[0] for name in imports(path)}
        graph[name_of(path)] = (targets & names) - {name_of(path)}
    return graph


def find_cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the nodes of one cycle in a directed graph, in order; none if it has no cycle.

    >>> find_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}})
    ['b', 'c', 'b']
    """
    finished: set[str] = set()
    path: list[str] = []

    def visit(node: str) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in finished:
            return []
        path.append(node)
        for target in sorted(graph[node]):
            cycle = visit(target)
            if cycle:
                return cycle
        finished.add(path.pop())
        return []

    return next((cycle for node in sorted(graph) if (cycle := visit(node))), [])


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_dependencies_point_down(path):
    package = path.relative_to(ROOT / "shared").parts[0]
    for name in imports(path):
        root, _, remaining = name.partition(".")
        target = remaining.partition(".")[0]
        if root == "shared" and path.parent.name != "shared":
            assert target == package or target in DEPENDENCIES[package], f"{package} must not import {name}"
        if root == "spaces":  # Hugging Face's package, which only `shared.core.devices` uses
            assert path == ROOT / "shared/core/devices.py"
        assert root not in ("app", "tests")


def test_there_are_no_import_cycles():
    assert find_cycle(import_graph()) == []


@pytest.mark.parametrize("path", [path for path in MODULES if "networks" in path.parts], ids=name_of)
def test_networks_read_no_files_and_import_nothing_by_name(path):
    assert not called_names(path) & {*FILE_CALLS, *IMPORT_CALLS}
    assert not {"importlib", "pathlib", "safetensors"} & {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("path", [*MODULES, *APPS], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_object_is_named_by_a_string(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    texts = (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))
    assert not [text for text in texts if re.fullmatch(r"shared(\.\w+)+:\w+", text)]


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in MODULES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_folders_stay_small(folder):
    assert len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) <= MAX_MODULES


@pytest.mark.parametrize("path", APPS, ids=lambda path: str(path.relative_to(ROOT)))
def test_zero_gpu_is_imported_first(path):
    """Hugging Face's `spaces` must come before torch, so before all but the standard library."""
    names = list(imports(path))
    later = [
        name for name in names if name.partition(".")[0] in ("gradio", "torch", "shared", "PIL", "numpy")
    ]
    assert "spaces" in names
    assert names.index("spaces") < names.index(later[0])


def test_spaces_is_no_package():
    """A package named `spaces` would hide Hugging Face's."""
    assert not list((ROOT / "spaces").rglob("__init__.py"))


@pytest.mark.parametrize("path", APPS[1:], ids=lambda path: path.parent.name)
def test_apps_stay_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) < 150

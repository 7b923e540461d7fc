"""A space's folder as Hugging Face gets it: README settings, requirements, and a run of the upload."""

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest
from gradio_client import Client
from huggingface_hub import metadata_load
from PIL import Image

from shared.publishing import upload
from shared.ui.sample_images import GALLERY_SAMPLES, SAMPLES

ROOT = Path(__file__).resolve().parents[2]
SPACES = sorted(path.parent for path in (ROOT / "spaces").glob("*/app.py"))
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
SETTINGS = {
    *("title", "emoji", "short_description", "license", "tags", "models", "datasets", "thumbnail", "pinned"),
    *("sdk", "sdk_version", "python_version", "app_file", "colorFrom", "colorTo", "suggested_hardware"),
    "preload_from_hub",
}
#: Installed by Hugging Face; naming them breaks its resolution.
PLATFORM = {"gradio", "spaces", "huggingface-hub"}
#: Packages that other packages need without depending on them.
OPTIONAL = {
    "transformers": {"torchvision"},  # its image processors
    "diffusers": {"accelerate"},  # its moves of one network at a time to a small GPU
}

pytestmark = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)


def package_name(requirement):
    """Return the normalised name of the package that a requirement asks for."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def package_names(requirements):
    return {package_name(requirement) for requirement in requirements}


def dependencies(package):
    return package_names(line for line in requires(package) if "extra ==" not in line)


def required(space):
    return package_names((space / "requirements.txt").read_text().split())


#: Package that a space imports only where IMAGE_SPACES_LIBRARY names a library; it needs the extra `scale`.
PHOTO_LIBRARY = "shared.library"


def imported_modules(path):
    """Yield the names of all modules that a file imports at run time."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    conditions = (node for node in ast.walk(tree) if isinstance(node, ast.If))
    type_checks = [node for node in conditions if ast.unparse(node.test) == "TYPE_CHECKING"]
    skipped = {child for node in type_checks for statement in node.body for child in ast.walk(statement)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def source_files(module):
    """Yield the files of a module of this project and of the packages around it."""
    path = ROOT
    for part in module.split("."):
        path = path / part
        yield from (file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file())


def imported_packages(space):
    """Return the packages that a space imports, also through `shared`, and those of the sample photos."""
    distributions = packages_distributions()
    modules = {sample.package for sample in (*SAMPLES, *GALLERY_SAMPLES)}
    open_files, files = [space / "app.py"], set()
    while open_files:
        file = open_files.pop()
        if file in files:
            continue
        files.add(file)
        for module in imported_modules(file):
            if module.startswith(PHOTO_LIBRARY):
                continue
            if module.startswith("shared."):
                open_files.extend(source_files(module))
            else:
                modules.add(module.partition(".")[0])
    return package_names(
        distributions.get(module, [module])[0] for module in modules - sys.stdlib_module_names
    )


def test_front_matter(space):
    settings = metadata_load(space / "README.md")
    assert set(settings) <= SETTINGS
    assert settings["sdk"] == "gradio"
    pin = re.search(r"^gradio==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert settings["sdk_version"] == pin[1]
    assert settings["python_version"] == "3.12"  # ZeroGPU has 3.10 too, which diffusers does not support
    assert (space / settings["app_file"]).is_file()
    assert {settings["colorFrom"], settings["colorTo"]} <= COLORS
    assert 0 < len(settings["short_description"]) <= 60
    assert len(settings["emoji"].rstrip("\N{VARIATION SELECTOR-16}")) == 1
    assert "mcp-server" in settings["tags"]
    assert settings["license"] == "apache-2.0"
    assert settings["suggested_hardware"] in ("cpu-basic", "cpu-upgrade", "zero-a10g")
    assert settings["models"]
    for repository in [*settings["models"], *settings.get("datasets", [])]:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", repository)
    for entry in settings.get("preload_from_hub", []):  # repository, files, and a commit, which cannot change
        assert re.fullmatch(r"[\w.-]+/[\w.-]+ \S+ [0-9a-f]{40}", entry)


def test_an_upload_has_a_picture(space, tmp_path):
    """A page that links to the Space shows it: one of the README's pictures, from the Space itself."""
    upload.assemble_space(space.name, tmp_path / "space", f"somebody/{space.name}")
    settings = metadata_load(tmp_path / "space" / "README.md")
    address = f"https://huggingface.co/spaces/somebody/{space.name}/resolve/main/preview.png"
    assert settings["thumbnail"] == address
    with Image.open(tmp_path / "space" / "preview.png") as picture:
        assert picture.width >= 600
    original = metadata_load(space / "README.md")
    assert {**original, "models": settings["models"], "thumbnail": address} == settings


def test_no_example_is_computed_at_the_start(space):
    """Examples fill inputs and nothing else, so there is nothing to cache, on a GPU or without."""
    for path in (space / "app.py", *(ROOT / "shared").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("gr.Examples", "Examples"):
                assert not {"fn", "cache_examples"} & {keyword.arg for keyword in node.keywords}, path
                assert len(node.args) <= 2, path


def test_requirements_leave_the_platform_alone(space):
    assert not required(space) & PLATFORM


def test_requirements_name_the_imported_packages(space):
    """Every package that the space imports, unless Gradio or the platform brings it, and no other."""
    imported = imported_packages(space)
    optional = {name for package in imported for name in OPTIONAL.get(package, ())}
    assert imported - dependencies("gradio") - PLATFORM <= required(space)
    assert required(space) <= imported | optional
    for name in required(space):
        assert version(name), f"{name} is not installed with Python {sys.version_info[:2]}"


def test_requirements_have_the_versions_of_the_project(space):
    project = {line.partition(";")[0].strip() for line in requires("image-spaces")}
    assert set((space / "requirements.txt").read_text().split()) <= project


def test_there_are_no_large_files(space):
    for path in space.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.stat().st_size < 200_000, path


def test_the_upload_runs_by_itself(space, start_server, tmp_path):
    """The assembled folder, started with Gradio's settings as on Hugging Face."""
    upload.assemble_space(space.name, tmp_path / "space")
    server = start_server(app=tmp_path / "space" / "app.py")
    endpoints = Client(server.url, verbose=False).view_api(return_format="dict")["named_endpoints"]
    name, parameters = next((name, endpoint["parameters"]) for name, endpoint in endpoints.items())
    with server.http() as http:
        assert http.get("/gradio_api/mcp/schema").status_code == 200
        assert http.get("/config").json()["show_error"] is False
        secret = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
        call = http.post(f"/gradio_api/call/v2{name}", json={parameters[0]["parameter_name"]: secret})
        if call.status_code == 200:  # the endpoint takes a file, and must not read this one
            event = call.json()["event_id"]
            assert "event: error" in http.get(f"/gradio_api/call{name}/{event}").text
        else:
            assert call.status_code == 422
    assert server.stop() == 0

"""A space's folder is what Hugging Face gets: its README's settings and its requirements must be right."""

import re
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from gradio_client import Client
from huggingface_hub import metadata_load

from shared.publishing import upload

ROOT = Path(__file__).resolve().parents[2]
SPACES = sorted(path.parent for path in (ROOT / "spaces").glob("*/app.py"))
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
KNOWN = {
    *("title", "emoji", "short_description", "license", "tags", "models", "datasets", "thumbnail", "pinned"),
    *("sdk", "sdk_version", "python_version", "app_file", "colorFrom", "colorTo", "suggested_hardware"),
}
PLATFORM = {
    "gradio",
    "spaces",
    "huggingface-hub",
}  # installed by Hugging Face; naming them breaks its resolution

pytestmark = pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def names(lines):
    return {normal(re.match(r"[\w.-]+", line)[0]) for line in lines}


def required(space):
    return names((space / "requirements.txt").read_text().split())


def dependencies(package):
    return names(line for line in requires(package) if "extra ==" not in line)


def test_front_matter(space):
    settings = metadata_load(space / "README.md")
    assert set(settings) <= KNOWN
    assert settings["sdk"] == "gradio"
    pin = re.search(r"^gradio==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert settings["sdk_version"] == pin[1]
    assert settings["python_version"] in ("3.10", "3.12")  # what ZeroGPU has
    assert (space / settings["app_file"]).is_file()
    assert {settings["colorFrom"], settings["colorTo"]} <= COLORS
    assert 0 < len(settings["short_description"]) <= 60
    assert len(settings["emoji"].rstrip("\N{VARIATION SELECTOR-16}")) == 1
    assert "mcp-server" in settings["tags"]
    assert settings["license"] == "apache-2.0"


def test_requirements_leave_the_platform_alone(space):
    assert not required(space) & PLATFORM


def test_requirements_are_those_of_the_project(space):
    """Every package that the project itself asks for is asked for here, unless Gradio brings it."""
    project = {
        normal(re.match(r"[\w.-]+", line)[0]) for line in requires("image-spaces") if "extra ==" not in line
    }
    brought = {normal(re.match(r"[\w.-]+", line)[0]) for line in requires("gradio") if "extra ==" not in line}
    assert project - brought - PLATFORM <= required(space)
    for name in required(space):
        assert version(name), f"{name} is not installed with Python {sys.version_info[:2]}"


def test_no_secrets_and_no_large_files(space):
    for path in space.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert path.stat().st_size < 200_000, path


def test_a_space_runs_by_itself(space, start_server, tmp_path):
    """As on Hugging Face: the folder that is uploaded, started with Gradio's own settings."""
    upload.assemble_space(space.name, tmp_path / "space")
    server = start_server(app=tmp_path / "space" / "app.py")
    name, *_ = Client(server.url, verbose=False).view_api(return_format="dict")["named_endpoints"]
    with server.http() as http:
        assert http.get("/gradio_api/mcp/schema").status_code == 200
        assert http.get("/config").json()["show_error"] is False
        secret = {"path": str(ROOT / "pyproject.toml"), "meta": {"_type": "gradio.FileData"}}
        number = http.post(f"/gradio_api/call{name}", json={"data": [secret]}).json()["event_id"]
        assert "event: error" in http.get(f"/gradio_api/call{name}/{number}").text
    assert server.stop() == 0

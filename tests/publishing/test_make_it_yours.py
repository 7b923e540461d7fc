"""Commands of docs/make-it-yours.md and of the README, run against a local Hub."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants, metadata_load

from shared.core import weights
from shared.publishing import upload
from shared.publishing.assemble import assemble_space
from tests.core.hub_server import running

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "make-it-yours.md", ROOT / "README.md"]
USER = "somebody"


def commands(page):
    """Return the commands of a page that change the Hub, with a user in place of "you"."""
    lines = re.findall(r"(?:hf repos|python -m shared\.publishing\.upload) [^`\n#]+", page.read_text())
    return [
        shlex.split(line.replace("you/", f"{USER}/").replace("--to you", f"--to {USER}")) for line in lines
    ]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Local Hub, on which the Spaces of the project are already."""
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with running() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        assemble_space("edges", tmp_path / "edges")
        upload.upload(tmp_path / "edges", f"{weights.HUB_ORG}/edges", space=True)
        yield server


def run(command, hub, monkeypatch):
    if command[0] == "hf":
        hf = Path(sys.executable).with_name("hf")
        environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": "hf_none"}
        subprocess.run([hf, *command[1:]], env=environment, check=True, capture_output=True)
        return
    monkeypatch.setattr(sys, "argv", command[2:])
    upload.main()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_do_what_the_page_says(page, hub, monkeypatch):
    found = commands(page)
    assert found
    for command in found:
        run(command, hub, monkeypatch)
    mine = {(kind, name) for kind, name in hub.repositories if name.startswith(f"{USER}/")}
    assert ("spaces", f"{USER}/edges") in mine
    folders = {path.parent.name for path in (ROOT / "weights").glob("*/config.json")}
    assert {name.partition("/")[2] for kind, name in mine if kind == "models"} == folders
    spaces = {path.parent.name for path in (ROOT / "spaces").glob("*/app.py")}
    assert {name.partition("/")[2] for kind, name in mine if kind == "spaces"} == {*spaces, "image-spaces"}


def test_a_duplicate_is_complete(hub, monkeypatch, tmp_path):
    """It has the files of the original, whose README needs no secret and no repository of somebody else's."""
    (command,) = (command for command in commands(PAGES[0]) if command[0] == "hf")
    run(command, hub, monkeypatch)
    files = hub.repositories["spaces", f"{USER}/edges"].files
    assert files == hub.repositories["spaces", f"{weights.HUB_ORG}/edges"].files
    (tmp_path / "README.md").write_bytes(files["README.md"])
    for model in metadata_load(tmp_path / "README.md")["models"]:
        assert f"weights/{model.partition('/')[2]}/model.safetensors" in files
    assert not [path for path, data in files.items() if path.endswith("app.py") and b"secret" in data.lower()]

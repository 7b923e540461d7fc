"""Upload: a repository holds the files of a Space and its dependencies, and an assembled Space runs alone."""

import re
import subprocess
import sys

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin, constants, metadata_load
from torch import nn

from shared.core import weights
from shared.publishing import upload as upload_module
from shared.publishing.upload import PublishError, assemble_space, assemble_suite, assemble_weights, upload
from tests.core.hub_server import running

SPACE = """---
title: {title}
emoji: ✏️
sdk: gradio
sdk_version: 6.31.0
python_version: "3.12"
app_file: app.py
short_description: About {title}
license: apache-2.0
tags: [mcp-server, {name}]
models: [{models}]
---

# {title}
"""

CARD = """---
license: apache-2.0
---

# {name}

[All](../../docs/results/{name}.md), [raw](results.json), [other](../unused/README.md).
"""

# It imports the package and finds the weights where the package looks for them.
APP = """
from pathlib import Path
from shared import ROOT
assert (ROOT / "weights" / "edges-net" / "model.safetensors").is_file()
demo = ROOT
"""


class Net(nn.Module, PyTorchModelHubMixin):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)


def write(path, text=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Create a small project: two Spaces, a package, and two weight folders of which one is used."""
    root = tmp_path / "project"
    monkeypatch.setattr(weights, "ROOT", root)
    monkeypatch.setattr(weights, "HUB_ORG", "image-spaces")
    write(root / "app.py", "# all spaces")
    write(root / "shared/__init__.py", "from pathlib import Path\nROOT = Path(__file__).parents[1]\n")
    write(root / "shared/core/deep.py")
    write(root / "shared/__pycache__/deep.pyc")
    write(root / "shared/.cache/secret")
    for name, models in {"edges": "image-spaces/edges-net, facebook/sam", "restyle": ""}.items():
        write(root / f"spaces/{name}/app.py", APP)
        write(root / f"spaces/{name}/README.md", SPACE.format(title=name.title(), name=name, models=models))
        write(root / f"spaces/{name}/requirements.txt", f"torch>=2.8\n{name}-only\n")
        write(root / f"spaces/{name}/__pycache__/app.pyc")
    for name in ("edges-net", "unused"):
        weights.save(Net(), name)
        write(root / f"weights/{name}/README.md", CARD.format(name=name))
        write(root / f"weights/{name}/results.json", "{}")
        write(root / f"docs/results/{name}.md", f"[The card](../../weights/{name}/README.md)\n")
        write(root / f"weights/{name}/.DS_Store")
    return root


@pytest.fixture
def fake_hub(monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with running() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield server


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


FILES = {"model.safetensors", "config.json", "SHA256SUMS", "README.md", "results.json"}
WEIGHTS = {f"weights/edges-net/{file}" for file in FILES}
PACKAGE = {"shared/__init__.py", "shared/core/deep.py"}
EDGES = {"app.py", "README.md", "requirements.txt", *PACKAGE, *WEIGHTS}


def test_a_space_contains_its_dependencies_and_no_other_file(project, tmp_path):
    assemble_space("edges", tmp_path / "out")
    assert files(tmp_path / "out") == EDGES
    assemble_space("restyle", tmp_path / "other")
    assert files(tmp_path / "other") == EDGES - WEIGHTS


def test_an_assembled_space_runs_alone(project, tmp_path):
    assemble_space("edges", tmp_path / "out")
    command = [sys.executable, "-c", "import app; print(app.demo)"]
    run = subprocess.run(command, cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.stderr) == (str(tmp_path / "out"), "")


def test_the_suite_holds_all_spaces(project, tmp_path):
    assemble_suite(tmp_path / "out")
    spaces = {
        f"spaces/{name}/{file}"
        for name in ("edges", "restyle")
        for file in ("app.py", "README.md", "requirements.txt")
    }
    assert files(tmp_path / "out") == EDGES | spaces
    assert (tmp_path / "out/app.py").read_text() == "# all spaces"
    assert (tmp_path / "out/requirements.txt").read_text() == "torch>=2.8\nedges-only\nrestyle-only\n"


def test_the_front_matter_of_the_suite(project, tmp_path):
    assemble_suite(tmp_path / "out")
    card = metadata_load(tmp_path / "out/README.md")
    assert card["title"] == "Image Spaces"
    assert (card["sdk"], card["sdk_version"], card["python_version"]) == ("gradio", "6.31.0", "3.12")
    assert (card["app_file"], card["license"]) == ("app.py", "apache-2.0")
    assert card["tags"] == ["mcp-server", "edges", "restyle"]
    assert card["models"] == ["image-spaces/edges-net", "facebook/sam"]
    assert len(card["short_description"]) <= 60  # the Hub refuses longer ones
    assert "- **Restyle**: About Restyle" in (tmp_path / "out/README.md").read_text()


def test_weights_as_a_model_repository(project, tmp_path):
    assemble_weights("edges-net", tmp_path / "out")
    assert files(tmp_path / "out") == {*FILES, "results.md"}


def test_links_of_a_card_lead_to_places_on_the_hub(project, tmp_path):
    assemble_weights("edges-net", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "[All](results.md), [raw](results.json)" in card
    assert "[other](https://huggingface.co/image-spaces/unused)" in card
    assert (tmp_path / "out/results.md").read_text() == "[The card](README.md)\n"


def test_weights_need_no_result_tables(project, tmp_path):
    (project / "docs/results/edges-net.md").unlink()
    assemble_weights("edges-net", tmp_path / "out")
    assert files(tmp_path / "out") == FILES


def test_an_unknown_space_is_an_error(project, tmp_path):
    with pytest.raises(PublishError, match="choose one of edges, restyle"):
        assemble_space("edge", tmp_path / "out")


def test_missing_weights_of_ours_are_an_error(project, tmp_path):
    readme = project / "spaces/restyle/README.md"
    readme.write_text(readme.read_text().replace("models: []", "models: [image-spaces/restyle-net]"))
    for assemble in (
        lambda: assemble_space("restyle", tmp_path / "a"),
        lambda: assemble_suite(tmp_path / "b"),
    ):
        with pytest.raises(PublishError, match="weights/restyle-net does not exist"):
            assemble()


def test_changed_weights_are_an_error(project, tmp_path):
    config = project / "weights/edges-net/config.json"
    config.write_text(config.read_text() + " ")
    for assemble, name in ((assemble_space, "edges"), (assemble_weights, "edges-net")):
        with pytest.raises(weights.WeightsError, match=r"config\.json is not the file that SHA256SUMS lists"):
            assemble(name, tmp_path / name)


def test_weights_without_a_licence_are_an_error(project, tmp_path):
    write(project / "weights/edges-net/README.md", "# Net\n")
    with pytest.raises(PublishError, match="names no license"):
        assemble_weights("edges-net", tmp_path / "out")


def test_a_space_is_created_and_uploaded_as_one_commit(project, tmp_path, fake_hub):
    assemble_space("edges", tmp_path / "edges")
    url = upload(tmp_path / "edges", "me/drawings", space=True)
    space = fake_hub.repositories["spaces", "me/drawings"]
    assert url == f"{fake_hub.endpoint}/spaces/me/drawings/tree/{space.sha}"
    assert (space.created["type"], space.created["sdk"]) == ("space", "gradio")
    assert set(space.files) == EDGES
    stored = (project / "weights/edges-net/model.safetensors").read_bytes()
    assert space.files["weights/edges-net/model.safetensors"] == stored
    assert sum("/commit/" in request for request in fake_hub.requests) == 1


def test_a_second_upload_removes_missing_files(project, tmp_path, fake_hub):
    space = fake_hub.add("me/drawings", {"old.py": b"old", "app.py": b"old"}, "spaces")
    assemble_space("edges", tmp_path / "edges")
    upload(tmp_path / "edges", "me/drawings", space=True)
    assert set(space.files) == EDGES
    assert space.files["app.py"] == APP.encode()


def test_a_second_upload_of_the_same_files_sends_nothing(project, tmp_path, fake_hub):
    assemble_space("edges", tmp_path / "edges")
    url = upload(tmp_path / "edges", "me/drawings", space=True)
    fake_hub.requests.clear()
    assert upload(tmp_path / "edges", "me/drawings", space=True) == url
    assert not [request for request in fake_hub.requests if "/commit/" in request or "PUT" in request]


def test_an_upload_sends_only_what_is_new(project, tmp_path, fake_hub):
    assemble_space("edges", tmp_path / "edges")
    upload(tmp_path / "edges", "me/drawings", space=True)
    (tmp_path / "edges/app.py").write_text("# new")
    fake_hub.requests.clear()
    upload(tmp_path / "edges", "me/drawings", space=True)
    assert not [request for request in fake_hub.requests if "PUT" in request]
    assert fake_hub.repositories["spaces", "me/drawings"].files["app.py"] == b"# new"


def test_weights_are_a_model_repository_that_loads(project, tmp_path, fake_hub, monkeypatch):
    template = fake_hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assemble_weights("edges-net", tmp_path / "out")
    assert upload(tmp_path / "out", "me/net", space=False).startswith(f"{fake_hub.endpoint}/me/net/tree/")
    assert ("models", "me/net") in fake_hub.repositories
    loaded = weights.load(Net, "me/net", allow_hub=True)
    embedded = weights.load(Net, "edges-net")
    assert torch.equal(loaded.layer.weight, embedded.layer.weight)


def test_an_unreachable_hub_is_an_error(project, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(PublishError, match="cannot be reached"):
        upload(tmp_path, "me/net", space=False)


@pytest.mark.parametrize("name", ["no owner/a/b", "me/two words"])
def test_a_refused_name_is_an_error(tmp_path, fake_hub, name):
    with pytest.raises(PublishError, match=f"The Hub refuses {name}"):
        upload(tmp_path, name, space=True)
    assert fake_hub.repositories == {}


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["publish", *map(str, arguments)])
    upload_module.main()


@pytest.mark.parametrize(
    ("arguments", "kind", "count"),
    [
        (["space", "edges"], "spaces", len(EDGES)),
        (["suite"], "spaces", len(EDGES) + 6),
        (["weights", "edges-net"], "models", 6),
    ],
)
def test_the_commands(project, fake_hub, monkeypatch, capsys, arguments, kind, count):
    run(monkeypatch, *arguments, "--to", "me/it")
    assert len(fake_hub.repositories[kind, "me/it"].files) == count
    assert re.search(r"/me/it/tree/[0-9a-f]{40}$", capsys.readouterr().out.strip())


def test_one_command_publishes_everything_and_keeps_it_in_step(project, fake_hub, monkeypatch, capsys):
    run(monkeypatch, "all", "--to", "me")
    models, spaces = ("edges-net", "unused"), ("edges", "image-spaces", "restyle")
    names = {*(("models", f"me/{name}") for name in models), *(("spaces", f"me/{name}") for name in spaces)}
    assert set(fake_hub.repositories) == names
    lines = capsys.readouterr().out
    assert len(lines.splitlines()) == len(names)
    fake_hub.requests.clear()
    run(monkeypatch, "all", "--to", "me")
    assert capsys.readouterr().out == lines
    assert not [request for request in fake_hub.requests if "/commit/" in request or "PUT" in request]
    write(project / "spaces/edges/app.py", "# changed")
    run(monkeypatch, "all", "--to", "me")
    assert sum("/commit/" in request for request in fake_hub.requests) == 2  # the Space and the suite


def test_the_readme_names_the_repository_the_weights_and_the_picture(project, tmp_path):
    readme = project / "spaces/edges/README.md"
    write(readme, readme.read_text() + 'client = Client("image-spaces/edges")\n')
    write(project / "docs/images/edges.png", "a picture")
    write(project / "docs/images/home.png", "another picture")
    assemble_space("edges", tmp_path / "out", "me/drawings")
    card = metadata_load(tmp_path / "out/README.md")
    assert card["models"] == ["me/edges-net", "facebook/sam"]
    assert card["thumbnail"] == "https://huggingface.co/spaces/me/drawings/resolve/main/preview.png"
    assert 'Client("me/drawings")' in (tmp_path / "out/README.md").read_text()
    assert (tmp_path / "out/preview.png").read_text() == "a picture"
    assemble_suite(tmp_path / "suite")
    card = metadata_load(tmp_path / "suite/README.md")
    assert card["thumbnail"].endswith("/image-spaces/image-spaces/resolve/main/preview.png")
    assert (tmp_path / "suite/preview.png").read_text() == "another picture"


def test_a_dry_run_sends_nothing(project, fake_hub, monkeypatch, tmp_path):
    run(monkeypatch, "space", "edges", "--to", "me/it", "--dry-run", tmp_path / "a" / "dry")
    assert files(tmp_path / "a" / "dry") == EDGES
    assert fake_hub.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["space", "edges"], "say --to OWNER/NAME"),
        (["space", "nothing", "--to", "me/it"], "There is no spaces/nothing"),
        (["weights", "nothing", "--to", "me/it"], "weights/nothing does not exist"),
        (["suite", "--dry-run", "."], "is not empty"),
    ],
)
def test_wrong_commands_end_with_a_sentence(project, fake_hub, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(project)
    with pytest.raises(SystemExit) as caught:
        run(monkeypatch, *arguments)
    assert caught.value.code != 0
    assert message in capsys.readouterr().err
    assert fake_hub.repositories == {}

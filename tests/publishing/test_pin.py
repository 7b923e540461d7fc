"""Pins of the engines from the Hub, looked up on a local one."""

import shutil

import pytest
from huggingface_hub import constants

from shared.core.hub_networks import revisions
from shared.core.hub_networks.revisions import Revision, pinned, read_revisions, write_revisions
from shared.publishing import pin
from tests.core import tiny_pipelines
from tests.core.hub_server import running

FILES = {"model.safetensors": b"weights", "config.json": b"{}"}


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Return a file of pins with two repositories, in place of the project's."""
    path = tmp_path / "revisions.json"
    write_revisions({"b/two": Revision("0" * 40), "a/one": Revision(branch="refs/pr/2")}, path)
    for module in (revisions, pin):
        monkeypatch.setattr(module, "read_revisions", lambda: read_revisions(path))
    monkeypatch.setattr(pin, "write_revisions", lambda rows: write_revisions(rows, path))
    return path


@pytest.fixture
def server(tmp_path, monkeypatch, file):
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        server.add("a/one", dict(FILES)).branch = "refs/pr/2"
        server.add("b/two", dict(FILES))
        yield server


def test_all_repositories_are_pinned(server, file, capsys):
    assert pinned("a/one") == "refs/pr/2"
    assert pin.main([]) == 0
    one, two = (server.repositories["models", name].sha for name in ("a/one", "b/two"))
    assert read_revisions(file) == {"a/one": Revision(one, "refs/pr/2"), "b/two": Revision(two)}
    assert list(read_revisions(file)) == ["a/one", "b/two"]
    assert pinned("a/one") == one
    assert capsys.readouterr().out.splitlines() == [f"a/one: {one} (new)", f"b/two: {two} (new)"]
    content = file.read_bytes()
    assert pin.main([]) == 0
    assert "(new)" not in capsys.readouterr().out
    assert file.read_bytes() == content


def test_one_repository(server, file):
    assert pin.main(["b/two"]) == 0
    assert read_revisions(file)["a/one"] == Revision(branch="refs/pr/2")
    with pytest.raises(SystemExit):
        pin.main(["c/three"])


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("gated", "b/two is only for those who accept its terms"),
        ("missing", "no public repository b/two"),
        ("branch", "b/two has no branch refs/pr/7"),
        ("pickle", "b/two has no safetensors file on main"),
    ],
)
def test_a_repository_that_cannot_be_pinned_keeps_its_commit(server, file, capsys, fault, sentence):
    repository = server.repositories["models", "b/two"]
    if fault == "gated":
        repository.gated = True
    elif fault == "missing":
        del server.repositories["models", "b/two"]
    elif fault == "branch":
        write_revisions({**read_revisions(file), "b/two": Revision("0" * 40, "refs/pr/7")}, file)
    else:
        del repository.files["model.safetensors"]
    assert pin.main([]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert sentence in line
    assert read_revisions(file)["b/two"].commit == "0" * 40
    assert read_revisions(file)["a/one"].commit  # the others are pinned


def test_without_a_network(file, monkeypatch, capsys):
    before = shutil.copy(file, file.with_suffix(".old"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert pin.main([]) == 1
    assert capsys.readouterr().err == "The Hub cannot be reached: check the network and HF_HUB_OFFLINE.\n"
    assert file.read_bytes() == before.read_bytes()

"""Command `serve`."""

import os

import pytest

from shared.cli.commands import serve

APP = """
import os
from pathlib import Path

def main():
    Path("served").write_text(os.environ["IMAGE_SPACES_HOST"] + " " + os.environ["IMAGE_SPACES_PORT"])
"""


@pytest.fixture
def checkout(folder, monkeypatch):
    """Return the root of a checkout whose app only writes where it would listen."""
    for name in ("IMAGE_SPACES_HOST", "IMAGE_SPACES_PORT"):
        monkeypatch.setenv(name, "unset")
    (folder / "spaces").mkdir()
    (folder / "app.py").write_text(APP)
    monkeypatch.setattr(serve, "ROOT", folder)
    return folder


def test_the_suite_is_served_at_an_address(run, checkout):
    assert run("serve", "--host", "0.0.0.0", "--port", "8000").code == 0
    assert (checkout / "served").read_text() == "0.0.0.0 8000"
    assert os.environ["IMAGE_SPACES_PORT"] == "8000"


def test_an_error_of_the_server_is_one_sentence(run, checkout):
    (checkout / "app.py").write_text("def main():\n    raise SystemExit('The port is in use.')\n")
    assert run("serve").errors == "image-spaces: The port is in use.\n"
    assert run("serve").code == 1


def test_without_the_pages_there_is_one_sentence(run, folder, monkeypatch):
    monkeypatch.setattr(serve, "ROOT", folder)
    result = run("serve")
    assert result.code == 1
    assert result.errors.startswith("image-spaces: The pages are not part of an installed package")


def test_the_browser_opens_when_the_server_answers(monkeypatch):
    opened = []
    answers = iter([ConnectionRefusedError(), None])

    class Response:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

    def answer(url: str, timeout: float) -> Response:
        error = next(answers)
        if error:
            raise error
        return Response()

    monkeypatch.setattr(serve.urllib.request, "urlopen", answer)
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    serve.open_when_ready("http://127.0.0.1:1")
    assert opened == ["http://127.0.0.1:1"]

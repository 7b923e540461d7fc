"""Command line in this process, in a folder of its own, with photos of known contents."""

import io
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.cli.main import main
from shared.ui.sample_images import sample_images


@dataclass
class Result:
    """Outcome of a command: exit code, and what it wrote."""

    code: int
    data: bytes
    errors: str

    @property
    def lines(self) -> list[str]:
        return self.data.decode().splitlines()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, which holds three photos."""
    for name in ("cat", "lion", "coffee"):
        shutil.copy(sample_images()[name], tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(folder, capsysbinary, monkeypatch) -> Callable[..., Result]:
    """Return a function that runs the command line with arguments and bytes on standard input."""

    def run_command(*arguments: str, stdin: bytes = b"") -> Result:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsysbinary.readouterr()
        code = main(arguments)
        data, errors = capsysbinary.readouterr()
        return Result(code, data, errors.decode())

    return run_command

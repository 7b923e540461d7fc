"""Commits of the repositories on the Hub that the engines use.

They stand in one file, `revisions.json`, which `python -m shared.publishing.pin` brings up to date. A
repository whose commit nobody has looked up yet is read from its branch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("revisions.json")
MAIN = "main"


@dataclass(frozen=True)
class Revision:
    """Version of a repository.

    Attributes:
        commit: Commit, 40 hexadecimal digits; None if it has not been looked up.
        branch: Branch that the commit is taken from. `"refs/pr/1"` is the first pull request, where the Hub's
            own converter leaves the safetensors files of a repository whose main branch has only a pickle.
    """

    commit: str | None = None
    branch: str = MAIN


def read_revisions(file: Path = FILE) -> dict[str, Revision]:
    """Return the versions of all repositories by name."""
    return {name: Revision(**fields) for name, fields in json.loads(file.read_text("utf-8")).items()}


def write_revisions(revisions: Mapping[str, Revision], file: Path = FILE) -> None:
    """Write the versions of all repositories, sorted by name."""
    rows = {name: {"commit": row.commit, "branch": row.branch} for name, row in sorted(revisions.items())}
    file.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def pinned(repository: str) -> str | None:
    """Return the revision of a repository for an engine's row: its commit, else a branch other than main.

    >>> pinned("someone/something") is None
    True
    """
    revision = read_revisions().get(repository, Revision())
    return revision.commit or (None if revision.branch == MAIN else revision.branch)

"""Folders of the Hub's repositories: a Space, the suite or a set of weights, with all that belongs to it.

A Space holds its dependencies: the package `shared` next to its `app.py`, and the weight folders that the
`models` of its README name, so that it starts without a download. Its picture is one of `docs/images`.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from shared.core import weights
from shared.core.front_matter import FrontMatterError, read_front_matter, write_front_matter

SUITE_NAME = "image-spaces"
#: Name of the preview picture in a Space's repository.
PICTURE = "preview.png"
#: Front matter of the suite; all other keys are those of its Spaces.
SUITE = {
    "title": "Image Spaces",
    "emoji": "🖼️",
    "colorFrom": "blue",
    "colorTo": "gray",
    "short_description": "Small tools that understand and remake pictures",
}


class PublishError(RuntimeError):
    """Files that cannot be published; the text is one sentence that names the reason and the fix."""


def assemble_space(name: str, target: Path, repository: str | None = None) -> None:
    """Copy a Space, the package and its weights into a folder, as the Space's repository will hold them.

    Args:
        name: Folder of `spaces/`.
        target: Folder that is empty or does not exist.
        repository: Name of the repository on the Hub; `<HUB_ORG>/<name>` by default.

    Raises:
        PublishError: The Space does not exist, or a weight folder of ours that it names.
        weights.WeightsError: A weight folder does not fit its checksums.
    """
    space = weights.ROOT / "spaces" / name
    if space not in list_spaces():
        names = ", ".join(folder.name for folder in list_spaces())
        raise PublishError(f"There is no spaces/{name} with an app.py: choose one of {names}.")
    _copy(space, target)
    _copy_dependencies([space], target)
    _fit_readme(target, name, name, repository)


def assemble_suite(target: Path, repository: str | None = None) -> None:
    """Copy the combined app with all Spaces into a folder, as the suite's repository will hold them.

    Args:
        target: Folder that is empty or does not exist.
        repository: Name of the repository on the Hub; `<HUB_ORG>/image-spaces` by default.

    Raises:
        PublishError: A weight folder of ours that a Space names does not exist.
        weights.WeightsError: A weight folder does not fit its checksums.
    """
    spaces = list_spaces()
    for space in spaces:
        _copy(space, target / "spaces" / space.name)
    shutil.copy2(weights.ROOT / "app.py", target / "app.py")
    _copy_dependencies(spaces, target)

    cards = [_front_matter(space) for space in spaces]
    lists = {key: _union(card.get(key, []) for card in cards) for key in ("tags", "models", "datasets")}
    lines = [f"- **{card['title']}**: {card['short_description']}" for card in cards]
    readme = target / "README.md"
    readme.write_text(f"# {SUITE['title']}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    write_front_matter(readme, {**cards[0], **SUITE, "app_file": "app.py", **lists})
    requirements = _union(
        (space / "requirements.txt").read_text(encoding="utf-8").split("\n") for space in spaces
    )
    (target / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    _fit_readme(target, SUITE_NAME, "home", repository)


def assemble_weights(name: str, target: Path) -> None:
    """Copy a weight folder and its result tables, as its model repository will hold them.

    The tables of `docs/results/<name>.md` become `results.md`, and the card's links to other files of the
    project become links that work on the Hub.

    Args:
        name: Folder of `weights/`.
        target: Folder that is empty or does not exist.

    Raises:
        PublishError: The folder has no model card with a licence.
        weights.WeightsError: The folder does not exist or does not fit its checksums.
    """
    folder = weights.find(name, folder=weights.ROOT / "weights" / name)
    weights.check(folder)
    if not _front_matter(folder).get("license"):
        raise PublishError(f"weights/{name}/README.md names no license: write it into the front matter.")
    _copy(folder, target)
    pages = [target / "README.md"]
    tables = weights.ROOT / "docs" / "results" / f"{name}.md"
    if tables.is_file():
        pages.append(shutil.copyfile(tables, target / "results.md"))
    for page in pages:
        page.write_text(_hub_links(page.read_text(encoding="utf-8"), name), encoding="utf-8")


def list_spaces() -> list[Path]:
    """Return the folders of all Spaces, by name."""
    return sorted(app.parent for app in (weights.ROOT / "spaces").glob("*/app.py"))


def _copy(source: Path, target: Path) -> None:
    """Copy a folder without caches and without hidden files, which belong to editors and systems."""
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)


def _copy_dependencies(spaces: Sequence[Path], target: Path) -> None:
    """Copy the package, and the weight folders that the READMEs of the Spaces name."""
    _copy(weights.ROOT / "shared", target / "shared")
    for model in _union(_front_matter(space).get("models", []) for space in spaces):
        owner, _, name = model.rpartition("/")
        folder = weights.ROOT / "weights" / name
        if folder.is_dir():
            weights.check(folder)
            _copy(folder, target / "weights" / name)
        elif owner == weights.HUB_ORG:  # weights of others come from the Hub when somebody chooses them
            raise PublishError(
                f"weights/{name} does not exist, but a space's README names it: train it first."
            )


def _fit_readme(folder: Path, name: str, picture: str, repository: str | None) -> None:
    """Have the README of an assembled Space name its own repository, its owner's weights and its picture.

    Args:
        folder: The assembled folder.
        name: Usual name of the repository.
        picture: Name of a picture in `docs/images`.
        repository: Name of the repository on the Hub, or None.
    """
    usual = f"{weights.HUB_ORG}/{name}"
    repository = repository or usual
    readme, keys = folder / "README.md", _front_matter(folder)
    owner = repository.partition("/")[0]
    models = [model.rpartition("/") for model in keys.get("models", [])]
    own = {path.name for path in (folder / "weights").glob("*")}
    keys["models"] = [f"{owner if item in own else source}/{item}" for source, _, item in models]
    source = weights.ROOT / "docs" / "images" / f"{picture}.png"
    if source.is_file():
        shutil.copyfile(source, folder / PICTURE)
        keys["thumbnail"] = f"https://huggingface.co/spaces/{repository}/resolve/main/{PICTURE}"
    readme.write_text(readme.read_text(encoding="utf-8").replace(f'"{usual}"', f'"{repository}"'), "utf-8")
    write_front_matter(readme, keys)


def _hub_links(text: str, name: str) -> str:
    """Point links between the pages of `weights/` and `docs/results/` at their places on the Hub."""
    text = text.replace(f"](../../docs/results/{name}.md", "](results.md")
    text = text.replace(f"](../../weights/{name}/README.md", "](README.md")
    return re.sub(
        r"\]\((?:\.\./\.\./weights|\.\.)/([\w-]+)/README\.md",
        rf"](https://huggingface.co/{weights.HUB_ORG}/\1",
        text,
    )


def _front_matter(folder: Path) -> dict[str, Any]:
    try:
        return read_front_matter(folder / "README.md")
    except (OSError, FrontMatterError) as error:
        raise PublishError(f"{folder / 'README.md'} cannot be read ({error}): write it first.") from error


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    """Return all strings that are not empty, without repetitions, in order of their first occurrence."""
    return list(dict.fromkeys(item for items in lists for item in items if item))

"""Puts a space, the whole suite or a set of weights on the Hugging Face Hub, as one commit.

    python -m shared.publishing.upload space edges --to someone/edges
    python -m shared.publishing.upload suite --to someone/image-spaces
    python -m shared.publishing.upload weights edges-rds --to someone/edges-rds

`--dry-run DIR` only assembles the files, for a look at them or a trial run. A space takes along what it
needs: the package `shared` beside its `app.py`, and the weight folders that the `models` of its README name,
so it starts without a download. Log in first with `hf auth login`.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, metadata_load, metadata_save
from huggingface_hub.errors import HfHubHTTPError

from shared.core import hub, weights

# What the suite's page on the Hub says, beside what its spaces have in common.
SUITE = {
    "title": "Image Spaces",
    "emoji": "🖼️",
    "colorFrom": "blue",
    "colorTo": "gray",
    "short_description": "Small tools that understand and remake pictures",
}


class PublishError(RuntimeError):
    """Something that cannot be published; the text is one sentence that names it and the fix."""


def assemble_space(name: str, target: Path) -> None:
    """Copies one space, the package and its weights into a folder, as its repository will hold them.

    Args:
        name: A folder of `spaces/`.
        target: A folder that is empty or does not exist.

    Raises:
        PublishError: The space, or a weight folder of ours that it names, does not exist.
        weights.WeightsError: A weight folder does not hold what was saved.
    """
    space = weights.ROOT / "spaces" / name
    if space not in _spaces():
        names = ", ".join(folder.name for folder in _spaces())
        raise PublishError(f"There is no spaces/{name} with an app.py: choose one of {names}.")
    _copy(space, target)
    _add_what_spaces_need([space], target)


def assemble_suite(target: Path) -> None:
    """Copies the combined app with all spaces into a folder, as its repository will hold them.

    Args:
        target: A folder that is empty or does not exist.

    Raises:
        PublishError: A weight folder of ours that a space names does not exist.
        weights.WeightsError: A weight folder does not hold what was saved.
    """
    spaces = _spaces()
    for space in spaces:
        _copy(space, target / "spaces" / space.name)
    shutil.copy2(weights.ROOT / "app.py", target / "app.py")
    _add_what_spaces_need(spaces, target)

    cards = [_front_matter(space) for space in spaces]
    lists = {key: _union(card.get(key, []) for card in cards) for key in ("tags", "models", "datasets")}
    lines = [f"- **{card['title']}**: {card['short_description']}" for card in cards]
    (target / "README.md").write_text(f"\n# {SUITE['title']}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    metadata_save(target / "README.md", {**cards[0], **SUITE, "app_file": "app.py", **lists})
    needs = _union((space / "requirements.txt").read_text(encoding="utf-8").split("\n") for space in spaces)
    (target / "requirements.txt").write_text("\n".join(needs) + "\n", encoding="utf-8")


def assemble_weights(name: str, target: Path) -> None:
    """Copies a weight folder, as its model repository will hold it.

    Args:
        name: A folder of `weights/`.
        target: A folder that is empty or does not exist.

    Raises:
        PublishError: The folder has no model card with a license.
        weights.WeightsError: The folder does not exist or does not hold what was saved.
    """
    folder = weights.find(name, folder=weights.ROOT / "weights" / name)
    weights.check(folder)
    if not _front_matter(folder).get("license"):
        raise PublishError(f"weights/{name}/README.md names no license: write it into the front matter.")
    _copy(folder, target)


def upload(folder: Path, repository: str, *, space: bool) -> str:
    """Makes a repository hold exactly the files of a folder, and creates it where it does not exist.

    Args:
        folder: What `assemble_space`, `assemble_suite` or `assemble_weights` made.
        repository: Its name on the Hub, such as `"someone/edges"`.
        space: Whether it is a Space; otherwise it is a model repository.

    Returns:
        The address of the repository.

    Raises:
        PublishError: The Hub cannot be reached or refuses.
    """
    if not hub.reachable():
        raise PublishError("The Hub cannot be reached: check the network.")
    api = HfApi()
    kind = {"repo_type": "space"} if space else {"repo_type": "model"}
    try:
        url = api.create_repo(repository, exist_ok=True, space_sdk="gradio" if space else None, **kind)
        api.upload_folder(
            repo_id=url.repo_id,
            folder_path=folder,
            delete_patterns="*",
            commit_message=f"Publish {folder.name}",
            **kind,
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise PublishError(
            f"The Hub refuses {repository} ({reason}): check the name, or log in with `hf auth login`."
        ) from error
    return str(url)


def _spaces() -> list[Path]:
    return sorted(app.parent for app in (weights.ROOT / "spaces").glob("*/app.py"))


def _copy(source: Path, target: Path) -> None:
    """Copies a folder without caches, and without hidden files, which belong to editors and systems."""
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    shutil.copytree(source, target, ignore=ignore, dirs_exist_ok=True)


def _add_what_spaces_need(spaces: list[Path], target: Path) -> None:
    _copy(weights.ROOT / "shared", target / "shared")
    for model in _union(_front_matter(space).get("models", []) for space in spaces):
        owner, _, name = model.rpartition("/")
        folder = weights.ROOT / "weights" / name
        if folder.is_dir():
            weights.check(folder)
            _copy(folder, target / "weights" / name)
        elif owner == weights.HUB_ORG:  # those of others come from the Hub when somebody chooses them
            raise PublishError(
                f"weights/{name} does not exist, but a space's README names it: train it first."
            )


def _front_matter(folder: Path) -> dict[str, Any]:
    try:
        return metadata_load(folder / "README.md") or {}
    except (OSError, ValueError) as error:
        raise PublishError(f"{folder / 'README.md'} cannot be read ({error}): write it first.") from error


def _union(lists: Iterable[Iterable[str]]) -> list[str]:
    """All items but the empty one, each once, in the order of their first occurrence."""
    return list(dict.fromkeys(item for items in lists for item in items if item))


def main() -> None:
    """Publishes from the command line."""
    parser = argparse.ArgumentParser(description="Put spaces and weights on the Hugging Face Hub.")
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, line in [
        ("space", "one space"),
        ("suite", "the app with all spaces"),
        ("weights", "one weight folder"),
    ]:
        command = kinds.add_parser(kind, help=line)
        if kind != "suite":
            command.add_argument("name", help="the folder's name")
        command.add_argument("--to", metavar="OWNER/NAME", help="the repository on the Hub")
        command.add_argument("--dry-run", metavar="DIR", type=Path, help="assemble the files there, and stop")
    options = parser.parse_args()
    if not options.to and not options.dry_run:
        parser.error("say --to OWNER/NAME, or --dry-run DIR")
    if options.dry_run and options.dry_run.exists() and any(options.dry_run.iterdir()):
        parser.error(f"{options.dry_run} is not empty: give another folder to --dry-run")

    with tempfile.TemporaryDirectory() as temporary:
        target = options.dry_run or Path(temporary) / getattr(options, "name", "suite")
        target.mkdir(parents=True, exist_ok=True)
        try:
            if options.kind == "space":
                assemble_space(options.name, target)
            elif options.kind == "weights":
                assemble_weights(options.name, target)
            else:
                assemble_suite(target)
            print(target if options.dry_run else upload(target, options.to, space=options.kind != "weights"))
        except (PublishError, weights.WeightsError) as error:
            parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()

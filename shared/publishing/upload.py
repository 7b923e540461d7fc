"""Upload of a Space, of the whole suite or of a set of weights to the Hugging Face Hub, as one commit.

    python -m shared.publishing.upload space edges --to someone/edges
    python -m shared.publishing.upload suite --to someone/image-spaces
    python -m shared.publishing.upload weights edges-rds --to someone/edges-rds

`--dry-run DIR` only assembles the files, to inspect or to try them. A Space contains its dependencies: the
package `shared` next to its `app.py`, and the weight folders that the `models` of its README name, so that it
starts without a download. Log in first with `hf auth login`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from shared.core import hub, weights
from shared.core.front_matter import FrontMatterError, read_front_matter, write_front_matter

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


def assemble_space(name: str, target: Path) -> None:
    """Copy a Space, the package and its weights into a folder, as the Space's repository will hold them.

    Args:
        name: Folder of `spaces/`.
        target: Folder that is empty or does not exist.

    Raises:
        PublishError: The Space does not exist, or a weight folder of ours that it names.
        weights.WeightsError: A weight folder does not fit its checksums.
    """
    space = weights.ROOT / "spaces" / name
    if space not in _spaces():
        names = ", ".join(folder.name for folder in _spaces())
        raise PublishError(f"There is no spaces/{name} with an app.py: choose one of {names}.")
    _copy(space, target)
    _copy_dependencies([space], target)


def assemble_suite(target: Path) -> None:
    """Copy the combined app with all Spaces into a folder, as the suite's repository will hold them.

    Args:
        target: Folder that is empty or does not exist.

    Raises:
        PublishError: A weight folder of ours that a Space names does not exist.
        weights.WeightsError: A weight folder does not fit its checksums.
    """
    spaces = _spaces()
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


def upload(folder: Path, repository: str, *, space: bool) -> str:
    """Make a repository hold exactly the files of a folder; it is created where it does not exist.

    Args:
        folder: Folder from `assemble_space`, `assemble_suite` or `assemble_weights`.
        repository: Name on the Hub, such as `"someone/edges"`.
        space: True for a Space, False for a model repository.

    Returns:
        URL of the repository.

    Raises:
        PublishError: The Hub cannot be reached or refuses.
    """
    if not hub.reachable():
        raise PublishError("The Hub cannot be reached: check the network.")
    api, repo_type = HfApi(), "space" if space else "model"
    try:
        url = api.create_repo(
            repository, exist_ok=True, repo_type=repo_type, space_sdk="gradio" if space else None
        )
        api.upload_folder(
            repo_id=url.repo_id,
            folder_path=folder,
            delete_patterns="*",
            commit_message=f"Publish {folder.name}",
            repo_type=repo_type,
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


def main() -> None:
    """Publish from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.publishing.upload",
        description="Put spaces and weights on the Hugging Face Hub.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, description in [
        ("space", "one space"),
        ("suite", "the app with all spaces"),
        ("weights", "one weight folder"),
    ]:
        command = kinds.add_parser(kind, help=description)
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

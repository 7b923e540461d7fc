"""Upload of Spaces, of the whole suite or of weights to the Hugging Face Hub.

    python -m shared.publishing.upload space edges --to someone/edges
    python -m shared.publishing.upload suite --to someone/image-spaces
    python -m shared.publishing.upload weights edges-rds --to someone/edges-rds
    python -m shared.publishing.upload all --to someone

Each repository changes by one commit, which holds what is new; if nothing is, there is none. `--dry-run DIR`
only assembles the files, to inspect or to try them. Log in first with `hf auth login`.
"""

from __future__ import annotations

import argparse
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from shared.core import hub, weights
from shared.publishing.assemble import (
    SUITE_NAME,
    PublishError,
    assemble_space,
    assemble_suite,
    assemble_weights,
    list_spaces,
)

SPACE, SUITE, WEIGHTS, ALL = "space", "suite", "weights", "all"


def upload(folder: Path, repository: str, *, space: bool) -> str:
    """Make a repository hold exactly the files of a folder; it is created where it does not exist.

    Files that are the same there already are not sent, and if all of them are, there is no commit.

    Args:
        folder: Folder from `assemble_space`, `assemble_suite` or `assemble_weights`.
        repository: Name on the Hub, such as `"someone/edges"`.
        space: True for a Space, False for a model repository.

    Returns:
        URL of the repository's files at the new commit, which identifies them.

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
        commit = api.upload_folder(
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
    return f"{url}/tree/{commit.oid}"


def assemble(kind: str, name: str, target: Path, repository: str | None) -> None:
    """Assemble a repository of any kind, see `shared.publishing.assemble`.

    Args:
        kind: `SPACE`, `SUITE` or `WEIGHTS`.
        name: Folder of `spaces/` or `weights/`; of no account for the suite.
        target: Folder that is empty or does not exist.
        repository: Name of the repository on the Hub, or None.
    """
    if kind == SPACE:
        assemble_space(name, target, repository)
    elif kind == SUITE:
        assemble_suite(target, repository)
    else:
        assemble_weights(name, target)


def all_repositories(owner: str) -> Iterator[tuple[str, str, str]]:
    """Yield kind, folder and repository of everything that the project publishes, weights first.

    Args:
        owner: User or organization on the Hub.
    """
    for folder in sorted(path.parent for path in (weights.ROOT / "weights").glob("*/config.json")):
        yield WEIGHTS, folder.name, f"{owner}/{folder.name}"
    yield SUITE, SUITE_NAME, f"{owner}/{SUITE_NAME}"
    for space in list_spaces():
        yield SPACE, space.name, f"{owner}/{space.name}"


def publish(kind: str, name: str, repository: str) -> str:
    """Assemble a repository and upload it, see `assemble` and `upload`.

    Returns:
        URL of its files.
    """
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary, name)
        assemble(kind, name, target, repository)
        return upload(target, repository, space=kind != WEIGHTS)


def main() -> None:
    """Publish from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.publishing.upload",
        description="Put spaces and weights on the Hugging Face Hub.",
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, description in [
        (SPACE, "one space"),
        (SUITE, "the app with all spaces"),
        (WEIGHTS, "one weight folder"),
        (ALL, "all weight folders, the suite and all spaces"),
    ]:
        command = kinds.add_parser(kind, help=description)
        if kind in (SPACE, WEIGHTS):
            command.add_argument("name", help="the folder's name")
        if kind == ALL:
            command.add_argument("--to", metavar="OWNER", required=True, help="the user or organization")
            continue
        command.add_argument("--to", metavar="OWNER/NAME", help="the repository on the Hub")
        command.add_argument("--dry-run", metavar="DIR", type=Path, help="assemble the files there, and stop")
    options = parser.parse_args()
    name = getattr(options, "name", SUITE_NAME)
    try:
        if options.kind == ALL:
            for repository in all_repositories(options.to):
                print(publish(*repository), flush=True)
        elif options.dry_run:
            if options.dry_run.exists() and any(options.dry_run.iterdir()):
                parser.error(f"{options.dry_run} is not empty: give another folder to --dry-run")
            options.dry_run.mkdir(parents=True, exist_ok=True)
            assemble(options.kind, name, options.dry_run, options.to)
            print(options.dry_run)
        elif options.to:
            print(publish(options.kind, name, options.to))
        else:
            parser.error("say --to OWNER/NAME, or --dry-run DIR")
    except (PublishError, weights.WeightsError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()

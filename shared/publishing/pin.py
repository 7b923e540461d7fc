"""Pins the engines from the Hub to the commits that their repositories have today.

    python -m shared.publishing.pin
    python -m shared.publishing.pin google/siglip2-base-patch16-224

Writes `shared/core/hub_networks/revisions.json`. Look at what has changed on the Hub before you commit it.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from dataclasses import replace

from huggingface_hub import HfApi, constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from shared.core import hub
from shared.core.hub_networks.revisions import Revision, read_revisions, write_revisions


class PinError(RuntimeError):
    """Commit that cannot be looked up; the text is one sentence."""


def look_up(repository: str, revision: Revision) -> Revision:
    """Return the version of a repository whose commit is the newest of its branch.

    Raises:
        PinError: The repository or its branch is missing or closed, or has no safetensors file there.
    """
    try:
        info = HfApi().model_info(repository, revision=revision.branch)
    except GatedRepoError as error:
        raise PinError(f"{repository} is only for those who accept its terms: do so on its page.") from error
    except RepositoryNotFoundError as error:
        raise PinError(f"The Hub has no public repository {repository}: check the name.") from error
    except RevisionNotFoundError as error:
        raise PinError(f"{repository} has no branch {revision.branch}: check its name.") from error
    except Exception as error:  # the network or the Hub itself
        reason = textwrap.shorten(str(error), 160, placeholder=" ...")
        raise PinError(f"{repository} could not be looked up ({reason}): try again later.") from error
    if not any(file.rfilename.endswith(".safetensors") for file in info.siblings or ()):
        raise PinError(
            f"{repository} has no safetensors file on {revision.branch}: name a branch that has one; its "
            "commit stays as it was."
        )
    return replace(revision, commit=info.sha)


def main(arguments: list[str] | None = None) -> int:
    """Pin repositories; return the exit code, 1 if one could not be looked up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("repositories", nargs="*", metavar="NAME", help="repositories; by default all")
    names = parser.parse_args(arguments).repositories
    revisions = read_revisions()
    unknown = [name for name in names if name not in revisions]
    if unknown:
        parser.error(f"no engine uses {unknown[0]}: choose one of {', '.join(revisions)}")
    if constants.HF_HUB_OFFLINE or not hub.reachable():
        print("The Hub cannot be reached: check the network and HF_HUB_OFFLINE.", file=sys.stderr)
        return 1
    failed = False
    for name in names or list(revisions):
        try:
            revision = look_up(name, revisions[name])
        except PinError as error:
            print(error, file=sys.stderr)
            failed = True
            continue
        changed = revision.commit != revisions[name].commit
        print(f"{name}: {revision.commit}{' (new)' if changed else ''}")
        revisions[name] = revision
    write_revisions(revisions)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

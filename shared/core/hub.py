"""Repositories of the Hugging Face Hub: from the local cache without a request, or downloaded on demand.

Only safetensors weights, texts and sample photos are fetched, never a pickle.
"""

from __future__ import annotations

import errno
import queue
import socket
import textwrap
import threading
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from shared.core.downloads.bars import interruptible_bar
from shared.core.downloads.large_files import fetch_large_files
from shared.core.errors import GenerationError

PATTERNS = ["*.safetensors", "*.json", "*.txt", "*.model", "README.md", "SHA256SUMS", "samples.zip"]

# Seconds. Without a network huggingface_hub tries a file six times, for 23 seconds, while a visitor waits.
CONNECT_TIMEOUT = 0.8


class HubError(RuntimeError):
    """Repository that is not available; the text is one sentence that names it and the fix."""


def cached(repository: str, revision: str | None = None, patterns: Sequence[str] = PATTERNS) -> Path | None:
    """Find a repository in the local cache, without a request.

    Args:
        repository: Name such as `"someone/something"`.
        revision: Commit, tag or branch; `main` by default.
        patterns: Patterns of the wanted files, in the form of `fnmatch`.

    Returns:
        Folder of the snapshot, or None if no snapshot holds weights.
    """
    try:
        folder = Path(
            snapshot_download(
                repository, revision=revision, allow_patterns=list(patterns), local_files_only=True
            )
        )
    except (OSError, ValueError):
        return None
    # A download that was cut short, or one of a configuration alone, leaves a snapshot without weights.
    return folder if any(folder.rglob("*.safetensors")) else None


def download(repository: str, revision: str | None = None, patterns: Sequence[str] = PATTERNS) -> Path:
    """Download a repository into the cache; a download that was ended goes on where it was.

    The call that runs here is told the megabytes, see `shared.core.calls.report_progress`.

    Args:
        repository: Name such as `"someone/something"`.
        revision: Commit, tag or branch; `main` by default.
        patterns: Patterns of the wanted files, in the form of `fnmatch`.

    Returns:
        Folder of the snapshot.

    Raises:
        HubError: The network, the repository, its revision or its weights are missing, or the disk is full.
            Without a network this takes less than a second.
        GenerationError: The call that runs here must end, see `shared.core.calls`.
    """
    if constants.HF_HUB_OFFLINE:
        raise HubError(
            f"{repository} is not on this machine and HF_HUB_OFFLINE is set: unset it to download."
        )
    if not reachable():
        host = urlsplit(constants.ENDPOINT).hostname
        raise HubError(
            f"{repository} is not on this machine and {host} cannot be reached: check the network."
        )
    try:
        fetch_large_files(repository, revision, patterns)
        folder = Path(
            snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(patterns),
                tqdm_class=interruptible_bar(),
            )
        )
    except GenerationError:
        raise
    except GatedRepoError as error:
        raise HubError(f"{repository} is only for those who accept its terms: do so on its page.") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"The Hub has no public repository {repository}: check the name, or log in."
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(f"{repository} has no revision {revision}: check the revision.") from error
    except Exception as error:  # the network, the disk or the Hub itself
        if _disk_is_full(error):
            raise HubError(f"{repository} does not fit on the disk: make room and try again.") from error
        reason = textwrap.shorten(str(error), 200, placeholder=" ...")
        raise HubError(f"{repository} could not be downloaded ({reason}): try again later.") from error
    if not any(folder.rglob("*.safetensors")):
        raise HubError(f"{repository} has no safetensors file: pickled weights are never read.")
    return folder


def _disk_is_full(error: BaseException | None) -> bool:
    """Return True if the error, or one that caused it, says that the disk or its quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def reachable() -> bool:
    """Return True if the Hub, or the proxy before it, accepts a connection within `CONNECT_TIMEOUT` seconds.

    The connection is made on a separate thread, since the look-up of a host name has no time limit.
    """
    answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def connect() -> None:
        try:
            target = urlsplit(constants.ENDPOINT)
            proxies = urllib.request.getproxies()
            proxy = proxies.get(target.scheme) or proxies.get("all")
            if proxy and not urllib.request.proxy_bypass(target.hostname or ""):
                target = urlsplit(proxy if "//" in proxy else f"//{proxy}")
            port = target.port or (443 if target.scheme == "https" else 80)
            socket.create_connection((target.hostname, port), timeout=CONNECT_TIMEOUT).close()
            answer.put(True)
        except (OSError, ValueError):
            answer.put(False)

    threading.Thread(target=connect, daemon=True).start()
    try:
        return answer.get(timeout=CONNECT_TIMEOUT)
    except queue.Empty:
        return False

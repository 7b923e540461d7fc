"""Large files of a repository: into the cache of the Hub, in small pieces, with progress.

huggingface_hub (2.4) deletes the part of a file whose download is ended, and calls its progress bar, which
can end it, every 10 MB alone. Here the part stays as `<etag>.incomplete` next to the cache's blobs, and the
next download goes on from its end. A complete file gets the name that huggingface_hub looks for, which then
only links it.
"""

from __future__ import annotations

import errno
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url, snapshot_download
from huggingface_hub.errors import DryRunError
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status

from shared.core.calls import check_call, report_progress
from shared.core.downloads.bars import interruptible_bar
from shared.core.downloads.checksums import file_sha256
from shared.core.errors import GenerationError

#: Bytes from which on a file counts as large; huggingface_hub fetches smaller ones, several at a time.
LARGE_FILE = 8 * 2**20
#: Bytes between two checks whether the download may go on.
PIECE = 2**18
#: Further attempts after a connection that broke without a single new piece.
RETRIES = 4
#: Seconds before another attempt, and between two looks at a file that another process downloads.
PAUSE = 0.5
MEGABYTE = 10**6
PART_SUFFIX = ".incomplete"


@dataclass(frozen=True)
class LargeFile:
    """File to download.

    Attributes:
        url: Address of the file.
        size: Size in bytes.
        blob: Path of the complete file in the cache.
        lock: Path of the file that locks it, the one that huggingface_hub uses.
    """

    url: str
    size: int
    blob: Path
    lock: Path

    @property
    def part(self) -> Path:
        """Path of the part that is there while the download is not complete."""
        return self.blob.with_name(self.blob.name + PART_SUFFIX)

    def present_bytes(self) -> int:
        """Return the number of bytes that are on the disk."""
        for path in (self.blob, self.part):
            if path.is_file():
                return path.stat().st_size
        return 0


def fetch_large_files(repository: str, revision: str | None, patterns: Sequence[str]) -> None:
    """Fetch the large files of a snapshot into the cache, as far as they are not there.

    The call that runs here is told the megabytes, see `shared.core.calls.report_progress`.

    Args:
        repository: Name of the repository.
        revision: Commit, tag or branch; `main` by default.
        patterns: Patterns of the wanted files, in the form of `fnmatch`.

    Raises:
        GenerationError: The call that runs here must end; what was downloaded stays.
        Exception: Any error of the network, or one of the disk.
    """
    files = _list_missing(repository, revision, patterns)
    if not files:
        return
    total, done = sum(file.size for file in files), sum(file.present_bytes() for file in files)
    title = f"Downloading {repository}"
    with interruptible_bar()(total=total, initial=done, desc=title, unit="B", unit_scale=True) as bar:

        def count(size: int) -> None:
            nonlocal done
            done += size
            bar.update(size)
            report_progress(done // MEGABYTE, total // MEGABYTE, title, unit="MB")

        count(0)
        for file in files:
            with _locked(file.lock):
                if not file.blob.is_file():
                    _fetch(file, count)


def _list_missing(repository: str, revision: str | None, patterns: Sequence[str]) -> list[LargeFile]:
    """Return the large files that are not in the cache; none where the Hub does not list them."""
    try:
        listing = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=list(patterns),
            dry_run=True,
            tqdm_class=interruptible_bar(hidden=True),
        )
    except DryRunError:  # the download itself tells the reason
        return []
    files = {}
    for entry in listing:
        if not entry.will_download or (entry.file_size or 0) < LARGE_FILE:
            continue
        url = hf_hub_url(repository, entry.filename, revision=entry.commit_hash)
        etag = get_hf_file_metadata(url).etag
        if etag is None or not re.fullmatch(r"[\w-]+", etag, re.ASCII):  # it becomes the name of a file
            continue
        name, cache = repo_folder_name(repo_id=repository, repo_type="model"), Path(constants.HF_HUB_CACHE)
        blob, lock = cache / name / "blobs" / etag, cache / ".locks" / name / f"{etag}.lock"
        files[etag] = LargeFile(url, entry.file_size or 0, blob, lock)  # two files may have the same content
    return list(files.values())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Lock a file against other downloads of it, and wait for those as long as the call may go on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        lock = WeakFileLock(path, timeout=PAUSE)
        try:
            lock.__enter__()
            break
        except TimeoutError:
            check_call(may_wait=False)
    try:
        yield
    finally:
        lock.__exit__(None, None, None)


def _fetch(file: LargeFile, count: Callable[[int], None]) -> None:
    """Download a file, or what is missing of it.

    Args:
        file: The file.
        count: Called with the number of new bytes; negative for those that are thrown away.
    """
    file.part.parent.mkdir(parents=True, exist_ok=True)
    file.part.touch()
    failures = 0
    while (start := file.part.stat().st_size) < file.size:
        try:
            _append(file, start, count)
        except GenerationError:
            raise
        except Exception as error:  # of whichever library huggingface_hub sends its requests with
            failures = 0 if file.part.stat().st_size > start else failures + 1
            if failures > RETRIES or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise
            check_call(may_wait=False)
            time.sleep(PAUSE)
    if start > file.size or not _is_intact(file):
        file.part.unlink()
        count(-start)
        raise OSError("a file arrived damaged and has been deleted")
    file.part.replace(file.blob)


def _append(file: LargeFile, start: int, count: Callable[[int], None]) -> None:
    """Download a file from a position on, and write it to the end of its part, piece by piece."""
    # A compressed answer has no positions to go on from.
    headers = build_hf_headers() | {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    with get_session().stream(
        "GET", file.url, headers=headers, timeout=timeout, follow_redirects=True
    ) as answer:
        hf_raise_for_status(answer)
        is_partial = answer.status_code == 206
        with file.part.open("ab" if is_partial else "wb") as stream:
            if not is_partial and start:
                count(-start)
            for piece in answer.iter_bytes(PIECE):
                stream.write(piece)
                count(len(piece))


def _is_intact(file: LargeFile) -> bool:
    """Return False if a file is not the one whose SHA-256 the Hub names, which it does for large ones."""
    if not re.fullmatch("[0-9a-f]{64}", file.blob.name):
        return True
    return file_sha256(file.part) == file.blob.name

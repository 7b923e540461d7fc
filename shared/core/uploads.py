"""Uploads of many files: loose ones and ZIP archives become one stream of files.

Files that cannot be read get one clear reason each, and the others follow. Nothing is unpacked to disk, and
one file is in memory at a time. What an archive declares is checked before a byte of it is decompressed, and
no file may exceed its declared size while it is read.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.core.file_names import display_name, is_system_file, member_names
from shared.core.images import MAX_FILE_BYTES

#: Errors of reading a damaged archive; RuntimeError stands for encryption and unknown compression, ValueError
#: for names in a wrong encoding.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)

_END, _END_SIZE = b"PK\x05\x06", 22  # the record at an archive's end (APPNOTE.TXT, section 4.3.16)
_ZIP64_LOCATOR, _ZIP64_LOCATOR_SIZE = b"PK\x06\x07", 20  # section 4.3.15, directly before the end
_ZIP64_END, _ZIP64_END_SIZE = b"PK\x06\x06", 56  # section 4.3.14, directly before the locator
_ZIP_MAGIC = (b"PK\x03\x04", _END, b"PK\x07\x08")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cbz", ".jar")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may need gigabytes to decompress a byte
_MAX_NAME_LENGTH = 160

_DAMAGED = "The archive is damaged: please pack it again."
_NO_PICTURE = "There is no picture in this archive."
_NESTED = "It is an archive inside an archive: please unpack it first."


@dataclass(frozen=True)
class UploadLimits:
    """Limits of one upload.

    Attributes:
        files: Largest number of files in one archive.
        file_bytes: Largest size of one file in bytes, unpacked.
        total_bytes: Largest size of all files in bytes, unpacked.
        ratio: Largest compression ratio; photos hardly compress.
        small: Size in bytes up to which the ratio is not checked.
    """

    files: int = 20_000
    file_bytes: int = MAX_FILE_BYTES
    total_bytes: int = 2 * 2**30
    ratio: int = 100
    small: int = 4 * 2**20


@dataclass(frozen=True)
class _LooseFile:
    name: str
    path: Path


@dataclass(frozen=True)
class _ArchiveMember:
    name: str
    path: Path  # of the archive
    info: zipfile.ZipInfo


class UploadReader:
    """Iterator over all files of one upload, as pairs of name and open file.

    Unreadable files are recorded in `skipped`, as pairs of name and reason, and so is an archive without any
    file. Folders, hidden files and what systems add to archives are ignored, see
    `shared.core.file_names.is_system_file`.

    Attributes:
        limits: Limits of the upload.
        skipped: Name and reason of each unreadable file; complete after the iteration.

    Args:
        files: Paths of files; a ZIP archive is recognised by its first bytes and stands for its contents.
        limits: See above.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "holiday.zip", "w") as archive:
    ...     archive.writestr("beach/a.jpg", b"first")
    ...     archive.writestr("../b.jpg", b"second")
    >>> uploads = UploadReader([folder / "holiday.zip"])
    >>> [(name, file.read()) for name, file in uploads], uploads.skipped
    ([('beach/a.jpg', b'first')], [('../b.jpg', 'Its path leads out of the archive.')])
    """

    def __init__(self, files: Iterable[str | os.PathLike], limits: UploadLimits | None = None) -> None:
        self.limits = limits or UploadLimits()
        self.skipped: list[tuple[str, str]] = []
        self._items: list[_LooseFile | _ArchiveMember] = []
        self._bytes = 0
        for path in map(Path, files):
            try:
                self._plan(path)
            except OSError:
                self._skip(path.name, "The file cannot be read.")

    def __len__(self) -> int:
        """Return the number of files to read; some may yet turn out to be damaged."""
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[str, BinaryIO]]:
        archive: zipfile.ZipFile | None = None
        try:
            for item in self._items:
                if isinstance(item, _LooseFile):
                    with open(item.path, "rb") as file:
                        yield item.name, file
                    continue
                if archive is None or archive.filename != str(item.path):
                    if archive:
                        archive.close()
                    archive = zipfile.ZipFile(item.path)
                content = self._unpack(archive, item)
                if content is not None:
                    yield item.name, io.BytesIO(content)
        finally:
            if archive:
                archive.close()

    def _plan(self, path: Path) -> None:
        """List the files of one uploaded file, from names and sizes alone."""
        with open(path, "rb") as file:
            if not file.read(4).startswith(_ZIP_MAGIC):
                self._append(_LooseFile(_clean(path.name), path), path.stat().st_size)
                return
            reason = _reject_archive(file, self.limits)
        members: list[zipfile.ZipInfo] = []
        if reason is None:
            try:
                members = zipfile.ZipFile(path).infolist()
            except Exception:  # on damaged archives zipfile raises anything from BadZipFile to struct.error
                reason = _DAMAGED
        if reason is None and len(members) > self.limits.files:
            reason = f"The archive holds more than {self.limits.files:,} files."
        if reason is not None:
            self._skip(path.name, reason)
            return
        # Names as they were written, before zipfile makes them harmless.
        files = [
            (name, member)
            for name, member in zip(member_names(members), members, strict=True)
            if not name.endswith(("/", "\\")) and not is_system_file(name)
        ]
        if not files:
            self._skip(path.name, _NO_PICTURE)
        for name, member in files:
            reason = self._reject_member(name, member)
            if reason is None:
                self._append(_ArchiveMember(_clean(name), path, member), member.file_size)
            else:
                self._skip(name, reason)

    def _append(self, item: _LooseFile | _ArchiveMember, size: int) -> None:
        if self._bytes + size > self.limits.total_bytes:
            limit = self.limits.total_bytes / 2**20
            self.skipped.append((item.name, f"All files together have more than {limit:,.0f} MB."))
            return
        self._bytes += size
        self._items.append(item)

    def _skip(self, name: str, reason: str) -> None:
        self.skipped.append((_clean(name), reason))

    def _reject_member(self, name: str, member: zipfile.ZipInfo) -> str | None:
        """Return the reason why a file of an archive must not be read, or None."""
        if not name:
            return "It has no name in the archive."
        kind = stat.S_IFMT(member.external_attr >> 16)
        parts = re.split(r"[/\\]", name)
        if ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) or "\0" in name:
            return "Its path leads out of the archive."
        if kind not in (0, stat.S_IFREG):
            return "It is a link or a device, not a file."
        if member.flag_bits & 1:
            return "It is locked with a password."
        if name.lower().endswith(_ARCHIVES):
            return _NESTED
        if member.compress_type not in _COMPRESSIONS:
            return "It is packed in an unusual way: please use an ordinary ZIP."
        if member.file_size > self.limits.file_bytes:
            return f"It is larger than {self.limits.file_bytes / 2**20:,.0f} MB."
        if member.file_size > max(self.limits.small, self.limits.ratio * member.compress_size):
            return "It grows suspiciously when it is unpacked."
        return None

    def _unpack(self, archive: zipfile.ZipFile, item: _ArchiveMember) -> bytes | None:
        try:
            with archive.open(item.info) as file:
                content = file.read(item.info.file_size + 1)
        except UNREADABLE:
            self._skip(item.name, "It is damaged inside the archive.")
            return None
        if content.startswith(_ZIP_MAGIC):
            self._skip(item.name, _NESTED)
            return None
        return content


def _clean(name: str) -> str:
    return display_name(name, _MAX_NAME_LENGTH)


def _reject_archive(file: BinaryIO, limits: UploadLimits) -> str | None:
    """Return the reason why the directory of an archive must not be read, or None.

    `zipfile` creates an object for each listed file before they can be counted; a list of 60 MB would become
    a gigabyte.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_SIZE - 2**16 - _ZIP64_LOCATOR_SIZE - _ZIP64_END_SIZE))
    tail = file.read()
    position = tail.rfind(_END)
    if position < 0 or len(tail) < position + _END_SIZE:
        return _DAMAGED
    count, directory_size = struct.unpack_from("<HL", tail, position + 10)
    locator = position - _ZIP64_LOCATOR_SIZE
    if locator >= 0 and tail.startswith(_ZIP64_LOCATOR, locator):  # whose values zipfile prefers, whichever
        end = locator - _ZIP64_END_SIZE
        if end < 0 or not tail.startswith(_ZIP64_END, end):
            return _DAMAGED
        count, directory_size = struct.unpack_from("<QQ", tail, end + 32)
    if count > limits.files or directory_size > limits.files * 256:
        return f"The archive holds more than {limits.files:,} files."
    return None

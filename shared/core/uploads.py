"""Many uploaded files at once: loose ones and ZIP archives become one stream of files.

What is not read gets one clear reason each, and the rest goes on.
Nothing is unpacked to disk, and one file is in memory at a time. What an archive says of itself is checked
before a byte of it is decompressed, and while reading no file may grow beyond what was said.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.core.images import MAX_BYTES

#: What reading an archive raises where it is damaged; where it is encrypted, or packed in a way that Python
#: does not know, that is a RuntimeError.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)

_END, _END_SIZE = b"PK\x05\x06", 22  # the record at an archive's end (APPNOTE.TXT, section 4.3.16)
_STARTS = (b"PK\x03\x04", _END, b"PK\x07\x08")
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".cbz", ".jar")
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others may ask for gigabytes to decompress a byte
_LITTER = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)", re.IGNORECASE)


@dataclass(frozen=True)
class UploadLimits:
    """How much one upload may hold.

    Attributes:
        files: the most files in one archive.
        file_bytes: the most bytes of one file, unpacked.
        total_bytes: the most bytes of all files together, unpacked.
        ratio: the most times that a file may grow by unpacking; photos hardly grow at all.
        small: files of at most so many bytes may grow as they like.
    """

    files: int = 20_000
    file_bytes: int = MAX_BYTES
    total_bytes: int = 2 * 2**30
    ratio: int = 100
    small: int = 4 * 2**20


@dataclass(frozen=True)
class _Item:
    name: str
    path: Path
    member: zipfile.ZipInfo | None  # None for a loose file


class UploadReader:
    """All files of one upload, one after the other, as `(name, open file)`.

    What cannot be read is left out and stands in `skipped` afterwards, as `(name, reason)`; the rest goes on.
    Folders and what systems strew into archives (`__MACOSX`, `.DS_Store`, `Thumbs.db`) are passed over.

    Args:
        files: paths of files; a ZIP archive is known by its first bytes and stands for what is in it.
        limits: how much it may hold.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "holiday.zip", "w") as archive:
    ...     archive.writestr("beach/a.jpg", b"first")
    ...     archive.writestr("../b.jpg", b"second")
    >>> uploads = Uploads([folder / "holiday.zip"])
    >>> [(name, file.read()) for name, file in uploads], uploads.skipped
    ([('beach/a.jpg', b'first')], [('../b.jpg', 'Its path leads out of the archive.')])
    """

    def __init__(self, files: Iterable[str | os.PathLike], limits: UploadLimits | None = None) -> None:
        self.limits = limits or UploadLimits()
        self.skipped: list[tuple[str, str]] = []
        self._items: list[_Item] = []
        self._bytes = 0
        for path in map(Path, files):
            try:
                self._plan(path)
            except OSError:
                self.skipped.append((readable(path.name), "The file cannot be read."))

    def __len__(self) -> int:
        """How many files there are to read; some of them may yet turn out to be damaged."""
        return len(self._items)

    def __iter__(self) -> Iterator[tuple[str, BinaryIO]]:
        archive, opened = None, None
        try:
            for item in self._items:
                if item.member is None:
                    with open(item.path, "rb") as file:
                        yield item.name, file
                    continue
                if opened != item.path:
                    if archive:
                        archive.close()
                    archive, opened = zipfile.ZipFile(item.path), item.path
                data = self._unpacked(archive, item)
                if data is not None:
                    yield item.name, io.BytesIO(data)
        finally:
            if archive:
                archive.close()

    def _plan(self, path: Path) -> None:
        """Notes what is to be read of one uploaded file, from names and sizes alone."""
        with open(path, "rb") as file:
            if not file.read(4).startswith(_STARTS):
                self._note(_Item(readable(path.name), path, None), path.stat().st_size)
                return
            reason = _refused(file, self.limits)
        try:
            members = [] if reason else zipfile.ZipFile(path).infolist()
        except Exception:  # on damaged archives zipfile raises anything from BadZipFile to struct.error
            reason = "The archive is damaged: please pack it again."
        if not reason and len(members) > self.limits.files:
            reason = f"The archive holds more than {self.limits.files:,} files."
        if reason:
            self.skipped.append((readable(path.name), reason))
            return
        for member in members:
            name = member.orig_filename  # as it was written, before zipfile makes it harmless
            if member.is_dir() or _LITTER.search(name):
                continue
            reason = self._doubt(member)
            if reason:
                self.skipped.append((readable(name), reason))
            else:
                self._note(_Item(readable(name), path, member), member.file_size)

    def _note(self, item: _Item, size: int) -> None:
        if self._bytes + size > self.limits.total_bytes:
            limit = self.limits.total_bytes / 2**20
            self.skipped.append((item.name, f"All files together have more than {limit:,.0f} MB."))
            return
        self._bytes += size
        self._items.append(item)

    def _doubt(self, member: zipfile.ZipInfo) -> str | None:
        """Why a file of an archive is not read, or None."""
        name, kind = member.orig_filename, stat.S_IFMT(member.external_attr >> 16)
        parts = re.split(r"[/\\]", name)
        if ".." in parts or not parts[0] or re.match(r"[A-Za-z]:", name) or "\0" in name:
            return "Its path leads out of the archive."
        if kind not in (0, stat.S_IFREG):
            return "It is a link or a device, not a file."
        if member.flag_bits & 1:
            return "It is locked with a password."
        if name.lower().endswith(_ARCHIVES):
            return "It is an archive inside an archive: please unpack it first."
        if member.compress_type not in _PLAIN:
            return "It is packed in an unusual way: please use an ordinary ZIP."
        if member.file_size > self.limits.file_bytes:
            return f"It is larger than {self.limits.file_bytes / 2**20:,.0f} MB."
        if member.file_size > max(self.limits.small, self.limits.ratio * member.compress_size):
            return "It grows suspiciously when it is unpacked."
        return None

    def _unpacked(self, archive: zipfile.ZipFile, item: _Item) -> bytes | None:
        try:
            with archive.open(item.member) as file:
                data = file.read(item.member.file_size + 1)
            if data.startswith(_STARTS):
                raise ValueError
            return data
        except ValueError:
            reason = "It is an archive inside an archive: please unpack it first."
        except UNREADABLE:
            reason = "It is damaged inside the archive."
        self.skipped.append((item.name, reason))
        return None


def readable(name: str) -> str:
    """A file's name without what could deceive or break a page: no control characters, at most 160 letters.

    >>> readable("a\\u202eb\\n.jpg")
    'ab.jpg'
    """
    name = unicodedata.normalize("NFC", name)
    name = "".join(letter for letter in name if unicodedata.category(letter)[0] != "C")
    return name if len(name) <= 160 else f"{name[:100]}…{name[-59:]}"


def _refused(file: BinaryIO, limits: UploadLimits) -> str | None:
    """Why an archive's list of files is not even read, or None.

    `zipfile` makes an object for each file that is listed, before anybody can count them; a list of 60 MB
    would become a gigabyte.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END_SIZE - 2**16))
    tail = file.read()
    place = tail.rfind(_END)
    if place < 0 or len(tail) < place + _END_SIZE:
        return "The archive is damaged: please pack it again."
    count, listed = struct.unpack("<HL", tail[place + 10 : place + 16])
    if listed == 2**32 - 1 or count == 2**16 - 1 or listed > limits.files * 256:
        return f"The archive holds more than {limits.files:,} files."
    return None

"""File names from visitors: read from archives, and cleaned for display and for new archives."""

from __future__ import annotations

import re
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipInfo

from charset_normalizer import from_bytes

#: Characters of a name on display; a longer one loses its middle, and keeps its beginning and its suffix.
MAX_NAME_LENGTH = 200

_UTF8_FLAG = 0x800  # bit 11 of a member's flags (APPNOTE.TXT, section 4.4.4)
_UNICODE_PATH = 0x7075  # extra field with the name in UTF-8 (section 4.6.9)
_DEFAULT_ENCODING = "cp437"  # of names without the flag (appendix D); `zipfile` reads them so
_ENCODINGS = ("cp932", "gbk", _DEFAULT_ENCODING)  # Shift-JIS and GBK as Windows writes them
_GUESS_BYTES = 4096  # length of the text from which the encoding is guessed
# Western names, of single letters with accents, may pass for Chinese or Japanese: "Se､or".
_MULTIBYTE_TEXT = re.compile(r"[^\x00-\x7f]{2}|(?<![A-Za-z])[^\x00-\x7f](?![A-Za-z])")

# Thumbnails, indexes and deleted files of Windows, macOS, Synology, QNAP, Linux, Android and Picasa. Names
# that begin with a dot, such as .thumbnails, .AppleDouble and .picasaoriginals, are hidden files everywhere.
_SYSTEM_NAMES = frozenset(
    (
        *("thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "ehthumbs_vista.db", "zbthumbnail.info"),
        *("desktop.ini", "picasa.ini", "icon\r", "pspbrwse.jbf", "autorun.inf"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000", "_vti_cnf"),
        *("__macosx", "resource.frk", "network trash folder", "temporary items", "thevolumesettingsfolder"),
        *("@eadir", "#recycle", "#snapshot", "@tmp", "@recycle", "@recently-snapshot"),
        *("lost+found", "lost.dir"),
    )
)
_SYSTEM_SUFFIXES = ("@synoeastream", "@synoresource")


def display_name(name: str, max_length: int = MAX_NAME_LENGTH) -> str:
    r"""Clean a file name for display: no invisible characters, which could deceive, and a bounded length.

    Args:
        name: Any text.
        max_length: Largest number of characters of the result.

    Returns:
        Printable text in Unicode's normal form C; `"picture"` if none is left.

    >>> display_name("a\u202eb\n.jpg"), len(display_name("x" * 1000 + ".jpg"))
    ('ab.jpg', 200)
    """
    name = unicodedata.normalize("NFC", str(name))
    name = "".join(character for character in name if character.isprintable()).strip() or "picture"
    half = max_length // 2
    return name if len(name) <= max_length else f"{name[: half - 1]}…{name[-half:]}"


def safe_stem(name: str) -> str:
    r"""Clean a file name for a member of a ZIP archive, on every system.

    Args:
        name: File name as a browser sent it; it may hold a path of any system.

    Returns:
        The name without folders, suffix, control characters and what a system reserves; at most 120 bytes of
        UTF-8, and `"picture"` if nothing is left.

    >>> safe_stem("../holiday/Été 2024.JPG"), safe_stem("C:\\a\\CON.png"), safe_stem("..")
    ('Été 2024', '_CON', 'picture')
    """
    stem = unicodedata.normalize("NFC", Path(re.split(r"[/\\]", name)[-1]).stem)
    stem = "".join(character for character in stem if unicodedata.category(character)[0] != "C")
    stem = re.sub(r'[<>:"|?*]', "_", stem).strip(". ")
    stem = stem.encode()[:120].decode(errors="ignore").rstrip(". ")
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", stem, re.IGNORECASE)
    return f"_{stem}" if reserved else stem or "picture"


def is_system_file(path: str) -> bool:
    """Return True if a file is hidden, or one that a system or a program keeps for itself.

    Args:
        path: Path within an archive or a folder, with separators of any system.

    >>> is_system_file("trip/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg"), is_system_file("trip/a.jpg")
    (True, False)
    """
    return any(
        part in _SYSTEM_NAMES
        or part.endswith(_SYSTEM_SUFFIXES)
        or (part.startswith(".") and part not in (".", ".."))
        for part in re.split(r"[/\\]", path.lower())
    )


def member_names(members: Sequence[ZipInfo]) -> list[str]:
    """Return the names of an archive's members as their authors read them.

    A name is taken from the Unicode Path field if there is one, and is UTF-8 if its flag says so. Many
    programs write UTF-8 without the flag, or the encoding of their system. It is guessed from all names
    together: UTF-8, Shift-JIS, GBK, or code page 437 as the standard has it.

    Args:
        members: Members as `zipfile` lists them, read without an encoding for their metadata.

    Returns:
        One name per member, in their order; they may hold any character and lead anywhere.
    """
    raw = [_raw_name(member) for member in members]
    uncertain = [
        name
        for name, member in zip(raw, members, strict=True)
        if not name.isascii() and not member.flag_bits & _UTF8_FLAG
    ]
    encoding = _guess_encoding(uncertain)
    names = []
    for name, member in zip(raw, members, strict=True):
        flagged = name.isascii() or member.flag_bits & _UTF8_FLAG
        names.append(
            _unicode_path(member, name) or (member.orig_filename if flagged else _decode(name, encoding))
        )
    return names


def _raw_name(member: ZipInfo) -> bytes:
    encoding = "utf-8" if member.flag_bits & _UTF8_FLAG else _DEFAULT_ENCODING
    return member.orig_filename.encode(encoding)


def _unicode_path(member: ZipInfo, raw: bytes) -> str:
    """Return the name in the Unicode Path field; empty if there is none, or one of an earlier name."""
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        if kind == _UNICODE_PATH and field[:5] == struct.pack("<BL", 1, zlib.crc32(raw)):
            return field[5:].decode("utf-8", errors="ignore")
    return ""


def _guess_encoding(names: Sequence[bytes]) -> str:
    """Return the encoding of an archive's names: UTF-8 if all are, else the one whose text is likeliest."""
    text = b""
    for name in names:
        if _decoded(name, "utf-8") is None and len(text) + len(name) <= _GUESS_BYTES:
            text += name + b"\n"
    if not text:
        return "utf-8"
    guess = from_bytes(text, cp_isolation=list(_ENCODINGS)).best()
    if guess is None or not _MULTIBYTE_TEXT.search(str(guess)):
        return _DEFAULT_ENCODING
    return guess.encoding


def _decode(name: bytes, encoding: str) -> str:
    """Decode a name; the standard's encoding has a character for every byte."""
    candidates = ("utf-8", encoding) if encoding == _DEFAULT_ENCODING else (encoding, "utf-8")
    texts = (_decoded(name, candidate) for candidate in candidates)
    return next((text for text in texts if text is not None), name.decode(_DEFAULT_ENCODING))


def _decoded(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None

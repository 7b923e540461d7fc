"""Uploads: files that are read, reasons for those that are skipped, and bounded memory."""

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from shared.core.uploads import UploadLimits, UploadReader

LEADS_OUT = "Its path leads out of the archive."


def pack(path, members, compression=zipfile.ZIP_DEFLATED):
    """Write a ZIP archive of contents by name; a name may be a ZipInfo."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content, compression)
    return path


def contents(uploads):
    return {name: file.read() for name, file in uploads}


def test_loose_files_and_archives_in_their_order(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"one")
    first = pack(tmp_path / "first.zip", [("x/b.jpg", b"two"), ("c.jpg", b"three")])
    second = pack(tmp_path / "second", [("d.jpg", b"four")], zipfile.ZIP_STORED)  # known by its bytes
    uploads = UploadReader([first, tmp_path / "a.jpg", str(second)])
    assert len(uploads) == 4
    files = [(name, file.read()) for name, file in uploads]
    assert files == [("x/b.jpg", b"two"), ("c.jpg", b"three"), ("a.jpg", b"one"), ("d.jpg", b"four")]
    assert uploads.skipped == []
    assert [name for name, _ in uploads] == [name for name, _ in files]  # a second time


def test_system_files_and_folders_are_ignored(tmp_path):
    names = ["__MACOSX/._a.jpg", "x/._a.jpg", ".DS_Store", "x/Thumbs.db", "x/desktop.ini", "x/", "y\\"]
    names += ["@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "x/.thumbnails/1.jpg", "#recycle/a.jpg"]
    uploads = UploadReader([pack(tmp_path / "a.zip", [*((name, b"") for name in names), ("x/a.jpg", b"a")])])
    assert contents(uploads) == {"x/a.jpg": b"a"}
    assert uploads.skipped == []


@pytest.mark.parametrize("names", [[], ["x/", "y/z/"], ["__MACOSX/._a.jpg", "x/Thumbs.db"]])
def test_an_archive_without_files_says_so(tmp_path, names):
    uploads = UploadReader([pack(tmp_path / "a.zip", [(name, b"") for name in names])])
    assert contents(uploads) == {}
    assert uploads.skipped == [("a.zip", "There is no picture in this archive.")]


@pytest.mark.parametrize("name", ["../a.jpg", "x/../../a.jpg", "/etc/a.jpg", "C:\\a.jpg", "x\\..\\a.jpg"])
def test_paths_that_lead_out_are_refused(tmp_path, name):
    uploads = UploadReader([pack(tmp_path / "a.zip", [(name, b"bad"), ("b.jpg", b"good")])])
    assert contents(uploads) == {"b.jpg": b"good"}
    assert uploads.skipped == [(name, LEADS_OUT)]


def test_a_name_with_a_zero_byte_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("aXb.jpg", b"bad")])
    path.write_bytes(path.read_bytes().replace(b"aXb.jpg", b"a\0b.jpg"))
    uploads = UploadReader([path])
    assert contents(uploads) == {}
    assert uploads.skipped == [("ab.jpg", LEADS_OUT)]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = (kind | 0o777) << 16
    uploads = UploadReader([pack(tmp_path / "a.zip", [(link, b"/etc/passwd")])])
    assert contents(uploads) == {}
    assert uploads.skipped == [("link.jpg", "It is a link or a device, not a file.")]


def test_an_encrypted_file_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"secret")])
    data = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(start) + flags] |= 1
    path.write_bytes(data)
    uploads = UploadReader([path])
    assert contents(uploads) == {}
    assert uploads.skipped == [("a.jpg", "It is locked with a password.")]


def test_archives_inside_archives_are_not_opened(tmp_path):
    inner = pack(tmp_path / "inner.zip", [("a.jpg", b"a")]).read_bytes()
    members = [("inner.zip", inner), ("inner.jpg", inner), ("x.tar.gz", b"x"), ("b.jpg", b"b")]
    uploads = UploadReader([pack(tmp_path / "outer.zip", members)])
    assert contents(uploads) == {"b.jpg": b"b"}
    assert sorted(name for name, _ in uploads.skipped) == ["inner.jpg", "inner.zip", "x.tar.gz"]
    assert {reason for _, reason in uploads.skipped} == {
        "It is an archive inside an archive: please unpack it first."
    }


def test_a_bomb_is_refused_and_other_files_are_read(tmp_path):
    path = pack(tmp_path / "bomb.zip", [("bomb.png", bytes(40 * 2**20)), ("a.jpg", b"a")])
    assert path.stat().st_size < 2**17
    tracemalloc.start()
    uploads = UploadReader([path])
    assert contents(uploads) == {"a.jpg": b"a"}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert uploads.skipped == [("bomb.png", "It grows suspiciously when it is unpacked.")]
    assert peak < 4 * 2**20


def test_a_bomb_that_lies_about_its_size(tmp_path):
    """The archive declares 10 bytes, and reading stops there."""
    path = pack(tmp_path / "bomb.zip", [("bomb.png", bytes(40 * 2**20))])
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 40 * 2**20), struct.pack("<L", 10)))
    tracemalloc.start()
    uploads = UploadReader([path])
    assert contents(uploads) == {}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert uploads.skipped == [("bomb.png", "It is damaged inside the archive.")]
    assert peak < 8 * 2**20


def test_unusual_compression_is_refused(tmp_path):
    uploads = UploadReader([pack(tmp_path / "a.zip", [("a.jpg", b"a" * 1000)], zipfile.ZIP_LZMA)])
    assert contents(uploads) == {}
    assert uploads.skipped[0][1].startswith("It is packed in an unusual way")


def test_limits_of_one_file_and_of_all(tmp_path):
    limits = UploadLimits(file_bytes=100, total_bytes=250)
    members = [
        (f"{name}.jpg", bytes(size)) for name, size in zip("abcde", (90, 101, 100, 90, 60), strict=True)
    ]
    uploads = UploadReader([pack(tmp_path / "a.zip", members)], limits)
    assert list(contents(uploads)) == ["a.jpg", "c.jpg", "e.jpg"]
    assert [name for name, _ in uploads.skipped] == ["b.jpg", "d.jpg"]


def test_too_many_files(tmp_path):
    path = pack(tmp_path / "a.zip", [(f"{number}.jpg", b"") for number in range(11)])
    uploads = UploadReader([path], UploadLimits(files=10))
    assert len(uploads) == 0
    assert uploads.skipped == [("a.zip", "The archive holds more than 10 files.")]


def test_a_huge_directory_is_not_read(tmp_path, monkeypatch):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a")])
    data = bytearray(path.read_bytes())
    place = data.rindex(b"PK\x05\x06")
    data[place + 12 : place + 16] = struct.pack("<L", 60 * 2**20)
    path.write_bytes(data)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert UploadReader([path]).skipped == [("a.zip", "The archive holds more than 20,000 files.")]


def with_zip64_end(data, count=None, directory_size=None):
    """Add the records of a Zip64 archive's end to an archive, as programs write them that make large ones."""
    place = data.rindex(b"PK\x05\x06")
    *_, total, size, offset, _ = struct.unpack("<4s4H2LH", data[place:])
    values = (total if count is None else count), (size if directory_size is None else directory_size), offset
    end = b"PK\x06\x06" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, values[0], *values)
    locator = b"PK\x06\x07" + struct.pack("<LQL", 0, place, 1)
    return data[:place] + end + locator


def test_a_small_zip64_archive_is_read(tmp_path):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a"), ("b.jpg", b"b")])
    unknown = b"PK\x05\x06" + b"\0" * 4 + b"\xff" * 12 + b"\0" * 2
    path.write_bytes(with_zip64_end(path.read_bytes()) + unknown)
    uploads = UploadReader([path])
    assert contents(uploads) == {"a.jpg": b"a", "b.jpg": b"b"}
    assert uploads.skipped == []


@pytest.mark.parametrize("values", [{"count": 10**9}, {"directory_size": 60 * 2**20}])
@pytest.mark.parametrize("honest", [True, False])
def test_a_huge_zip64_directory_is_not_read(tmp_path, monkeypatch, values, honest):
    """Neither behind unknown values in the ordinary record nor behind small ones, which zipfile overrules."""
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a")])
    data = path.read_bytes()
    ordinary = data[data.rindex(b"PK\x05\x06") :]
    unknown = ordinary[:4] + b"\0" * 4 + b"\xff" * 12 + b"\0" * 2
    path.write_bytes(with_zip64_end(data, **values) + (unknown if honest else ordinary))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert UploadReader([path]).skipped == [("a.zip", "The archive holds more than 20,000 files.")]


def test_a_zip64_locator_without_its_record_is_refused(tmp_path):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a")])
    data = path.read_bytes()
    place = data.rindex(b"PK\x05\x06")
    path.write_bytes(data[:place] + b"PK\x06\x07" + bytes(16) + data[place:])
    assert UploadReader([path]).skipped == [("a.zip", "The archive is damaged: please pack it again.")]


def test_names_in_utf8_without_the_flag(tmp_path):
    path = pack(tmp_path / "a.zip", [("Århus/Été.jpg", b"a"), ("中文名1.jpg", b"b")])
    data = bytearray(path.read_bytes())
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = -1
        while (place := data.find(start, place + 1)) >= 0:
            data[place + flags + 1] &= ~8
    path.write_bytes(data)
    assert contents(UploadReader([path])) == {"Århus/Été.jpg": b"a", "中文名1.jpg": b"b"}


def test_a_path_in_the_unicode_field_may_not_lead_out(tmp_path):
    member = zipfile.ZipInfo("a.jpg")
    field = struct.pack("<BL", 1, zlib.crc32(b"a.jpg")) + b"../b.jpg"
    member.extra = struct.pack("<HH", 0x7075, len(field)) + field
    uploads = UploadReader([pack(tmp_path / "a.zip", [(member, b"bad")])])
    assert contents(uploads) == {}
    assert uploads.skipped == [("../b.jpg", LEADS_OUT)]


@pytest.mark.parametrize("size", [4, 30, 60, -30])
def test_a_cut_archive_gets_one_reason(tmp_path, size):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a" * 40), ("b.jpg", b"b" * 40)])
    path.write_bytes(path.read_bytes()[:size])
    (tmp_path / "c.jpg").write_bytes(b"c")
    uploads = UploadReader([path, tmp_path / "c.jpg"])
    assert contents(uploads) == {"c.jpg": b"c"}
    assert uploads.skipped == [("a.zip", "The archive is damaged: please pack it again.")]


def test_one_damaged_file_does_not_cost_the_others(tmp_path):
    path = pack(tmp_path / "a.zip", [("a.jpg", b"a" * 99), ("b.jpg", b"b")], zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"aaa", b"axa", 1))
    uploads = UploadReader([path])
    assert contents(uploads) == {"b.jpg": b"b"}
    assert uploads.skipped == [("a.jpg", "It is damaged inside the archive.")]


def test_a_missing_file_is_reported(tmp_path):
    uploads = UploadReader([tmp_path / "nowhere.jpg"])
    assert len(uploads) == 0
    assert uploads.skipped == [("nowhere.jpg", "The file cannot be read.")]


def test_names_are_cleaned(tmp_path):
    (tmp_path / "photo\u202egpj.exe").write_bytes(b"a")
    (tmp_path / ("x" * 200 + ".jpg")).write_bytes(b"b")
    uploads = UploadReader(sorted(tmp_path.iterdir()))
    names = [name for name, _ in uploads]
    assert names[0] == "photogpj.exe"
    assert len(names[1]) == 160
    assert names[1].endswith(".jpg")


def test_memory_stays_flat(tmp_path):
    noise = io.BytesIO()
    with zipfile.ZipFile(noise, "w") as archive:
        for number in range(40):
            archive.writestr(f"{number}.jpg", bytes(2**20))
    path = tmp_path / "many.zip"
    path.write_bytes(noise.getvalue())
    del noise
    tracemalloc.start()
    assert sum(len(file.read()) for _, file in UploadReader([path])) == 40 * 2**20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * 2**20


def test_a_member_without_a_name_is_reported(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"first")
        archive.writestr("b.jpg", b"second")
        archive.filelist[0].filename = archive.filelist[0].orig_filename = ""
    uploads = UploadReader([tmp_path / "a.zip"])
    assert [(name, file.read()) for name, file in uploads] == [("b.jpg", b"second")]
    assert uploads.skipped == [("picture", "It has no name in the archive.")]

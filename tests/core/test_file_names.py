"""File names for display and for archives."""

import struct
import zlib
from zipfile import ZipInfo

import pytest

from shared.core.file_names import display_name, is_system_file, member_names, safe_stem


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "picture"),
        ("a\x00b", "ab"),
        ("\u202ex.png", "x.png"),
        ("photo\u202egpj.exe\r\n", "photogpj.exe"),
        ("e\u0301.jpg", "\u00e9.jpg"),
        ("y" * 200, "y" * 200),
    ],
)
def test_names_on_display_are_printable(name, expected):
    assert display_name(name) == expected


@pytest.mark.parametrize("max_length", [160, 200])
def test_long_names_keep_beginning_and_suffix(max_length):
    name = display_name("x" * 500 + "y" * 500 + ".jpeg", max_length)
    assert len(name) == max_length
    assert name.startswith("x")
    assert name.endswith("y.jpeg")


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("holiday.jpg", "holiday"),
        ("a.b.tar.gz", "a.b.tar"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\me.png", "me"),
        ("/absolute/é\u0301té.webp", "é\u0301té"),
        ("line\nbreak\x00\x7f.png", "linebreak"),
        ("\u202egnp.exe", "gnp"),
        ("con.png", "_con"),
        ('what? "this" <one>|.png', "what_ _this_ _one__"),
        (" . .", "picture"),
        ("", "picture"),
        ("日本.png", "日本"),
        ("\ud800.png", "picture"),
    ],
)
def test_safe_stem(name, stem):
    assert safe_stem(name) == stem


def test_safe_stem_fits_a_file_system():
    stem = safe_stem("日" * 500 + ".png")
    assert 0 < len(stem.encode()) <= 120
    assert set(stem) == {"日"}


def members(names, encoding):
    """Return members of an archive whose names were written without the flag, as `zipfile` reads them."""
    return [ZipInfo(name.encode(encoding).decode("cp437")) for name in names]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("utf-8", ["Été à la plage.jpg", "中文名1.jpg", "plain.jpg"]),
        ("utf-8", ["写真.jpg"]),
        ("shift_jis", ["写真.jpg"]),
        ("shift_jis", ["新しいフォルダー/海辺.jpg", "ねこ1.jpg", "表示.jpg", "plain.jpg"]),  # 表 holds a "\"
        ("gbk", ["照片.jpg"]),
        ("gbk", ["新建文件夹/海滩.jpg", "微信图片_20200101.jpg", "图片1.jpg"]),  # the last is UTF-8, too
        ("cp437", ["Été.jpg", "Señor.jpg"]),
        ("cp437", ["Señor.jpg"]),
        ("cp437", ["plain.jpg"]),
    ],
)
def test_names_of_members_are_read_in_their_encoding(encoding, names):
    assert member_names(members(names, encoding)) == names


def test_names_in_two_encodings():
    names = members(["Été.jpg"], "utf-8") + members(["Ärger.jpg", "Öl.jpg"], "cp437")
    assert member_names(names) == ["Été.jpg", "Ärger.jpg", "Öl.jpg"]


def test_names_with_the_flag_are_not_guessed():
    member = ZipInfo("写真.jpg")
    member.flag_bits |= 0x800
    assert member_names([member]) == ["写真.jpg"]


@pytest.mark.parametrize(
    ("raw", "version", "expected"),
    [(b"____.jpg", 1, "日本.jpg"), (b"x", 1, "____.jpg"), (b"____.jpg", 2, "____.jpg")],
)
def test_the_unicode_path_of_the_present_name_counts(raw, version, expected):
    member = ZipInfo("____.jpg")
    field = struct.pack("<BL", version, zlib.crc32(raw)) + "日本.jpg".encode()
    member.extra = struct.pack("<HHL", 0x5455, 4, 0) + struct.pack("<HH", 0x7075, len(field)) + field
    assert member_names([member]) == [expected]


@pytest.mark.parametrize("extra", [b"up", b"up\xff\xff\x01", b"\x75\x70\x02\x00\x01\x00"])
def test_damaged_extra_fields_are_passed_over(extra):
    member = ZipInfo("a.jpg")
    member.extra = extra
    assert member_names([member]) == ["a.jpg"]


@pytest.mark.parametrize(
    "path",
    [
        "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
        "x/a.jpg@SynoEAStream",
        "__MACOSX/._a.jpg",
        "x\\THUMBS.DB",
        "x/.picasaoriginals/a.jpg",
        ".AppleDouble/a.jpg",
        "DCIM/.thumbnails/1.jpg",
        "x/.trashed-1700000000-a.jpg",
        "#recycle/a.jpg",
        "$RECYCLE.BIN/S-1-5/a.jpg",
        "System Volume Information/a.jpg",
        "lost+found/a.jpg",
        "Icon\r",
    ],
)
def test_files_of_systems_are_known(path):
    assert is_system_file(path)


@pytest.mark.parametrize(
    "path", ["a.jpg", "x/y.z/a.jpg", "../a.jpg", "./a.jpg", "recycle/icon.png", "@home/a.jpg"]
)
def test_files_of_people_are_none_of_systems(path):
    assert not is_system_file(path)

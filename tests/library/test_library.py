"""Library: additions, searches, conditions, duplicates, statistics."""

import io
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from PIL import ExifTags, Image

from shared.core.images import ImageError
from shared.crossmodal.text.queries import QueryError
from shared.library import errors, vector_index
from shared.library.errors import LibraryError
from shared.library.library import Library
from tests.library.conftest import write_photo

ROOT = Path(__file__).resolve().parents[2]


def exif(date="2021:05:06 07:08:09", latitude=((52, 30, 0), "N"), longitude=((4, 15, 0), "W")):
    """Return EXIF metadata with a date and a place."""
    values = Image.Exif()
    values.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = date
    gps = values.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitude], gps[ExifTags.GPS.GPSLatitudeRef] = latitude
    gps[ExifTags.GPS.GPSLongitude], gps[ExifTags.GPS.GPSLongitudeRef] = longitude
    return values


def names(hits):
    return [Path(hit.path).name for hit in hits]


def test_photos_are_found_by_image_text_and_both(library, photos):
    report = library.add(photos)
    assert (report.added, report.unchanged, report.skipped) == (10, 0, [])
    query = photos / "red" / "3.png"
    hits = library.search(image=query, top_k=3)
    assert hits[0].path == str(query)
    assert hits[0].score == pytest.approx(1, abs=1e-3)
    assert {Path(hit.path).parent.name for hit in hits} == {"red"}
    assert {Path(hit.path).parent.name for hit in library.search(text="a blue wall", top_k=3)} == {"blue"}
    mixed = library.search(image=query, text="blue", top_k=6)
    assert {Path(hit.path).parent.name for hit in mixed} == {"red", "blue"}
    assert (hits.searched, len(hits), hits[0].size) == (10, 3, (48, 48))
    assert library.search(text="green - red", top_k=1)[0].as_dict()["path"].endswith(".png")


def test_texts_are_translated_and_judged(library, photos):
    library.add(photos)
    hits = library.search(text="eine rote wand", top_k=3)
    assert hits.read_as
    assert {Path(hit.path).parent.name for hit in hits} == {"red"}
    assert hits[0].confidence == "good match"
    assert library.search(text="red wibble").unknown_words == ("wibble",)


def test_an_empty_query_and_an_unusable_image_are_refused(library, photos):
    library.add(photos)
    with pytest.raises(QueryError, match="Type some words"):
        library.search(text="  ")
    with pytest.raises(ImageError):
        library.search(image=b"no image")
    with pytest.raises(ValueError, match="top_k"):
        library.search(text="red", top_k=0)


def test_an_empty_library_has_no_hits(library):
    assert len(library.search(text="red")) == 0
    assert library.duplicates() == []
    assert library.update().added == 0


def test_what_is_there_is_not_described_again(library, photos, extractor):
    library.add(photos)
    described = extractor.described
    report = library.add([photos, photos / "red", photos / "red" / "0.png"])
    assert (report.added, report.unchanged) == (0, 10)
    assert extractor.described == described == 10


def test_sources_may_be_files_and_patterns(library, photos):
    assert library.add(str(photos / "*" / "[03].png")).added == 2
    assert library.add([photos / "white.png"]).added == 1
    assert library.add(str(photos / "**" / "4.png")).added == 1
    with pytest.raises(LibraryError, match="does not exist"):
        library.add(photos / "missing")
    with pytest.raises(LibraryError, match="does not match"):
        library.add(str(photos / "*.gif"))


def test_progress_counts_all_files(library, photos):
    calls = []
    library.add(photos, lambda done, total, seconds: calls.append((done, total, seconds)))
    assert [done for done, _, _ in calls] == list(range(1, 11))
    assert {total for _, total, _ in calls} == {10}
    assert calls[-1][2] == 0


def test_the_first_picture_of_a_gif_is_added(library, photos):
    frames = [Image.new("RGB", (48, 48), color) for color in ("red", "blue")]
    frames[0].save(photos / "moving.GIF", save_all=True, append_images=frames[1:])
    assert library.add(photos).added == 11
    assert library.search(image=frames[0], top_k=1)[0].path.endswith("moving.GIF")


def test_dates_and_places_are_read(library, tmp_path):
    write_photo(tmp_path / "p" / "a.jpg", (220, 30, 30), 1, exif())
    write_photo(tmp_path / "p" / "b.jpg", (220, 30, 30), 2, exif("0000:00:00 00:00:00", ((95, 0, 0), "N")))
    write_photo(tmp_path / "p" / "c.jpg", (220, 30, 30), 3)
    library.add(tmp_path / "p")
    hits = {Path(hit.path).name: hit for hit in library.search(text="red")}
    assert hits["a.jpg"].taken == datetime(2021, 5, 6, 7, 8, 9)
    assert (hits["a.jpg"].latitude, hits["a.jpg"].longitude) == (52.5, -4.25)
    assert (hits["b.jpg"].taken, hits["b.jpg"].latitude, hits["c.jpg"].taken) == (None, None, None)
    assert Image.open(io.BytesIO(hits["a.jpg"].thumbnail)).format == "WEBP"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("taken > '2021-01-01'", {"a.jpg"}),
        ("taken between '2021-05' and '2021-06'", {"a.jpg"}),
        ("taken <= '2021-05-06 07:08:08'", set()),
        ("taken is null and name like '%b%'", {"b.jpg"}),
        ("folder like '%it''s%'", {"b.jpg"}),
        ("latitude > 50 or width > 50", {"a.jpg", "c.jpg"}),
        ("  ", {"a.jpg", "b.jpg", "c.jpg"}),
    ],
)
def test_conditions(library, tmp_path, where, expected):
    write_photo(tmp_path / "p" / "a.jpg", (220, 30, 30), 1, exif())
    write_photo(tmp_path / "p" / "it's" / "b.jpg", (220, 30, 30), 2)
    write_photo(tmp_path / "p" / "c.jpg", (220, 30, 30), 3, side=64)
    library.add(tmp_path / "p")
    assert set(names(library.search(text="red", where=where))) == expected
    assert set(names(library.search(image=tmp_path / "p" / "a.jpg", where=where))) == expected


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("colour = 'red'", "There is no column colour"),
        ("taken > 'yesterday'", "'yesterday' is no date"),
        (
            "taken >",
            "^“taken >” is no condition on photos: write it as in .*, and compare any of path, folder",
        ),
        ("1", "is no condition"),
        ("drop table photos", "There is no column drop in"),
        ("width > 'wide'", "is no condition"),
        ("nothing(width)", "is no condition"),
        ("name = 'x' or " * 2000, "A condition may have"),
    ],
)
def test_a_wrong_condition_gives_one_sentence(library, photos, where, sentence):
    library.add(photos)
    with pytest.raises(LibraryError, match=sentence) as error:
        library.search(text="red", where=where)
    assert not re.search(r"\n|/root|[Ll]ance|sql|\.rs", str(error.value))


def test_duplicates_are_identical_files_and_resized_ones(library, photos):
    image = Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 60).convert("RGB")
    image.save(photos / "original.png")
    image.resize((128, 128)).save(photos / "small.jpg", quality=90)
    (photos / "copy.png").write_bytes((photos / "original.png").read_bytes())
    library.add(photos)
    assert [names_of(group) for group in library.duplicates()] == [["copy.png", "original.png", "small.jpg"]]
    assert [names_of(group) for group in library.duplicates(near=False)] == [["copy.png", "original.png"]]


def names_of(paths):
    return sorted(Path(path).name for path in paths)


def test_statistics(library, photos):
    library.add(photos)
    stats = library.stats()
    assert (stats.photos, stats.folders, stats.skipped) == (10, 4, 0)
    assert stats.bytes == sum(path.stat().st_size for path in photos.rglob("*.png"))
    assert stats.sources == (str(photos),)
    assert stats.index == {"image": "exact", "text": "exact"}
    assert stats.disk_bytes > 0
    assert stats.as_dict()["models"]["text"].startswith("ensemble")


def test_above_a_size_there_is_an_index_and_new_photos_are_found(library, tmp_path, monkeypatch, photos):
    for number in range(260):
        write_photo(
            tmp_path / "many" / f"{number}.png", [number % 7 * 30, number % 5 * 40, 90], number, side=16
        )
    monkeypatch.setattr(vector_index, "MIN_PHOTOS", 256)
    monkeypatch.setattr("shared.library.ingest.WRITE_BATCH", 128)
    library.add(tmp_path / "many")
    assert library.stats().index["image"].startswith("IVF_RQ")
    query = tmp_path / "many" / "17.png"
    assert library.search(image=query, top_k=1)[0].path == str(query)
    library.add(photos)
    assert library.search(image=photos / "white.png", top_k=1)[0].path == str(photos / "white.png")
    assert {Path(hit.path).parent.name for hit in library.search(text="blue", top_k=1)} <= {"blue", "many"}


def test_a_closed_library_says_so(library):
    library.close()
    with pytest.raises(LibraryError, match="has been closed"):
        library.search(text="red")


def test_folders_that_are_no_library_are_refused(tmp_path, photos, extractor):
    file = tmp_path / "file"
    file.write_text("text")
    with pytest.raises(LibraryError, match="is a file"):
        Library.open(file)
    with pytest.raises(LibraryError, match="holds other files"):
        Library.open(photos)
    with pytest.raises(LibraryError, match="There is no library"):
        Library.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_damaged_library_gives_one_sentence(tmp_path, extractor, photos):
    with Library.open(tmp_path / "library") as library:
        library.add(photos)
    for path in (tmp_path / "library" / "photos.lance" / "_versions").iterdir():
        path.write_bytes(b"damaged")
    with pytest.raises(LibraryError, match="cannot be read") as error:
        Library.open(tmp_path / "library")
    assert "\n" not in str(error.value)


def test_a_missing_extra_gives_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr(errors, "find_spec", lambda name: None)
    with pytest.raises(LibraryError, match=r"pip install -e '\.\[scale\]'"):
        Library.open(tmp_path / "library")


def test_the_class_can_be_imported_without_the_extra():
    code = (
        "import sys; sys.modules['lancedb'] = sys.modules['pyarrow'] = sys.modules['lance'] = None; "
        "import shared.library.library; import shared.library.results"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_only_the_library_imports_its_packages():
    for path in (ROOT / "shared").rglob("*.py"):
        if path.is_relative_to(ROOT / "shared" / "library"):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        assert not [line for line in lines if line.startswith(("import lance", "from lance", "import ray"))]

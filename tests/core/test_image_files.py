"""Image files in folders, archives and lists."""

import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from shared.core.image_files import ImageFile, read_images


def save(path, color=(0, 0, 0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3), color).save(path)
    return path


@pytest.fixture
def archive(tmp_path):
    """A ZIP of forty images of different colors, in two folders."""
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number in reversed(range(40)):
            image = save(tmp_path / "one.png", (number, 2 * number, 255 - number))
            file.write(image, f"{'cats' if number % 2 else 'dogs'}/{number:02}.png")
            image.unlink()
        file.writestr("cats/notes.txt", "no photo")
        file.writestr("__MACOSX/cats/._01.png", b"no photo either")
        file.writestr("cats/@eaDir/01.png/SYNOPHOTO_THUMB_M.png", b"nor this")
    return path


def names(images):
    return [image.name for image in images]


def test_folders_are_searched_recursively(tmp_path):
    for name in ("b.PNG", "a.jpg", "deep/deeper/c.webp", "deep/d.bmp", ".hidden.png", "@eaDir/a.jpg/e.jpg"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no photo")
    images = read_images([tmp_path])
    assert names(images) == ["a", "b", "d", "c"]
    assert [image_file.folder for image_file in images] == [tmp_path.name, tmp_path.name, "deep", "deeper"]
    assert read_images([str(tmp_path)]) == images


def test_archives_are_read_without_unpacking(archive):
    images = read_images([archive])
    assert len(images) == 40
    assert [image_file.member for image_file in images] == sorted(image_file.member for image_file in images)
    assert (images[0].name, images[0].folder) == ("01", "cats")
    assert images[0].image().getpixel((0, 0)) == (1, 2, 254)
    assert read_images([archive.rename(archive.with_suffix(".ZIP"))])[0].member == images[0].member


def test_lists_name_sources_relative_to_their_folder(tmp_path, archive):
    save(tmp_path / "lone.jpg")
    save(tmp_path / "folder" / "in.png")
    (tmp_path / "lists").mkdir()
    listed = tmp_path / "lists" / "all.txt"
    listed.write_bytes(f"../lone.jpg\r\n\r\n../folder\n{archive}\n".encode())
    assert names(read_images([listed])) == ["lone", "in", *names(read_images([archive]))]


def test_sources_keep_their_order(tmp_path):
    z, a = save(tmp_path / "1" / "z.png"), save(tmp_path / "2" / "a.png")
    assert names(read_images([z.parent, a.parent])) == ["z", "a"]
    assert names(read_images([a, z.parent])) == ["a", "z"]
    assert read_images([]) == []


def test_a_missing_source_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.zip does not exist"):
        read_images([save(tmp_path / "a.png"), tmp_path / "nothing.zip"])
    (tmp_path / "list.txt").write_text("gone.png\n")
    with pytest.raises(FileNotFoundError, match=r"gone\.png does not exist"):
        read_images([tmp_path / "list.txt"])


def test_a_source_without_images_is_an_error(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "table.csv").write_text("a,b")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w") as file:
        file.writestr("notes.md", "no photo")
    for name in ("folder", "empty.txt", "empty.zip", "table.csv"):
        with pytest.raises(FileNotFoundError, match=f"{name} holds no photo"):
            read_images([tmp_path / name])


def test_threads_read_one_archive_at_the_same_time(archive):
    images = read_images([archive]) * 10
    with ThreadPoolExecutor(8) as pool:
        pixels = list(pool.map(lambda image_file: image_file.image().getpixel((1, 1)), images))
    assert pixels == [(n, 2 * n, 255 - n) for n in (int(image_file.name) for image_file in images)]


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_images_are_rgb(mode, tmp_path):
    Image.new("RGB", (4, 3), "white").convert(mode).save(tmp_path / "a.png")
    image = ImageFile(tmp_path / "a.png").image()
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_the_file_of_an_image_is_open_for_reading(tmp_path, archive):
    lone = save(tmp_path / "lone.png")
    with ImageFile(lone).open() as file:
        assert file.read() == lone.read_bytes()
    image_file = read_images([archive])[3]
    with image_file.open() as file, zipfile.ZipFile(archive) as zip_file:
        assert file.read() == zip_file.read(image_file.member)

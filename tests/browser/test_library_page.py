"""A server with a photo library: a visitor's steps in a real browser, and the calls of programs."""

import shutil

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from shared.library.library import Library
from shared.ui.sample_images import sample_images
from tests.browser.steps import download, grid_images, grid_names, open_tab

NAMES = ("cat", "lion", "motorcycle", "rocket")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Folder with photos, one of them twice."""
    folder = tmp_path_factory.mktemp("shared") / "photos"
    for name in NAMES:
        path = sample_images()[name]
        (folder / name).mkdir(parents=True)
        shutil.copy(path, folder / name / f"{name}{path.suffix}")
    shutil.copy(path, folder / f"copy{path.suffix}")
    return folder


@pytest.fixture(scope="module")
def server(photos, start_server):
    """Suite with a library of these photos, in place of the suite without one."""
    uri = str(photos.parent / "library")
    with Library.open(uri) as library:
        assert library.add(photos).added == len(NAMES) + 1
    return start_server(IMAGE_SPACES_LIBRARY=uri)


def test_a_visitor_searches_the_library(visit, photos):
    page = visit("/crossmodal", width=390, height=844)
    open_tab(page, "Library")
    expect(grid_images(page, "library")).to_have_count(len(NAMES) + 1)
    field = page.get_by_label("Words", exact=True)
    field.fill("a motorcycle")
    field.press("Enter")
    expect(page.locator("#library .is-tiles b").first).to_be_visible()
    assert grid_names(page, "library")[0].startswith("motorcycle")

    page.locator("#library .is-tiles figcaption button").first.click()
    panel = page.locator("#library .is-why")
    expect(panel).to_contain_text("photos/motorcycle")
    expect(panel.locator("img")).to_be_visible()
    name, path = download(page, panel.get_by_text("Download the original"))
    assert path.read_bytes() == (photos / "motorcycle" / name).read_bytes()

    page.get_by_label("Folder").locator("visible=true").fill("cat")
    page.get_by_label("Folder").locator("visible=true").press("Enter")
    expect(grid_images(page, "library")).to_have_count(1)
    page.locator(
        "#library .is-tiles figure > button"
    ).click()  # searches with the cat, which is no hit itself
    expect(page.locator("#library .is-tiles-empty")).to_contain_text("No photo of the library fits")
    page.get_by_label("Folder").locator("visible=true").fill("")
    page.get_by_label("Folder").locator("visible=true").press("Enter")
    expect(grid_images(page, "library")).to_have_count(len(NAMES))

    page.get_by_text("Duplicates to review").click()
    page.get_by_role("button", name="Look for photos that are the same").click()
    expect(page.locator("#library")).to_contain_text("2 photos, identical")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_programs_search_the_library(server, photos, tmp_path):
    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    names = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/search_library", "/get_library_photo", "/list_library_duplicates"} < {*names}
    assert not [name for name in names if "library" in name and name.endswith("_1")]
    answer, pictures = client.predict(text="a lion", top_k=2, api_name="/search_library")
    assert (answer["hits"][0]["folder"], answer["searched"], len(pictures)) == ("photos/lion", 5, 2)
    assert str(photos) not in str(answer)
    image = handle_file(str(sample_images()["cat"]))
    answer, _ = client.predict(text="", image=image, api_name="/search_library")
    assert answer["hits"][0]["confidence"] == "very likely the same"
    path = client.predict(photo_id=answer["hits"][0]["id"], api_name="/get_library_photo")
    with open(path, "rb") as stream:
        assert stream.read() == sample_images()["cat"].read_bytes()
    groups = client.predict(api_name="/list_library_duplicates")
    assert [len(group) for group in groups["groups"]] == [2]
    with pytest.raises(AppError, match="Type some words, or choose a picture"):
        client.predict(text="", api_name="/search_library")
    with pytest.raises(AppError, match="is no date"):
        client.predict(text="cat", since="today", api_name="/search_library")

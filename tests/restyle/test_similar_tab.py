"""The tab "Similar outfits" and its endpoint's arguments, with a parser of drawn people."""

from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from shared.core.errors import InputError
from shared.gallery.results import Hit
from shared.matting.matte import Matte
from shared.restyle.similar.descriptor import GarmentDescriber
from shared.restyle.similar.results import SimilarOutfit, SimilarOutfits
from shared.restyle.similar.search import OutfitSearch
from shared.restyle.tabs.photos import Photos
from shared.restyle.tabs.similar.endpoint import wearer
from shared.restyle.tabs.similar.results import ADD_PEOPLE, HINT, NO_PEOPLE, summarize
from shared.restyle.tabs.similar.tab import NOBODY, SimilarTab, first_choice, garment_regions
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.search.matches import EMPTY_GALLERY
from tests.restyle.people import BLUE, RED, WALL, DrawnPeopleParser, draw_person, find_outfit

PAIR = ((10, 60), (100, 140))


@pytest.fixture(scope="module")
def search():
    return OutfitSearch(DrawnPeopleParser(), GarmentDescriber.load(device="cpu"))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Paths of photos: a person in red, one in blue, two people, and a wall."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    images = {
        "red": draw_person(RED),
        "blue": draw_person(BLUE),
        "pair": draw_person(BLUE, columns=PAIR),
        "wall": draw_person(WALL, columns=()),
    }
    for name, image in images.items():
        image.save(tmp_path / f"{name}.png")
    return {name: tmp_path / f"{name}.png" for name in images}


@pytest.fixture
def photos():
    def find_subject(image):
        return Matte(image, Image.new("L", image.size), 0.0, 0.0, 0.1)

    return Photos(SimpleNamespace(outfit=lambda image, *engine: find_outfit(image), subject=find_subject))


@pytest.fixture
def new_tab(photos, search):
    """Function that returns the tab and the store of galleries, for sample photos by name."""

    def new(samples):
        store = GalleryStore(lambda: search, lambda: samples)
        with gr.Blocks():
            return SimilarTab(photos, store.create_session(), lambda: search), store

    return new


def find(tab, path, regions="", *, top_k=24, shown=None, image_id=None):
    """Return the values of the outputs: picker, path, summary and grid."""
    values = tab.find(path and str(path), regions, top_k, shown, image_id, "session", 0)
    assert len(values) == len(tab.outputs)
    return values


def test_the_tab_begins_with_the_people_of_the_gallery(new_tab, files):
    tab, _ = new_tab(files)
    assert len([tab.photo, *tab.inputs]) == len(tab.inputs) + 1
    _, path, summary, grid = find(tab, None)
    assert (path, summary) == (None, HINT)
    assert grid.count("<figure>") == 3
    assert "wall" not in grid


def test_a_photo_is_searched_with_a_garment_without_a_choice(new_tab, files):
    tab, _ = new_tab(files)
    picker, path, summary, grid = find(tab, files["red"])
    assert picker["value"] == "1:bottom"
    assert path == str(files["red"])
    assert grid.count("<figure>") == 2
    assert 'alt="red"' not in grid  # the photo itself
    assert "**2 pictures show this**" in summary
    assert "1 picture is left out, because we see nobody there who wears this." in summary
    assert ADD_PEOPLE in summary


def test_the_garment_can_be_chosen(new_tab, files, tmp_path):
    tab, _ = new_tab(files)
    Image.open(files["red"]).resize((200, 300)).save(tmp_path / "larger.png")
    path = tmp_path / "larger.png"
    picker, _, _, grid = find(tab, path, "1:top", shown=str(path))
    assert "value" not in picker
    assert grid.index('alt="red"') < grid.index('alt="blue"')
    assert find(tab, path, "1:top", shown=str(path), top_k=1)[3].count("<figure>") == 1


def test_a_picture_of_the_gallery_is_searched_without_itself(new_tab, files):
    tab, store = new_tab({name: files[name] for name in ("red", "blue")})
    entry = store.get("session").entries[0]
    path, image_id = tab.pick("session", SimpleNamespace(index=entry.id))
    assert image_id == entry.id
    grid = find(tab, path, image_id=image_id)[3]
    assert ('alt="red"' in grid, 'alt="blue"' in grid) == (False, True)
    # an upload that replaces it is searched in the gallery without its own pixels
    grid = find(tab, files["blue"], image_id=image_id)[3]
    assert ('alt="red"' in grid, 'alt="blue"' in grid) == (True, False)


def test_a_photo_without_people_is_explained(new_tab, files):
    tab, _ = new_tab(files)
    _, _, summary, grid = find(tab, files["wall"])
    assert NOBODY in summary + grid


def test_a_choice_in_an_earlier_photo_is_dropped(new_tab, files):
    tab, _ = new_tab(files)
    wall, red = (str(files[name]) for name in ("wall", "red"))
    assert NOBODY in find(tab, wall, "1:bottom", shown=wall)[3]
    for regions in ("2:bottom", ""):
        assert all(output == gr.skip() for output in find(tab, red, regions, shown=red))


def test_galleries_without_people_are_explained(new_tab, files):
    tab, store = new_tab({"wall": files["wall"]})
    assert NO_PEOPLE in find(tab, None)[3]
    text = find(tab, files["red"])[3]
    assert "No other picture in your gallery shows this" in text
    assert "1 picture is left out" in text
    store.clear("session")
    for path in (None, files["red"]):
        assert EMPTY_GALLERY in find(tab, path)[3]


def test_regions_are_the_garments_and_the_outfit_of_each_person(photos, files):
    names = [region.name for region in garment_regions(photos.outfit(str(files["pair"])))]
    assert names == ["1:bottom", "1:top", "1:outfit", "2:bottom", "2:top", "2:outfit"]
    assert garment_regions(photos.outfit(str(files["wall"]))) == []


def test_clothes_are_chosen_before_bags():
    regions = [SimpleNamespace(name=name) for name in ("1:bag", "1:dress", "1:outfit", "2:top")]
    assert first_choice(regions) == ["1:dress"]
    assert first_choice(regions[:1]) == ["1:bag"]
    assert first_choice([]) == []


@pytest.mark.parametrize(
    ("shown", "wearing", "searched", "sentences"),
    [
        (2, 30, 30, ["**30 pictures show this**", "The best 2 are here."]),
        (1, 1, 2, ["**1 picture shows this**", "1 picture is left out", ADD_PEOPLE]),
        (0, 0, 0, ["No other picture in your gallery shows this.", ADD_PEOPLE]),
    ],
)
def test_summaries(shown, wearing, searched, sentences):
    hits = tuple(SimilarOutfit(Hit(number, "name", 0.5, number + 1), 1) for number in range(shown))
    text = summarize(SimilarOutfits(hits, ("top",), wearing, searched, 0.1, 0.01))
    assert all(sentence in text for sentence in sentences)
    assert (ADD_PEOPLE in text) == (wearing < 5)
    assert ("left out" in text) == (searched > wearing)


def test_callers_get_the_largest_person_who_wears_it(photos, files):
    photo = photos.outfit(str(files["pair"]))
    outfit, kinds = wearer(photo, ["top", "outfit"])
    assert (outfit, kinds) == (photo.outfits[0], ["top", "outfit"])
    assert wearer(photo, [])[1] == ["bottom"]
    with pytest.raises(InputError, match="nobody in this photo who wears shoes"):
        wearer(photo, ["shoes"])
    with pytest.raises(InputError, match="nobody"):
        wearer(photos.outfit(str(files["wall"])), ["top"])

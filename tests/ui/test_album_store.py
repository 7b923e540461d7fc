"""Albums of visitors: calls that change nothing, order of eviction, the notice about one."""

import warnings
from types import SimpleNamespace

import pytest
from gradio.context import LocalContext

from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.snapshot import GalleryEntry
from shared.ui.gallery.album_store import AlbumStore, VisitorAlbum
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.gradio_workarounds import request_address

SENTENCE = "The server was full, so your picture had to go: please add it again."


@pytest.fixture
def call_from():
    """Function that sets the network address of the calls that follow."""
    yield lambda host: LocalContext.request.set(
        SimpleNamespace(headers={}, client=SimpleNamespace(host=host))
    )
    LocalContext.request.set(None)


def test_calls_that_change_nothing_store_nothing(store, albums, colors, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "bad.gallery").write_text("no gallery")
    for number in range(300):
        assert store.remove([], f"visitor {number}") == ("", store.get(""))
    for ids in ([9], ["x"], [None], [True]):
        with pytest.raises(ImageError):
            store.remove(ids, "anna")
    assert store.add([str(tmp_path / "notes.txt")], "anna").key == ""
    with pytest.raises(ImageError):
        store.add([str(tmp_path / "bad.gallery")], "anna")
    assert len(albums) == 0
    store.clear("anna")
    version = store.get("anna").version
    store.clear("anna")
    assert store.get("anna").version == version


def test_the_key_of_a_listing_can_be_used(store, colors):
    key = store.add([colors["blue"]], "anna").key
    assert store.remove([], "anna")[0] == store.remove([], "", key)[0] == key


@pytest.mark.parametrize("change", ["remove", "clear", "add"])
def test_albums_without_own_images_are_evicted_first(search, samples, colors, change):
    albums = AlbumStore(max_count=3)
    store = GalleryStore(lambda: search, samples, albums)
    store.add([colors["blue"]], "anna")
    for number in range(20):
        session = f"visitor {number}"
        if change == "remove":
            store.remove([0], session)
        elif change == "clear":
            store.clear(session)
        else:
            store.remove(store.add([colors["gold"]], session).ids, session)
    assert len(albums) == 3
    assert [entry.name for entry in store.get("anna").entries] == ["blue.png"]


def test_the_client_with_most_albums_loses_them(search, samples, colors, call_from):
    store = GalleryStore(lambda: search, samples, AlbumStore(max_count=4))
    for visitor in ("anna", "ben"):
        call_from(f"10.0.0.{len(visitor)}")
        store.add([colors["blue"]], visitor)
    call_from("10.0.0.99")
    for number in range(20):
        store.add([colors["gold"]], f"visitor {number}")
    assert store.count_own("anna") == store.count_own("ben") == 1
    assert store.count_own("visitor 19") == 1
    assert store.count_own("visitor 0") == 0


def test_the_client_with_most_bytes_loses_them(call_from):
    def album():
        gallery = Gallery()
        gallery.put(GalleryEntry(0, "a", (1, 1), bytes(1000)), {})
        return VisitorAlbum(gallery, 0)

    albums = AlbumStore(max_bytes=10 * album().nbytes)
    for number, host in enumerate(["10.0.0.1", "10.0.0.2", *["10.0.0.9"] * 50]):
        call_from(host)
        albums.set(f"{number}", album())
    assert len(albums) == 10
    assert "0" in albums
    assert "1" in albums
    assert "51" in albums


def test_albums_in_use_are_evicted_last(search, samples, colors):
    albums = AlbumStore(max_count=2)
    store = GalleryStore(lambda: search, samples, albums)
    with store.change("anna") as (_, gallery):
        for number in range(5):
            store.add([colors["gold"]], f"visitor {number}")
        store._search().add([("blue", colors["blue"])], gallery)
    assert store.count_own("anna") == 1


def test_an_upload_without_images_leaves_those_of_another_upload(store, albums, colors):
    with store.change("anna") as (_, gallery):
        with store.change("anna"):
            pass
        assert len(albums) == 1
        store._search().add([("blue", colors["blue"])], gallery)
    assert store.count_own("anna") == 1


def test_a_visitor_is_told_once_of_an_eviction(search, samples, colors):
    store = GalleryStore(lambda: search, samples, AlbumStore(max_count=1))
    key = store.add([colors["blue"]], "anna").key
    store.add([colors["gold"]], "ben")
    with pytest.warns(UserWarning, match=SENTENCE):
        assert len(store.get("anna")) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        store.get("anna")
    with pytest.raises(ImageError, match="no gallery behind this key"):
        store.get("", key)
    store.add([colors["blue"]], "carl")
    with pytest.raises(ImageError, match=SENTENCE):
        store.get("", "ben")


def test_addresses_of_clients(call_from):
    assert request_address() == ""
    for host, address in {
        "10.1.2.3": "10.1.2.3",
        "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
        "testclient": "testclient",
    }.items():
        call_from(host)
        assert request_address() == address

"""Galleries of visitors: access, uploads, limits, saved files, removal."""

import re
import threading
import zipfile
from copy import deepcopy
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from gradio.context import LocalContext
from PIL import Image

from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.gallery.gallery import MAX_COUNT, Gallery
from shared.gallery.index import FINGERPRINT
from shared.ui.gallery.album_store import VisitorAlbum
from shared.ui.gallery.entries import contents, find_entry
from shared.ui.gallery.gallery_store import MAX_IMAGES_PER_CALL
from shared.ui.gallery.tab import save_gallery_file

PROGRESS = SimpleNamespace(tqdm=lambda files, **_: files)


def names(gallery):
    return [entry.name for entry in gallery.entries]


def test_samples_are_shared_until_the_first_change(store, colors):
    samples = store.get("anna")
    assert names(samples) == ["red", "lime"]
    assert store.get("ben") is samples
    report = store.add([colors["blue"]], "anna", progress=PROGRESS)
    assert (report.key, report.ids, report.skipped) == ("anna", (2,), ())
    assert names(store.get("anna")) == ["blue.png"]
    assert names(store.get("ben")) == names(samples) == ["red", "lime"]
    store.remove([0], "ben")
    assert names(store.get("ben")) == ["lime"]
    store.add([colors["gold"]], "ben")
    assert names(store.get("ben")) == ["gold.png"]
    store.reset("anna")
    assert store.get("anna") is samples


def test_samples_stay_when_nothing_can_be_added(store, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    report = store.add([str(tmp_path / "notes.txt")], "anna")
    assert report.ids == ()
    assert names(store.get("anna")) == ["red", "lime"]


def test_spaces_share_images_and_describe_each_once(store, other_store, search, colors):
    report = store.add([colors["blue"], colors["gold"]], "anna")
    first, second = store.get("anna"), other_store.get("anna")
    assert names(first) == names(second) == ["blue.png", "gold.png"]
    assert first.snapshot().ids == second.snapshot().ids == report.ids
    assert (first.features(FINGERPRINT)[1] == 7).all()
    assert (second.features(FINGERPRINT)[1] == 9).all()
    described = search.described
    other_store.add([colors["pink"]], "anna")
    other_store.remove(report.ids[:1], "anna")
    assert names(store.get("anna")) == ["gold.png", "pink.png"]
    assert search.described == described + 1
    other_store.clear("anna")
    assert names(store.get("anna")) == []
    other_store.reset("anna")
    assert names(store.get("anna")) == ["red", "lime"]


def test_a_key_holds_in_all_spaces(store, other_store, colors):
    key = store.add([colors["blue"]], "anna").key
    assert names(other_store.get("ben", key)) == ["blue.png"]
    assert names(other_store.get("ben")) == ["red", "lime"]


def test_features_of_samples_are_not_computed_again(store, search):
    store.get("anna")
    described = search.described
    store.remove([0], "anna")
    assert names(store.get("anna")) == ["lime"]
    assert search.described == described


def test_searches_go_on_while_images_are_added(store, colors):
    store.add([colors["blue"]], "anna")
    slow = ((name, colors[name]) for name in ("gold", "pink"))
    with store.change("anna") as (_, gallery):
        for name, path in slow:
            store._search().add([(name, path)], gallery)
            assert names(store.get("anna"))[-1] == name


def test_all_images_are_removed(store, colors):
    store.add([colors["blue"]], "anna")
    store.clear("anna")
    assert names(store.get("anna")) == []
    assert names(store.get("ben")) == ["red", "lime"]


def test_a_stop_keeps_the_images_before_it(store, colors):
    stop = threading.Event()

    def watch(files, **_):
        for number, file in enumerate(files):
            if number == 1:
                stop.set()
            yield file

    paths = [colors["blue"], colors["gold"], colors["pink"]]
    report = store.add(paths, "anna", progress=SimpleNamespace(tqdm=watch), stop=stop)
    assert (report.stopped, names(store.get("anna"))) == (True, ["blue.png"])
    stop.clear()
    report = store.add(paths[1:], "anna", progress=PROGRESS, stop=stop)
    assert (report.stopped, len(report.ids)) == (False, 2)


def test_own_images_are_counted_without_the_samples(store, colors):
    store.remove([0], "anna")
    assert store.count_own("anna") == 0
    store.add([colors["blue"]], "anna")
    assert store.count_own("anna") == 1


def test_each_session_has_its_own_key(store):
    with gr.Blocks():
        session = store.create_session().session
    first, second = deepcopy(session.value), deepcopy(session.value)
    assert len({session.value, first, second}) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", key) for key in (first, second))


def test_pages_of_one_server_share_the_session(store, other_store):
    with gr.Blocks():
        first = store.create_session().session
    with gr.Blocks():
        assert other_store.create_session().session is first


def test_agents_share_a_session_but_no_images(store, colors):
    LocalContext.request.set(SimpleNamespace(headers={"x-gradio-user": "mcp"}))
    try:
        first = store.add([colors["blue"]], "shared").key
        second = store.add([colors["gold"]], "shared").key
        assert len({first, second, "shared"}) == 3
        assert names(store.get("shared")) == ["red", "lime"]
        assert names(store.get("shared", first)) == ["blue.png"]
        assert names(store.get("shared", second)) == ["gold.png"]
    finally:
        LocalContext.request.set(None)


def test_unknown_keys_are_reported(store, colors):
    for call in (
        lambda: store.get("anna", "0" * 32),
        lambda: store.add([colors["blue"]], "anna", "0" * 32),
        lambda: store.remove([0], "anna", "guess"),
    ):
        with pytest.raises(ImageError, match="no gallery behind this key"):
            call()


def test_unusable_files_are_skipped_and_reported(store, colors, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with zipfile.ZipFile(tmp_path / "trip.zip", "w") as archive:
        archive.write(colors["gold"], "trip/gold.png")
        archive.write(colors["gold"], "../gold.png")
    files = [str(tmp_path / "notes.txt"), str(tmp_path / "trip.zip"), colors["pink"]]
    report = store.add(files, "anna", progress=PROGRESS)
    assert names(store.get("anna")) == ["trip/gold.png", "pink.png"]
    assert len(report.ids) == 2
    assert {name: reason.split(":")[0] for name, reason in report.skipped} == {
        "../gold.png": "Its path leads out of the archive.",
        "notes.txt": "This file is not a picture that we can open",
    }
    values = report.as_dict()
    assert values["added"] == [2, 3]
    assert {"name", "reason"} == set(values["skipped"][0])
    with pytest.raises(ImageError, match="choose one or more"):
        store.add([], "anna")


def test_samples_do_not_count_towards_a_visitors_limit(store, tmp_path):
    with store.change("anna") as (_, gallery):
        pass
    assert gallery.max_count == MAX_COUNT + len(gallery) == MAX_COUNT + 2
    path = save_gallery_file(gallery, "colors")
    store.add([path], "ben")
    assert store.get("ben").max_count == gallery.max_count


def test_a_full_gallery_is_reported(store, albums, colors):
    albums.set("anna", VisitorAlbum(Gallery(max_count=2, first_id=2), 2))
    report = store.add([colors["red"], colors["blue"], colors["gold"]], "anna")
    assert report.ids == (2, 3)
    assert report.skipped == (
        ("All others", "The gallery is full with 2 pictures: please remove some of them first."),
    )


def test_images_of_one_call(store, colors, tmp_path):
    gallery = store.get_or_ingest([colors["blue"], colors["gold"]], "anna")
    assert names(gallery) == ["blue.png", "gold.png"]
    assert store.get_or_ingest(None, "anna") is store.get("anna")
    with pytest.raises(ImageError, match=f"up to {MAX_IMAGES_PER_CALL}"):
        store.ingest_files([colors["blue"]] * (MAX_IMAGES_PER_CALL + 1))
    (tmp_path / "bad.png").write_text("no picture")
    with pytest.raises(ImageError, match=r"None of these files is a picture.*not a picture"):
        store.ingest_files([str(tmp_path / "bad.png")])
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(ImageError, match="None of these files is a picture"):
        store.ingest_files([str(tmp_path / "empty.zip")])


def test_a_gallery_is_saved_and_loaded(store, search, colors):
    store.add([colors["blue"]], "anna")
    path = save_gallery_file(store.get("anna"), "colors")
    assert path.endswith("colors.gallery")
    store.remove([2], "anna")
    described = search.described
    report = store.add([colors["gold"], path], "ben", progress=PROGRESS)
    assert (len(report.ids), report.skipped) == (2, ())
    assert names(store.get("ben")) == ["blue.png", "gold.png"]
    assert names(store.get("anna")) == []
    assert search.described == described + 1


def test_a_gallery_that_another_search_saved_is_described_anew(store, other_store, colors):
    other_store.add([colors["blue"]], "anna")
    path = save_gallery_file(other_store.get("anna"), "colors")
    store.add([path], "ben")
    assert names(store.get("ben")) == ["blue.png"]
    assert (store.get("ben").features(FINGERPRINT)[1] == 7).all()


def test_a_gallery_of_zero_vectors_is_described_anew(store, colors):
    store.add([colors["blue"]], "anna")
    saved, entry = Gallery(), store.get("anna").entries[0]
    features = store.get("anna").snapshot().image_features(entry.id)
    saved.put(entry, {**features, "color": np.zeros_like(features["color"])})
    store.add([save_gallery_file(saved, "zeros")], "ben")
    assert store.get("ben").features("color")[1].any()


def test_zero_vectors_in_a_gallery_are_one_sentence(search):
    gallery = Gallery()
    features = {"color": np.zeros(3, np.float32), FINGERPRINT: search.model_fingerprint}
    gallery.add("black", Image.new("RGB", (8, 8)), features)
    with pytest.raises(InputError, match=r"please add its pictures anew\.$"):
        search.index(gallery)


def test_saved_galleries_that_cannot_be_loaded(store, tmp_path):
    (tmp_path / "bad.gallery").write_text("no gallery")
    with pytest.raises(ImageError, match=r"cannot be loaded: bad\.gallery") as raised:
        store.add([str(tmp_path / "bad.gallery")], "ben")
    assert str(tmp_path) not in str(raised.value)
    assert names(store.get("ben")) == ["red", "lime"]


def test_a_saved_gallery_that_cannot_be_loaded_does_not_cost_the_others(store, colors, tmp_path):
    (tmp_path / "bad.gallery").write_text("no gallery")
    report = store.add([str(tmp_path / "bad.gallery"), colors["blue"]], "ben")
    assert [name for name, _ in report.skipped] == ["bad.gallery"]
    assert names(store.get("ben")) == ["blue.png"]


@pytest.mark.parametrize("ids", [[7], [0, 7], ["x"], [None], [-1], [1.5], [float("inf")], [True], 5])
def test_unknown_ids_remove_nothing(store, ids):
    with pytest.raises(ImageError, match="no picture with this id; its ids run from 0 to 1"):
        store.remove(ids, "anna")
    assert len(store.get("anna")) == 2


def test_entries_are_found_by_id(store):
    gallery = store.get("anna")
    assert find_entry(gallery, "1").name == find_entry(gallery, 1).name == "lime"
    for id in (7, None, "x"):
        with pytest.raises(ImageError, match="its ids run from 0 to 1"):
            find_entry(gallery, id)
    with pytest.raises(ImageError, match="it is empty"):
        find_entry(Gallery(), 0)


def test_contents_are_json_values(store):
    values = contents("k", store.get("anna"))
    assert values["gallery"] == "k"
    assert values["count"] == 2
    assert values["images"][1] == {"id": 1, "name": "lime", "width": 40, "height": 30}

import io

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load, save

from shared.core.errors import InputError
from shared.core.images import ImageError
from shared.retrieval.lifelong import gallery as gallery_module
from shared.retrieval.lifelong.photos import MAX_NAME, check_labels, distinct_photos, hold_out
from shared.retrieval.lifelong.search import LifelongSearch, lesson_settings
from tests.retrieval.lifelong.colors import KNOWN, SHORT, photo, photos


@pytest.fixture
def search(learner) -> LifelongSearch:
    search = LifelongSearch(learner, "starter")
    images = [image for color in KNOWN for image in photos(color, 3)]
    labels = [color for color in KNOWN for _ in range(3)]
    search.add(images, labels, labels)
    return search


def teach_gold(search: LifelongSearch, method: str = "l2", **callbacks):
    return search.learn(photos("gold", 8), ["gold"] * 8, method, settings=SHORT, **callbacks)


def test_a_lesson_is_learned_reported_and_found(search):
    report = teach_gold(search)
    assert search.classes == (*KNOWN, "gold")
    assert report.photos == 6
    assert report.curve[0].step == 0
    assert report.curve[-1].step == SHORT.steps
    assert 0 <= report.curve[-1].new <= 1
    assert report.as_dict()["classes"] == ("gold",)
    hits = search.search(photo("gold", 99), top_k=3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    assert hits[0].score >= hits[1].score >= hits[2].score
    assert {hit.label for hit in hits} <= {*KNOWN, "gold"}
    assert len(search.gallery.images) == 17


def test_the_network_before_the_lesson_can_be_searched_too(search):
    with pytest.raises(InputError, match="teach it something first"):
        search.search(photo("red", 50), before=True)
    expected = search.search(photo("red", 50), top_k=1)[0]
    teach_gold(search, "finetune")
    earlier = search.search(photo("red", 50), top_k=1, before=True)[0]
    assert earlier.score == pytest.approx(expected.score, abs=1e-4)  # all photos of this network are alike


def test_undo_brings_back_what_was_there(search):
    before = search.embed(photos("red", 2))
    teach_gold(search)
    search.undo()
    assert search.classes == KNOWN
    assert len(search.gallery.images) == 9
    assert np.allclose(search.embed(photos("red", 2)), before, atol=5e-3)
    with pytest.raises(InputError, match="no lesson to undo"):
        search.undo()


@pytest.mark.parametrize("moment", [0.1, 0.6, 1.0])
def test_a_lesson_that_is_stopped_changes_nothing(search, moment):
    before = search.learner

    def stop(share: float, _: str) -> None:
        if share >= moment:
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        teach_gold(search, on_progress=stop)
    assert search.learner is before
    assert len(search.gallery.images) == 9
    teach_gold(search)
    assert "gold" in search.classes


def test_a_lesson_can_be_stopped_while_images_are_made(search):
    before = search.learner

    def stop(_: float, text: str) -> None:
        if text.startswith("Dreaming"):
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        teach_gold(search, method="dual", on_progress=stop)
    assert search.learner is before
    assert search.classes == KNOWN


def test_visitors_do_not_share_lessons(search):
    visitor = search.fork()
    teach_gold(visitor)
    assert search.classes == KNOWN
    assert len(search.gallery.images) == 9


def test_a_model_can_be_saved_and_restored(search, tmp_path):
    visitor = search.fork()
    teach_gold(visitor)
    path = tmp_path / "model.safetensors"
    path.write_bytes(visitor.save())
    assert not any(name.startswith("base.stem") for name in load(path.read_bytes()))
    restored = search.fork()
    restored.restore(path)
    assert restored.classes == visitor.classes
    vectors = visitor.embed(photos("gold", 2))
    assert np.allclose(restored.embed(photos("gold", 2)), vectors, atol=5e-3)
    restored.undo()
    assert restored.classes == KNOWN


def test_files_that_are_no_model_get_one_sentence(search, tmp_path):
    path = tmp_path / "model.safetensors"
    good = search.save()
    tensors = load(good)
    name = next(iter(tensors))
    bad = {
        "empty": b"",
        "cut off": good[: len(good) // 2],
        "text": b"hello" * 100,
        "other tensors": save({name: tensors[name]}, {"format": "lifelong-search-1", "starter": "starter"}),
        "other format": save(tensors, {"format": "pt"}),
    }
    before = search.learner
    for data in bad.values():
        path.write_bytes(data)
        with pytest.raises(InputError):
            search.restore(path)
    path.write_bytes(LifelongSearch(search.learner, "other").save())
    with pytest.raises(InputError, match="another starter"):
        search.restore(path)
    assert search.learner is before


@pytest.mark.parametrize(
    ("images", "labels", "sentence"),
    [
        ([], [], "Add photos"),
        (photos("gold", 1), ["gold"], "1 different photo of 'gold'"),
        ([photo("gold", 1)] * 10, ["gold"] * 10, "1 different photo"),
        (photos("gold", 5), [" "] * 5, "name"),
        (photos("gold", 5), ["x" * (MAX_NAME + 1)] * 5, "too long"),
        (photos("gold", 5), ["Red"] * 5, "already knows 'red'"),
        ([Image.new("RGB", (50, 50), "white")] * 5, ["snow"] * 5, "show nothing"),
        (photos("gold", 5), [f"thing {i}" for i in range(5)], "1 different photo"),
        (photos("gold", 21), [f"thing {i}" for i in range(21)], "at most"),
    ],
)
def test_lessons_that_teach_nothing_get_one_sentence(images, labels, sentence):
    with pytest.raises(InputError, match=sentence):
        distinct_photos(images, check_labels(labels, KNOWN))


def test_an_unreadable_photo_leaves_all_as_it_was(search):
    with pytest.raises(ImageError):
        search.learn([io.BytesIO(b"no image")] * 5, ["gold"] * 5)
    assert search.classes == KNOWN
    with pytest.raises(ValueError, match="must be one of"):
        search.learn(photos("gold", 5), ["gold"] * 5, "magic")


def test_copies_of_a_photo_count_once_and_names_are_tidied():
    labels = check_labels(["  old   gold "] * 6, KNOWN)
    assert set(labels) == {"old gold"}
    assert distinct_photos([*photos("gold", 5), photo("gold", 0)], labels) == [0, 1, 2, 3, 4]


def test_every_fourth_photo_is_held_out():
    assert hold_out(["a", "b"] * 4) == [False] * 6 + [True, True]


def test_one_class_fills_a_batch_as_many_do():
    assert lesson_settings(1).images == 40
    assert lesson_settings(8).images == lesson_settings(20).images == 5
    assert lesson_settings(1).steps <= lesson_settings(20).steps


def test_the_gallery_is_bounded(search, monkeypatch):
    monkeypatch.setattr(gallery_module, "MAX_IMAGES", 10)
    search.add(photos("gold", 6), [f"photo {i}" for i in range(6)])
    assert len(search.gallery.images) == 10
    assert search.gallery.labels.count("") == 1
    assert len(search.gallery.vectors) == 10


def test_empty_gallery_has_no_hits(learner):
    search = LifelongSearch(learner)
    assert search.search(photo("red", 0)) == []
    assert search.embed([]).shape == (0, 16)
    assert search.gallery.recall({"red"}) is None

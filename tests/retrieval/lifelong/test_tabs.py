"""The tab "Teach it" and its functions, with a small network that was taught three colors."""

import threading
import time
import zipfile
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from shared.core.errors import InputError, StoppedError
from shared.retrieval.lifelong import search as search_module
from shared.retrieval.lifelong.methods import DEFAULT_METHOD, METHODS
from shared.retrieval.lifelong.results import Recall
from shared.retrieval.lifelong.samples import KNOWN as KNOWN_SAMPLES
from shared.retrieval.lifelong.samples import LESSONS, QUERIES, Sample
from shared.retrieval.lifelong.search import LifelongSearch
from shared.retrieval.tabs import lifelong_models
from shared.retrieval.tabs.lifelong_models import MAX_PHOTOS, LearnedModels, read_photos
from shared.retrieval.tabs.lifelong_panel import MENU
from shared.retrieval.tabs.lifelong_report import chart_html, model_text, progress_html, report_text
from shared.retrieval.tabs.lifelong_run import STOPPED, LessonState, observe_lesson
from shared.retrieval.tabs.lifelong_tab import lifelong_tab
from shared.ui.gallery.gallery_store import GalleryStore
from shared.ui.long_runs import stop_file
from tests.retrieval.lifelong.colors import KNOWN, photo, photos

REQUEST = gr.Request(session_hash="teacher")


@pytest.fixture
def models(learner, monkeypatch):
    """Models whose starter knows three colors, and lessons of three steps."""
    monkeypatch.setattr(search_module, "MIN_STEPS", 3)
    monkeypatch.setattr(search_module, "STEPS_PER_CLASS", 3)
    loads = []

    def load(name, device):
        loads.append((name, device))
        return LifelongSearch(learner, "starter")

    samples = {
        KNOWN_SAMPLES: [Sample(color, image) for color in KNOWN for image in photos(color, 3)],
        LESSONS: [Sample("gold", image) for image in photos("gold", 8)],
        QUERIES: [Sample("gold", photo("gold", 20))],
    }
    monkeypatch.setattr(search_module.LifelongSearch, "load", load)
    monkeypatch.setattr(LearnedModels, "_samples", samples)
    models = LearnedModels("cpu")
    models.loads = loads
    return models


@pytest.fixture
def page(models, tmp_path, monkeypatch):
    """Functions of the tab by name."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    with gr.Blocks() as demo:
        visitor = GalleryStore(lambda: None, dict).create_session()
        lifelong_tab("retrieval", visitor, models)
    functions = {event.name: event.fn for event in demo.fns.values() if event.fn is not None}
    return SimpleNamespace(**functions)


@pytest.fixture
def files(tmp_path):
    """Paths of eight photos."""
    paths = []
    for number, image in enumerate(photos("gold", 8)):
        paths.append(str(tmp_path / f"{number}.png"))
        image.save(paths[-1])
    return paths


def teach(page, files, name="gold", session="anna", method="correlation"):
    """Run a lesson and return the values of the outputs during it."""
    return list(page.teach(name, files, method, session, 0, REQUEST))


def test_the_page_shows_samples_without_a_network(page, models):
    is_filled, classes, lessons, queries, *outputs = page.fill(False, "anna", 0)
    assert is_filled
    assert "these 3" in outputs[5]
    assert classes.count("<figure") == 3
    assert lessons.count("Teach it this") == queries.count("Search with this photo") == 1
    assert models.loads == []
    assert page.fill(True, "anna", 0)[1] == gr.skip()


def test_a_taught_model_is_there_again_after_a_reload(page, models, files):
    teach(page, files)
    *_, text, undo, save, version = page.fill(False, "anna", 0)
    assert "it has learned **gold**" in text
    assert (undo.interactive, save.interactive, version) == (True, True, 1)


def test_a_lesson_from_its_progress_to_undoing(page, models, files):
    *states, last = teach(page, files)
    assert any("<progress" in state[0] for state in states)
    progress, report, _, chart, _, text, undo, save, version = last
    assert progress == ""
    assert "**gold** photos" in report
    assert "of the 9 old ones" in report
    assert "new one: " in chart
    assert "it has learned **gold**" in text
    assert (undo.interactive, save.interactive, version) == (True, True, 1)
    assert models.get("anna").new_classes == ("gold",)
    assert models.get("ben") is models.starter()
    assert len(models.loads) == 1

    assert "After the lesson" in page.search(files[0], "anna", lambda *_, **__: None)
    assert "After the lesson" not in page.search(files[0], "ben", lambda *_, **__: None)
    with pytest.raises(gr.Error, match="already knows 'gold'"):
        teach(page, files, "Gold")
    assert page.undo_lesson("anna", 1)[-1] == 2
    assert models.get("anna").new_classes == ()
    with pytest.raises(gr.Error, match="no lesson to undo"):
        page.undo_lesson("anna", 2)


def test_a_model_is_downloaded_and_loaded_again(page, models, files):
    saved = teach(page, files)[-1][7].value["path"]
    outputs = page.load_model([saved], "ben", lambda *_, **__: None)
    assert outputs[2] == "Your model is loaded."
    assert models.get("ben").classes == models.get("anna").classes
    with pytest.raises(gr.Error, match="damaged, or no taught model"):
        page.load_model([files[0]], "ben", lambda *_, **__: None)


def test_a_stopped_lesson_leaves_the_model(page, models, files):
    lesson = page.teach("gold", files, "correlation", "anna", 0, REQUEST)
    next(lesson)
    stop_file(REQUEST).set()
    *_, last = lesson
    assert last[1] == STOPPED
    assert models.get("anna") is models.starter()
    assert not stop_file(REQUEST).is_set()


@pytest.mark.parametrize(
    ("name", "count", "reason"),
    [
        ("", 8, "Give the new thing a name"),
        ("gold", 0, "Add photos"),
        ("gold", 1, "1 different photo of 'gold'"),
        ("red", 8, "already knows 'red'"),
    ],
)
def test_bad_lessons_get_one_sentence(page, models, files, name, count, reason):
    with pytest.raises(gr.Error, match=reason):
        teach(page, files[:count], name)
    assert models.get("anna") is models.starter()


def test_an_error_removes_the_progress_bar(page, files):
    lesson = page.teach("", files, "correlation", "anna", 0, REQUEST)
    assert next(lesson)[0] == ""
    with pytest.raises(gr.Error, match="a name"):
        next(lesson)


def test_sample_lessons_and_photos_of_the_camera_fill_the_form(page, files):
    label, paths, example = page.choose_lesson(4, SimpleNamespace(index=0))
    assert (label, len(paths), example) == ("gold", 8, 5)
    assert Image.open(page.choose_query(SimpleNamespace(index=0))).size == (80, 60)
    with pytest.raises(gr.Error, match="no such sample"):
        page.choose_query(SimpleNamespace(index=7))
    assert page.take_photo(files[:1], files[1]) == [files[:2], None]


def test_photos_are_read_from_archives_and_bad_ones_are_named(tmp_path, files, monkeypatch):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.write(files[0], "a.png")
        archive.writestr("b.png", b"no image")
    images, skipped = read_photos([str(tmp_path / "photos.zip"), files[1]])
    assert (len(images), [name for name, _ in skipped]) == (2, ["b.png"])
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(InputError, match="not a picture"):
        read_photos([str(tmp_path / "c.png")])
    with pytest.raises(InputError, match=f"at most {MAX_PHOTOS}"):
        read_photos([files[0]] * (MAX_PHOTOS + 1))
    assert read_photos([]) == ([], [])


def test_photos_of_a_lesson_are_small(tmp_path):
    Image.effect_noise((3000, 2000), 50).save(tmp_path / "large.jpg")
    (image,), _ = read_photos([str(tmp_path / "large.jpg")])
    assert max(image.size) == lifelong_models.MAX_SIDE


def test_keys_select_models_and_few_are_kept(models, monkeypatch):
    key = models.keep(models.get_to_change(""), "")
    assert models.get("", key) is not models.starter()
    with pytest.raises(InputError, match="no taught model behind this key"):
        models.get("", "0" * 32)
    for number in range(lifelong_models.MAX_MODELS):
        models.keep(models.starter().fork(), f"visitor {number}")
    with pytest.raises(InputError, match="no longer"):
        models.get("", key)


def test_a_lesson_stops_when_nobody_watches():
    seen, stop = threading.Event(), threading.Event()

    def endless(on_progress, on_recall):
        on_recall(Recall(0, 0.5, None))
        try:
            while True:
                on_progress(0.5, "Learning")
                time.sleep(0.01)
        except StoppedError:
            seen.set()
            raise

    lesson = observe_lesson(endless, stop)
    assert next(lesson).curve == (Recall(0, 0.5, None),)
    lesson.close()
    assert seen.is_set()
    lesson = observe_lesson(endless, stop)
    next(lesson)
    stop.set()
    with pytest.raises(StoppedError, match="as it was before"):
        list(lesson)


def test_reports_say_what_was_forgotten(models):
    gallery = models.starter().gallery
    report = SimpleNamespace(classes=("a*b",), curve=(Recall(0, 1.0, None),), forgotten=(0, 4))
    text = report_text(report, gallery, [("x.png", "No picture.")])
    found, _ = gallery.count_right(KNOWN)
    assert text.startswith("1 file was left out: No picture.")
    assert f"**a\\*b** photos, and of the 9 old ones it still finds {found} (9 before the lesson)" in text
    assert "2 were forgotten" in text
    nothing = SimpleNamespace(classes=("gold",), curve=(Recall(0, found / 9, None),), forgotten=())
    assert report_text(nothing, gallery, []).endswith("nothing was forgotten.")


def test_parts_of_the_page():
    assert 'value="42"' in progress_html(LessonState(0.42, "<Learning>"))
    assert "<Learning>" not in progress_html(LessonState(0.42, "<Learning>"))
    assert chart_html([], 60) == ""
    assert "new one" not in chart_html([Recall(0, 0.5, None)], 60)
    model = SimpleNamespace(classes=tuple("abcdefghij"), new_classes=tuple("defghij"))
    assert model_text(model).endswith("2 more, **f**, **g**, **h**, **i** and **j**.")


def test_the_menu_begins_with_the_best_method_and_has_what_the_starter_can_do():
    assert MENU[0] == DEFAULT_METHOD
    assert set(METHODS) - set(MENU) == {"ewc", "mas"}
    assert len(set(MENU)) == len(MENU)

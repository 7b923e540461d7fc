"""The steps of a gallery search, with an engine whose features are mean colors."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from shared.core.images import open_image
from shared.gallery.gallery import Gallery
from shared.gallery.index import FINGERPRINT, MismatchError, VectorGalleryIndex
from shared.gallery.ingest import DescribedImage, decode_stream
from shared.gallery.results import SearchRequest
from shared.gallery.search import EncodedQuery, GallerySearch
from shared.index.vector_index import VectorIndex

COLORS = {"red": (255, 0, 0), "orange": (255, 120, 0), "yellow": (255, 255, 0), "blue": (0, 0, 255)}


class ColorSearch(GallerySearch):
    """Search by the mean color of images; warm colors are duplicates of each other."""

    def __init__(self, weights: int = 7) -> None:
        self._fingerprint = np.array([weights], np.uint64)
        super().__init__("color")
        self.threshold = 0.99

    @property
    def model_fingerprint(self):
        return self._fingerprint

    def describe(self, image):
        mean = np.asarray(image, np.float32).mean((0, 1)) + 1
        return {"color": mean / np.linalg.norm(mean), FINGERPRINT: self._fingerprint}

    def describe_stream(self, images, on_skip):
        def prepare(name, image):
            return DescribedImage(name, image.size, image, self.describe(image))

        return decode_stream(images, prepare, on_skip=on_skip)

    def new_index(self):
        return VectorGalleryIndex("exact", "color", self._fingerprint)

    def duplicate_groups(self, snapshot, ids):
        return [snapshot.entries[id].name != "blue" for id in ids]

    def __call__(self, color, probability=None, calibrated=True, evidence=None, **options):
        def encode():
            features = self.describe(Image.new("RGB", (4, 4), COLORS[color]))
            return EncodedQuery(features, calibrated, probability, evidence=evidence)

        return self._search(encode, SearchRequest(**options))


def image_of(color):
    return Image.new("RGB", (40, 30), COLORS[color])


@pytest.fixture
def search():
    search = ColorSearch()
    search.add([(name, image_of(name)) for name in COLORS])
    return search


def names(results):
    return [hit.name for hit in results.hits]


def test_hits_are_ranked_by_similarity(search):
    results = search("red")
    assert names(results) == ["red", "orange", "yellow", "blue"]
    assert (results.engine, results.searched, results.good_match) == ("color", 4, True)
    assert results.seconds >= results.search_seconds > 0
    assert names(search("red", top_k=2)) == ["red", "orange"]
    assert names(search("red", exclude_id=0, top_k=2)) == ["orange", "yellow"]


def test_the_threshold_applies_to_calibrated_queries_only(search):
    search.gallery.remove([0])
    assert search("red").good_match is False
    results = search("red", calibrated=False)
    assert (results.good_match, results.threshold) == (None, None)


def test_probabilities_depend_on_the_number_of_images(search):
    sizes = []

    def probability(scores, count):
        sizes.append(count)
        return scores / count

    results = search("blue", probability=probability)
    assert sizes == [4]
    assert results.hits[0].probability == pytest.approx(results.hits[0].score / 4)


def test_hidden_duplicates_do_not_shorten_the_list(search):
    results = search("red", hide_duplicates=True)
    assert [(hit.name, hit.duplicate_count) for hit in results.hits] == [("red", 2), ("blue", 0)]
    search.add([(f"copy {number}", image_of("red")) for number in range(60)])
    results = search("red", hide_duplicates=True, top_k=2)
    assert [hit.duplicate_count for hit in results.hits] == [62, 0]
    assert results.hits[1].name == "blue"


def test_an_empty_gallery_has_no_hits():
    results = ColorSearch()("red")
    assert (results.hits, results.good_match, results.searched) == ((), False, 0)


def test_a_gallery_of_other_weights_is_refused(search):
    other_search = ColorSearch(weights=8)
    with pytest.raises(MismatchError, match="other weights"):
        other_search("red", gallery=search.gallery)
    with pytest.raises(MismatchError, match="other weights"):
        other_search.add([("red", image_of("red"))], search.gallery)
    bare = Gallery()
    bare.add("red", image_of("red"), {"size": np.zeros(2, np.float32)})
    with pytest.raises(MismatchError, match="lacks"):
        search("red", gallery=bare)


def test_the_index_follows_the_gallery(search):
    assert names(search("blue", top_k=1)) == ["blue"]
    search.gallery.remove([3])
    assert "blue" not in names(search("blue"))
    search.add([("sea", image_of("blue"))])
    assert names(search("blue", top_k=1)) == ["sea"]
    search.gallery.clear()
    assert search("blue").hits == ()


def test_a_failed_update_leaves_a_usable_index(search, monkeypatch):
    search("red")
    search.add([("sea", image_of("blue"))])

    def fail(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(VectorIndex, "add", fail)
        with pytest.raises(MemoryError):
            search("blue")
    assert sorted(names(search("blue", top_k=2))) == ["blue", "sea"]


def test_an_index_lives_as_long_as_its_gallery(search):
    gallery = search.gallery.copy()
    search("red", gallery=gallery)
    search("red")
    assert len(search._indexes) == 2
    del gallery
    assert len(search._indexes) == 1


def test_searches_while_images_are_added(search):
    finished = threading.Event()

    def read():
        while not finished.is_set():
            results = search("yellow", top_k=1000)
            assert names(results)[0] == "yellow"
            assert len(results.hits) == results.searched

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        for number in range(30):
            search.add([(f"sea {number}", image_of("blue"))])
        finished.set()
        for reader in readers:
            reader.result()
    assert len(search.gallery) == 34


def test_unusable_images_are_skipped_and_reported(tmp_path):
    search, progress = ColorSearch(), []
    (tmp_path / "red.png").write_bytes(b"not an image")
    image_of("blue").save(tmp_path / "blue.png")
    inputs = [tmp_path / "red.png", tmp_path / "blue.png", ("hole", b""), image_of("red")]
    report = search.add(inputs, progress=lambda *numbers: progress.append(numbers))
    assert [search.gallery.entry(id).name for id in report.ids] == ["blue.png", "picture 4"]
    assert [name for name, _ in report.skipped] == ["red.png", "hole"]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert report.full_message == ""


def test_an_open_file_is_read_before_the_next_is_requested(tmp_path):
    image_of("red").save(tmp_path / "red.png")

    def files():
        for number in range(5):
            with open(tmp_path / "red.png", "rb") as file:
                yield f"{number}", file

    search = ColorSearch()
    assert len(search.add(files()).ids) == 5


def test_an_unreadable_file_object_is_reported_as_such(tmp_path):
    image_of("red").save(tmp_path / "red.png")
    with open(tmp_path / "red.png", "rb") as closed:
        pass
    report = ColorSearch().add([("closed", closed), ("empty", io.BytesIO())])
    assert [name for name, _ in report.skipped] == ["closed", "empty"]
    assert "cannot be found or read" in report.skipped[0][1]
    assert "is empty" in report.skipped[1][1]


def test_a_full_gallery_says_so():
    search = ColorSearch()
    search.gallery = Gallery(max_count=1)
    report = search.add([image_of("red"), image_of("blue")])
    assert len(report.ids) == 1
    assert "full with 1 pictures" in report.full_message


def test_one_image_may_be_added_without_a_list(tmp_path):
    search = ColorSearch()
    image_of("red").save(tmp_path / "red.png")
    for image in (image_of("red"), np.zeros((4, 4, 3), np.uint8), tmp_path / "red.png", tmp_path):
        assert len(search.add(image).ids) == 1
    assert len(search.add((tmp_path / "red.png").read_bytes()).ids) == 1
    assert open_image(search.gallery.entry(0).thumbnail).size == (40, 30)


def test_evidence_orders_the_best_images_and_the_others_follow(search, monkeypatch):
    monkeypatch.setattr("shared.gallery.search.RESCORED", 3)
    plain = search("red")
    assert names(plain) == ["red", "orange", "yellow", "blue"]
    seen = []

    def evidence(features):
        seen.append(len(features["color"]))
        return np.array([-2, 0, 1], np.float32)

    results = search("red", evidence=evidence)
    assert names(results) == ["yellow", "orange", "red", "blue"]
    assert seen == [3]
    scores = [hit.score for hit in results.hits]
    assert scores == sorted(scores, reverse=True)
    assert names(search("red", evidence=evidence, top_k=1)) == ["yellow"]  # more than one are compared
    search.gallery.clear()
    assert names(search("red", evidence=evidence)) == []

"""The trade-off of engines on a gallery, and its charts."""

import threading

import pytest

from shared.core.errors import StoppedError
from shared.core.images import ImageError
from shared.gallery.gallery import Gallery
from shared.gallery.index import MismatchError
from shared.retrieval import tradeoff
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.descriptor.head import DescriptorHead
from shared.retrieval.engines import OFFLINE_ENGINES as ENGINES
from shared.retrieval.tabs.tradeoff import charts_html
from shared.retrieval.tradeoff import EngineCost
from tests.retrieval.samples import SIZE, make_search, sample_image, sample_vocabulary


@pytest.fixture(scope="module")
def extractor(network_folder):
    return Extractor.load(folder=network_folder, head=DescriptorHead(sizes=[SIZE]), device="cpu")


@pytest.fixture(scope="module")
def searches(extractor):
    describer = Describer(extractor, sample_vocabulary(extractor))
    return {name: make_search(name, describer) for name in ENGINES}


@pytest.fixture(scope="module")
def gallery(searches):
    gallery = Gallery()
    searches["exact"].add([sample_image(number) for number in range(15)], gallery)
    return gallery


def test_every_engine_is_measured(searches, gallery):
    costs = tradeoff.measure(searches, gallery, queries=5, size=300)
    assert [cost.engine for cost in costs] == list(ENGINES)
    for cost in costs:
        assert 0 <= cost.recall <= 1
        assert cost.ms_per_query > 0
        assert cost.bytes_per_image > 0
    by_name = {cost.engine: cost for cost in costs}
    assert by_name["exact"].recall == 1
    assert by_name["exact"].bytes_per_image == pytest.approx(4 * 1856, rel=0.01)
    assert [by_name[name].images for name in ("exact", "ivf", "hnsw", "pq")] == [300] * 4
    assert by_name["histogram"].images == by_name["deepindex-single"].images == 15
    assert by_name["histogram"].recall > 10 / 14 - 0.2  # ten of fourteen neighbors agree by chance


def test_each_engine_is_reported_and_a_stop_ends_the_run(searches, gallery):
    reports, stop = [], threading.Event()

    def report(number, total):
        reports.append((number, total))
        if number == 2:
            stop.set()

    with pytest.raises(StoppedError, match="nothing was measured"):
        tradeoff.measure(searches, gallery, queries=2, size=1, progress=report, stop=stop)
    assert reports == [(number, len(ENGINES)) for number in range(3)]


def test_a_gallery_is_never_cut(searches, gallery):
    assert {cost.images for cost in tradeoff.measure(searches, gallery, queries=2, size=1)} == {15}


def test_a_gallery_that_cannot_be_measured_is_an_error(searches, extractor, gallery):
    with pytest.raises(ImageError, match="at least 2 pictures"):
        tradeoff.measure(searches, Gallery())
    head = DescriptorHead(sizes=[SIZE + 32])
    changed = make_search("exact", Describer(Extractor("cfn", extractor.network, head)))
    with pytest.raises(MismatchError, match="other weights"):
        tradeoff.measure({"exact": changed}, gallery)


def test_charts_and_table_mark_the_engine():
    costs = [EngineCost("exact", 1.0, 0.5, 4096, 20_000), EngineCost("pq", 0.875, 0.0, 96, 20_000)]
    titles = {"exact": "Best <matches>", "pq": "Smallest"}
    html = charts_html(costs, titles, "pq")
    assert html.count("<svg") == 2
    assert "Best &lt;matches&gt;" in html
    marked = html.partition('<tr class="is-marked">')[2].partition("</tr>")[0]
    for text in ("Smallest", "0.875", "96", "20,000"):
        assert text in marked
    assert charts_html([], titles, "pq") == ""

"""Florence-2 from the Hub: a tiny network of its class, with random weights."""

import threading
from types import SimpleNamespace

import pytest

from shared.core.calls import controlled_call
from shared.core.errors import StoppedError
from shared.core.weights import WeightsError
from shared.crossmodal.captioners.captioner import Captions
from shared.crossmodal.captioners.florence import FlorenceCaptioner
from shared.crossmodal.engines import CAPTIONERS, FLORENCE, OWN_SENTENCES
from shared.crossmodal.search import CrossModalSearch
from shared.crossmodal.tabs.describe import describe_image
from tests.core import tiny_networks, tiny_pipelines
from tests.core.hub_server import running
from tests.core.tiny_pipelines import one_thread  # noqa: F401
from tests.crossmodal.color_embedder import ColorEmbedder, color_image

ROW = CAPTIONERS[FLORENCE]


@pytest.fixture(scope="module")
def captioner():
    return ROW.load(folder=tiny_networks.florence(), device="cpu")


def test_our_own_sentences_come_first():
    assert next(iter(CAPTIONERS)) == OWN_SENTENCES
    assert CAPTIONERS[OWN_SENTENCES].load(device="cpu") is None


def test_a_sentence_and_a_paragraph(captioner, monkeypatch):
    tasks = []
    processor = captioner.files.processor

    def process(text, images, **settings):
        tasks.append(text)
        return processor(text=text, images=images, **settings)

    files = SimpleNamespace(
        inputs=captioner.files.inputs, run=captioner.files.run, processor=Spy(processor, process)
    )
    captions = FlorenceCaptioner(files)(color_image("red"))
    assert tasks == ["<CAPTION>", "<MORE_DETAILED_CAPTION>"]
    assert captions.sentence.endswith(".")
    assert len(captions.paragraph) >= len(captions.sentence)


class Spy:
    """Processor whose calls go through another function."""

    def __init__(self, processor, process):
        self._processor, self._process = processor, process

    def __call__(self, **arguments):
        return self._process(**arguments)

    def __getattr__(self, name):
        return getattr(self._processor, name)


def test_writing_ends_when_nobody_waits(captioner):
    pieces = []

    class Control:
        def check(self, *, may_wait):
            pieces.append(threading.get_ident())
            if len(pieces) > 5:
                raise StoppedError("Stopped: nobody waits for this.")

    with controlled_call(Control()), pytest.raises(StoppedError):
        captioner(color_image("red"))
    assert len(pieces) == 6


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (640, 480)])
def test_images_of_any_size(captioner, size):
    assert captioner(color_image("red").resize(size)).sentence


def test_the_sentence_is_ranked_and_the_paragraph_shown(tmp_path):
    search = CrossModalSearch("rrf", ColorEmbedder())
    path = tmp_path / "red.png"
    color_image("red").save(path)
    captions = Captions("A red wall that nobody else would write about.", "A wall. It is red.")

    def write(image, captioner):
        return captions if captioner == FLORENCE else None

    ranking = describe_image(search, write, str(path), "", FLORENCE)
    assert captions.sentence in [sentence.text for sentence in ranking.sentences]
    assert ranking.as_dict()["paragraph"] == captions.paragraph
    assert describe_image(search, write, str(path), "", OWN_SENTENCES).paragraph == ""
    typed = describe_image(search, write, str(path), "A blue car.", FLORENCE)
    assert [sentence.text for sentence in typed.sentences] == ["A blue car."]
    assert typed.paragraph == ""


@pytest.fixture
def repository(tmp_path, monkeypatch):
    with running() as server:
        tiny_pipelines.use_hub(monkeypatch, server.endpoint, tmp_path / "cache")
        files = tiny_pipelines.files_of(tiny_networks.florence())
        repository = server.add(
            ROW.weights, files | {"processing.py": b"code", "pytorch_model.bin": b"a pickle"}
        )
        repository.server = server
        yield repository


def test_the_network_is_downloaded_without_code(repository):
    assert ROW.load(device="cpu")(color_image("red")).sentence
    fetched = "\n".join(repository.server.requests)
    assert "model.safetensors" in fetched
    assert ".py" not in fetched
    assert ".bin" not in fetched


def test_a_repository_without_its_processor(repository):
    del repository.files["tokenizer.json"]
    with pytest.raises(WeightsError, match="is no Florence2Processor, or only a part of it"):
        ROW.load(device="cpu")


def test_a_gated_repository(repository):
    repository.gated = True
    with pytest.raises(WeightsError, match="only for those who accept its terms"):
        ROW.load(device="cpu")

"""Engines from the Hub behind the endpoints of a running suite: tiny ones, from a local Hub."""

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from shared.crossmodal.engines import CAPTIONERS, FLORENCE
from shared.recognition.engines import CLASSIFIERS, DINOV2, EOMT, FINDERS, SEGMENTERS, SIGLIP
from shared.retrieval import engines as retrieval
from tests.core import tiny_networks, tiny_pipelines
from tests.core.hub_server import running

FOLDERS = {
    CAPTIONERS[FLORENCE]: tiny_networks.florence,
    retrieval.ENGINES[retrieval.DINOV2]: tiny_networks.dinov2_with_registers,
    CLASSIFIERS[SIGLIP]: tiny_networks.siglip,
    CLASSIFIERS[DINOV2]: tiny_networks.dinov2,
    SEGMENTERS[EOMT]: tiny_networks.eomt,
    FINDERS["grounding-dino"]: tiny_networks.grounding_dino,
    FINDERS["sam2"]: tiny_networks.sam2,
}


@pytest.fixture(scope="module")
def hub():
    """Run a Hub with the repositories of the engines."""
    with running() as hub:
        for row, folder in FOLDERS.items():
            repository = hub.add(row.weights, tiny_pipelines.files_of(folder()))
            is_branch = (row.revision or "").startswith("refs/")
            setattr(repository, "branch" if is_branch else "revision", row.revision)
        yield hub


@pytest.fixture(scope="module")
def call(hub, start_server, tmp_path_factory, cat_path):
    """Return a function that calls an endpoint of the suite with a photo."""
    folder = tmp_path_factory.mktemp("hub")
    server = start_server(HF_HUB_OFFLINE="0", HF_ENDPOINT=hub.endpoint, HF_HOME=str(folder))
    client = Client(server.url, verbose=False, download_files=str(folder))

    def call(name, **arguments):
        return client.predict(image=handle_file(cat_path), api_name=f"/{name}", **arguments)

    return call


def size(path):
    with Image.open(path) as image:
        return image.mode, image.size


def test_one_s_own_labels(call):
    result = call("classify", engine=SIGLIP, labels="red dog, blue cat")
    assert {row["label"] for row in result["predictions"]} == {"red dog", "blue cat", "none of these"}
    assert len(call("classify", engine=SIGLIP)["predictions"]) == 5
    with pytest.raises(AppError, match="has classes of its own"):
        call("classify", engine="lite", labels="cat")


def test_a_large_classifier_and_its_reasons(call):
    assert call("classify", engine=DINOV2)["engine"] == DINOV2
    assert size(call("explain", engine=DINOV2)) == ("RGB", (240, 160))
    with pytest.raises(AppError, match="cannot explain its answers"):
        call("explain", engine=SIGLIP)


def test_a_large_segmenter(call):
    assert size(call("segment", engine=EOMT)) == ("RGB", (240, 160))


def test_things_by_words_and_by_a_point(call):
    regions, picture = call("find_by_words", words="cat, red dog")
    assert regions["labels"] == ["background", "cat", "red dog"]
    assert size(picture) == ("RGB", (240, 160))
    cutout = call("cut_out_at", x=120, y=80)
    assert size(cutout) == ("RGBA", (240, 160))
    with Image.open(cutout) as image:
        assert np.asarray(image)[..., 3].max() in (0, 255)
    with pytest.raises(AppError, match="Write what to look for"):
        call("find_by_words", words=" ")
    with pytest.raises(AppError, match="lies outside of the picture"):
        call("cut_out_at", x=240, y=80)


def test_a_captioner(call):
    result = call("describe", captioner=FLORENCE)
    assert result["paragraph"]
    assert len(result["sentences"]) == 10
    assert call("describe")["paragraph"] == ""


def test_an_image_search(call):
    results, pictures = call("search_similar", engine=retrieval.DINOV2, top_k=3)
    assert results["engine"] == retrieval.DINOV2
    assert results["hits"][0]["name"].startswith("cat")
    assert len(pictures) == 3

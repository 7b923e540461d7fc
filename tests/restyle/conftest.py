import pytest

from shared.restyle.tabs.runners import Runners
from tests.restyle.drawn_outfits import draw_person, find_outfit, find_subject, swap


@pytest.fixture
def run():
    return Runners(find_subject, find_outfit, lambda image, box: None, swap, dress=None, repaint=None)


@pytest.fixture
def files(tmp_path):
    """Paths of images: a person, another one, two people, and a wall without anybody."""
    images = {
        "person": draw_person((40, 80)),
        "other": draw_person((30, 90)),
        "pair": draw_person((8, 50), (72, 104)),
        "wall": draw_person(),
    }
    paths = {name: str(tmp_path / f"{name}.png") for name in images}
    for name, image in images.items():
        image.save(paths[name])
    return paths

"""Data sets of tiny images of one color, which their texts name, and trainings on them."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.crossmodal import train_jmc
from shared.networks.cfn import CFN
from tests.crossmodal.colors import COLORS
from tests.crossmodal.product_data import write_stripes, write_walls
from tests.crossmodal.training_options import PRODUCT_STAGES, SMALL_PRODUCTS
from tests.predictors import with_random_weights


@pytest.fixture(scope="session")
def recognition_folder(tmp_path_factory):
    """Weights of an untrained recognition network."""
    network = with_random_weights(CFN(classes=3, fusion="none"))
    return weights.save(network, tmp_path_factory.mktemp("recognition"))


@pytest.fixture(scope="session")
def color_folder(tmp_path_factory):
    """Data set in Flickr8k's layout: two images of each color, five captions each; one of each in `dev`."""
    folder = tmp_path_factory.mktemp("colors")
    rng = np.random.default_rng(0)
    lines = ["image\tsplit\t" + "\t".join(f"caption{number}" for number in range(1, 6))]
    for split in ("train", "dev", "test"):
        with zipfile.ZipFile(folder / f"{split}.zip", "w") as archive:
            # Of two images of a color chance decides which comes first, and a validation must be exact.
            for number in range(4 if split == "dev" else 8):
                name, color = list(COLORS.items())[number % 4]
                noise = rng.normal(0, 12, (24, 24, 3))
                stream = io.BytesIO()
                Image.fromarray((noise + color).clip(0, 255).astype(np.uint8)).save(stream, "PNG")
                archive.writestr(f"{split}{number}.png", stream.getvalue())
                captions = (f"a {name} wall", f"{name} all over", f"it is {name}", f"the {name} one", name)
                lines.append("\t".join([f"{split}{number}", split, *captions]))
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def one_core():
    """Limit torch to one core: small networks learn hardly faster with more, and slower if these are busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def training_data(color_folder, recognition_folder, tmp_path_factory):
    """Options of trainings on the images of one color, whose region features share a cache."""
    cache = tmp_path_factory.mktemp("cache")
    folders = ["--recognition", str(recognition_folder), "--cache", str(cache)]
    return ["--data", f"flickr8k={color_folder}", *folders]


@pytest.fixture(scope="session")
def wall_folder(color_folder, tmp_path_factory):
    """Data set of walls of one color, in the layout of the Grocery Store set."""
    return write_walls(tmp_path_factory.mktemp("walls"), color_folder)


@pytest.fixture(scope="session")
def stripe_folder(tmp_path_factory):
    """Data set of images that show no wall, in the layout of Flickr8k."""
    return write_stripes(tmp_path_factory.mktemp("stripes"))


@pytest.fixture(scope="session")
def product_data(wall_folder, stripe_folder, recognition_folder, tmp_path_factory):
    """Options of trainings of JMC on walls, whose region features share a cache."""
    data = ["--data", f"grocery={wall_folder}", "--outliers", f"flickr8k={stripe_folder}"]
    cache = tmp_path_factory.mktemp("product-cache")
    return [*data, "--recognition", str(recognition_folder), "--cache", str(cache)]


@pytest.fixture(scope="session")
def jmc_folder(product_data, tmp_path_factory):
    """Weights of JMC after a training on walls."""
    options = [*product_data, *SMALL_PRODUCTS, *PRODUCT_STAGES]
    return train_jmc.main([*options, "--out", str(tmp_path_factory.mktemp("jmc"))])

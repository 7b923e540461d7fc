"""A tiny set of pictures with sentences: colors that words name."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from shared.core import weights
from shared.networks.cfn import CFN
from tests.predictors import lively

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 220), "white": (240, 240, 240)}


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    """Weights of a recognition network that has learned nothing."""
    return weights.save(lively(CFN(classes=3, fusion="none")), tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def color_folder(tmp_path_factory):
    """Flickr8k's layout: photos of one color each, five sentences each; of every color two, in `dev` one."""
    folder = tmp_path_factory.mktemp("colors")
    rng = np.random.default_rng(0)
    lines = ["image\tsplit\t" + "\t".join(f"caption{number}" for number in range(1, 6))]
    for split in ("train", "dev", "test"):
        with zipfile.ZipFile(folder / f"{split}.zip", "w") as archive:
            # of two photos alike only chance tells which is right, and a validation must tell more
            for number in range(4 if split == "dev" else 8):
                name, color = list(COLORS.items())[number % 4]
                noise = rng.normal(0, 12, (24, 24, 3))
                stream = io.BytesIO()
                Image.fromarray((noise + color).clip(0, 255).astype(np.uint8)).save(stream, "PNG")
                archive.writestr(f"{split}{number}.png", stream.getvalue())
                words = (f"a {name} wall", f"{name} all over", f"it is {name}", f"the {name} one", f"{name}")
                lines.append("\t".join([f"{split}{number}", split, *words]))
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def one_core():
    """Small networks learn hardly faster with more cores, and where these have other work far slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)

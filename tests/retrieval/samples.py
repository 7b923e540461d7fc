"""Images, vocabularies and describers for tests of searches."""

from dataclasses import replace

from PIL import Image
from skimage import data

from shared.retrieval.deepindex.patches import compute_bag, patch_grid
from shared.retrieval.deepindex.vocabulary import SearchSettings, Vocabulary
from shared.retrieval.describer import Describer
from shared.retrieval.descriptor.extractor import Extractor
from shared.retrieval.engines import ENGINES
from shared.retrieval.search import ImageSearch
from shared.retrieval.training.codebooks import CodebookSettings, fit_vocabulary

SIZE = 64  # longer side at which untrained networks see images


def sample_image(number: int) -> Image.Image:
    """Return a crop of a photograph, 130 x 100 pixels, which differs from all others below number 40."""
    image = Image.fromarray((data.astronaut, data.coffee, data.chelsea, data.rocket)[number % 4]())
    left, top = 25 * (number // 4), 17 * (number // 4)
    return image.crop((left, top, left + 130, top + 100))


def sample_vocabulary(extractor: Extractor, seed: int = 0) -> Vocabulary:
    """Fit a small vocabulary to the sample images."""
    boxes = patch_grid((1, 2))
    bags = [compute_bag(extractor.maps(sample_image(number), SIZE), boxes) for number in range(40)]
    settings = CodebookSettings(dims=16, bits=16, seed=seed)
    words = {"mid": 24, "high": 24}
    vocabulary = fit_vocabulary(bags, words, settings, power=3.0, signature_bits=32)
    return replace(vocabulary, size=SIZE, settings=SearchSettings((4, 4), sigma=8.0))


def make_search(engine: str, describer: Describer, **options) -> ImageSearch:
    """Return a search with a describer that is loaded already."""
    return ImageSearch(engine, ENGINES[engine].load(describer=describer), **options)

"""Which ways there are to search, and which networks describe pictures."""

from shared.core.engines import Engine, table

#: How a gallery is searched; all of them search what one description of each picture says.
ENGINES = table(
    Engine(
        name="exact",
        title="Descriptor, all compared",
        description="one descriptor for a picture, compared with every other: nothing is missed",
        weights="retrieval-descriptor",
    ),
    Engine(
        name="ivf",
        title="Descriptor, inverted lists (IVF)",
        description="compares with the lists nearest to the query; from 10,000 pictures on, all before",
        weights="retrieval-descriptor",
    ),
    Engine(
        name="hnsw",
        title="Descriptor, graph (HNSW)",
        description="walks through a graph of neighbors; from 2,000 pictures on, compares all before",
        weights="retrieval-descriptor",
    ),
    Engine(
        name="pq",
        title="Descriptor, codes (PQ)",
        description="compares codes of 88 bytes; from 20,000 pictures on, the descriptors before",
        weights="retrieval-descriptor",
    ),
    Engine(
        name="deepindex-single",
        title="DeepIndex, single",
        description="an inverted file over the words of patches, at one level of the network",
        weights="retrieval-words",
    ),
    Engine(
        name="deepindex-multiple",
        title="DeepIndex, multiple",
        description="words of a middle and a high level of the network, which must both agree",
        weights="retrieval-words",
    ),
    Engine(
        name="deepindex-signature",
        title="DeepIndex, multiple and signature",
        description="the same, and a binary signature of the whole picture that refines the score",
        weights="retrieval-words",
    ),
    Engine(
        name="histogram",
        title="Color histogram",
        description="the baseline without a network: which colors there are, wherever they are",
    ),
)

EXTRACTORS = table(
    Engine(
        name="cfn",
        title="CFN",
        description="the trunk of the convolutional fusion network; works offline",
        weights="recognition-cfn",
    ),
    Engine(
        name="plain",
        title="Plain network",
        description="MobileNetV2 as it was trained on ImageNet, for comparison",
        weights="recognition-plain",
    ),
    Engine(
        name="lite",
        title="EfficientNet-Lite2",
        description="a larger network, trained to find changed copies and other photos of a thing; works offline",
        weights="retrieval-lite",
    ),
    Engine(
        name="mobilenet",
        title="MobileNetV1",
        description="a network of another design, trained to find changed copies; works offline",
        weights="retrieval-mobilenet",
    ),
    Engine(
        name="both",
        title="EfficientNet-Lite2 and MobileNetV1",
        description="two networks that overlook different things; takes as long as both",
    ),
)

#: Engines that put others together, by name.
TOGETHER = {"both": ("lite", "mobilenet")}


def parts(engine: Engine) -> list[Engine]:
    """The engines that one consists of, each with weights of its own; mostly itself alone.

    >>> [part.name for part in parts(EXTRACTORS["both"])]
    ['lite', 'mobilenet']
    """
    return [EXTRACTORS[name] for name in TOGETHER.get(engine.name, (engine.name,))]

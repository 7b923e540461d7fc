"""Which networks describe pictures."""

from shared.core.engines import Engine, table

EXTRACTORS = table(
    Engine(
        name="cfn",
        title="CFN",
        line="the trunk of the convolutional fusion network; works offline",
        weights="recognition-cfn",
    ),
    Engine(
        name="plain",
        title="Plain network",
        line="MobileNetV2 as it was trained on ImageNet, for comparison",
        weights="recognition-plain",
    ),
    Engine(
        name="mobilenet",
        title="MobileNetV1",
        line="a network of another design, trained to find changed copies; works offline",
        weights="retrieval-mobilenet",
    ),
    Engine(
        name="both",
        title="CFN and MobileNetV1",
        line="two networks that overlook different things; takes as long as both",
    ),
)

#: Engines that put others together, by name.
TOGETHER = {"both": ("cfn", "mobilenet")}


def parts(engine: Engine) -> list[Engine]:
    """The engines that one consists of, each with weights of its own; mostly itself alone.

    >>> [part.name for part in parts(EXTRACTORS["both"])]
    ['cfn', 'mobilenet']
    """
    return [EXTRACTORS[name] for name in TOGETHER.get(engine.name, (engine.name,))]

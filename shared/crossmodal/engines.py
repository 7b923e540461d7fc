"""Which engines put words and pictures into one space."""

from shared.core.engines import Engine, table

#: The network whose maps describe pictures; it stays as recognition trained it.
BASE = Engine(
    name="cfn",
    title="CFN",
    line="the trunk of the convolutional fusion network",
    weights="recognition-cfn",
)

MATCHERS = table(
    Engine(
        name="cyclematch",
        title="CycleMatch",
        line="words and pictures mapped into each other's space and back; works offline",
        weights="crossmodal-cyclematch",
    ),
    Engine(
        name="rrf",
        title="RRF-Net",
        line="recurrent residual fusion with the bi-rank loss; works offline",
        weights="crossmodal-rrf",
    ),
    Engine(
        name="itmeetsal",
        title="ITMeetsAL",
        line="pictures and words made indistinguishable by an adversary; works offline",
        weights="crossmodal-itmeetsal",
    ),
)

CLASSIFIERS = table(
    Engine(
        name="jmc",
        title="JMC",
        line="one network that matches and classifies a product's photo and its words; works offline",
        weights="crossmodal-jmc",
    ),
)

"""Which engines put words and pictures into one space."""

from shared.core.engines import Engine, table

#: As `shared.networks.joint` calls it; a page lists engines before it needs torch.
ENSEMBLE = "ensemble"

#: The network whose maps describe pictures; it stays as recognition trained it.
BASE = Engine(
    name="cfn",
    title="CFN",
    description="the trunk of the convolutional fusion network",
    weights="recognition-cfn",
)

#: One folder of weights: the encoders, and a head for each of the three networks.
JOINT = "crossmodal-joint"

#: A network from the Hub, which describes pictures itself.
SIGLIP = "siglip2"

ENGINES = table(
    Engine(
        name=ENSEMBLE,
        title="All three",
        description="a weighted mean of their scores; works offline",
        weights=JOINT,
    ),
    Engine(
        name="cyclematch",
        title="CycleMatch",
        description="words and pictures mapped into each other's space and back; works offline",
        weights=JOINT,
    ),
    Engine(
        name="rrf",
        title="RRF-Net",
        description="recurrent residual fusion with the bi-rank loss; works offline",
        weights=JOINT,
    ),
    Engine(
        name="itmeetsal",
        title="ITMeetsAL",
        description="pictures and words made indistinguishable by an adversary; works offline",
        weights=JOINT,
    ),
    Engine(
        name=SIGLIP,
        title="SigLIP 2",
        description="large public network of 2025, many languages; 375 M parameters, 1.5 GB from the Hub",
        weights="google/siglip2-base-patch16-224",
        from_hub=True,
    ),
)
#: Those that share `JOINT`.
OFFLINE_ENGINES = tuple(name for name, engine in ENGINES.items() if not engine.from_hub)

CLASSIFIERS = table(
    Engine(
        name="jmc",
        title="JMC",
        description="one network that matches and classifies a product's photo and its words; works offline",
        weights="crossmodal-jmc",
    ),
)

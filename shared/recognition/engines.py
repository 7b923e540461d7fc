"""Which engines classify and segment."""

from shared.core.engines import Engine, table

CLASSIFIERS = table(
    Engine(
        name="cfn",
        title="CFN",
        description="convolutional fusion network, 1000 classes; 3.7 M parameters, works offline",
        weights="recognition-cfn",
    ),
    Engine(
        name="plain",
        title="Plain network",
        description="the same network without fusion, for comparison",
        weights="recognition-plain",
    ),
)

SEGMENTERS = table(
    Engine(
        name="fcfn",
        title="FCFN",
        description="fully convolutional fusion network, 20 classes and background; 1.9 M parameters, works offline",
        weights="recognition-fcfn",
    ),
    Engine(
        name="streets",
        title="FCFN for streets",
        description="the same network for photos from a car: road, cars, people and eight more; works offline",
        weights="recognition-fcfn-streets",
    ),
)

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
)

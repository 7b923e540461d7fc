"""Command-line options of trainings that take seconds."""

#: A joint space of few weights, and batches as small.
SMALL = ("--width", "16", "--features", "16", "--hidden", "8", "--buckets", "512", "--batch", "8")
#: Stages that teach it four colors.
STAGES = ("--warm-steps", "150", "--steps", "30", "--validate-every", "30", "--rate", "0.02")
#: Options of JMC in addition to those of `SMALL`, and stages that teach it four colors.
SMALL_PRODUCTS = (*SMALL, "--embedding", "16", "--buckets", "256")
PRODUCT_STAGES = ("--steps", "90", "90", "180", "--validate-every", "60", "--rate", "0.02")

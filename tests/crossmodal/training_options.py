"""Command-line options of trainings that take seconds."""

#: A joint space of few weights, and batches as small.
SMALL = ("--width", "16", "--features", "16", "--hidden", "8", "--buckets", "512", "--batch", "8")
#: Stages that teach it four colours.
STAGES = ("--warm-steps", "150", "--steps", "30", "--validate-every", "30", "--rate", "0.02")

"""Recognition with convolutional fusion networks: classification, segmentation and explanations."""

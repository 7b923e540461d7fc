"""Training loop, augmentation, data readers and pretrained weights that several recipes share."""

"""Training loop, augmentation, data set readers and pretrained weights that several recipes share."""

"""Recognition: Convolutional Fusion Networks (Liu et al., MMM 2017, MTAP 2018), and why they decide so."""

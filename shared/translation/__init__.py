"""Image translation: CycleGAN, Long and Nest CycleGAN, pix2pix, and what people want from pictures."""

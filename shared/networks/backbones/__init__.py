"""Backbones: MobileNet and EfficientNet-Lite as feature pyramids."""

"""Pose of a person: seventeen joints in an image."""

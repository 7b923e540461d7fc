"""The look that all spaces share."""

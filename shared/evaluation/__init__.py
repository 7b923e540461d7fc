"""Metrics of the field, and the common form of all benchmark reports."""

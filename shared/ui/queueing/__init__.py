"""The queue of calls: short ones first, a share of the places per visitor, limits of time."""

"""The model package that every space calls: doors in `core`, networks in `networks`, and the wings."""

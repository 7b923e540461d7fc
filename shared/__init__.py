"""The model package that every space calls: doors in `core`, networks in `networks`, one wing per capability."""

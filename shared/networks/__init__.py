"""One file per paper: networks and their losses as plain PyTorch."""

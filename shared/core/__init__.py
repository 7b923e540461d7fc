"""Parts that every capability needs at run time: images, weights, models, devices, scheduling, uploads."""

"""One door each: pictures, weights, devices, the training loop, metrics, benchmark reports, model cards."""

"""Speed of the whole suite on a CPU: every capability, by OpenVINO and by PyTorch, in one table."""

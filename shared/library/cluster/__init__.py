"""Description of photos on many machines, with Ray: `python -m shared.library.cluster describe`."""

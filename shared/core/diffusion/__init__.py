"""Diffusion pipelines of the package diffusers, from the Hub to a stoppable run on any device."""

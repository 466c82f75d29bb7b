"""Autoencoders: codes without a probability, and a sampler once a density is fitted on the codes."""

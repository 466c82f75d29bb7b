"""Variational autoencoders: a lower bound of the likelihood."""

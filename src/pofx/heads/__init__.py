"""Likelihood heads: p(x | numbers from a network)."""

"""Entropies, divergences and mutual information from samples alone, by distances to nearest neighbours."""

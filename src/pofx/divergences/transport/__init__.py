"""Optimal transport after Monge: distances, plans, potentials, interpolations and barycentres."""

"""Distances between samples, and tests of no difference."""

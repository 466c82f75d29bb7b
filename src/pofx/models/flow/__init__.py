"""Normalising flows of tables."""

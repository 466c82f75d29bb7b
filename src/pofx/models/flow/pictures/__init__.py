"""Normalising flows of pictures."""

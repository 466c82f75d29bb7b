"""Counting what follows what: n-grams with back-off, and all lengths of context mixed."""

"""Texts from files: one long stream, or many documents."""

"""The layout of a run folder and its records, without torch."""

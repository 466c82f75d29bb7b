"""Honest comparison: fit on train, choose on validation, report on test."""

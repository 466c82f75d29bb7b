"""Masked autoregressive networks over mixed columns."""

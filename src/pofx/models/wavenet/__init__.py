"""Dilated causal convolutions over waves."""

"""Transformers over symbols: GPT-2 and a modern one."""

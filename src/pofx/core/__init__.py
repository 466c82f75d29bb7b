"""The contract, models behind codecs, the registry and the store."""

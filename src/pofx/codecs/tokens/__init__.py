"""How a text is cut into symbols: bytes, characters, byte pairs."""

"""Each model in one file or folder; whatever says @register is found."""

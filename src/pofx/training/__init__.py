"""How long a fit may take, and whom it tells."""

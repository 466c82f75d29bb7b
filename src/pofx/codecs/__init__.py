"""Maps between the user's space and a model's, with their log-volume."""

"""What the models of a run on texts or sounds look like against held-out ones."""

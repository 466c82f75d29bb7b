"""Values in a space, how they are read, what their columns are, and how their rows are split."""

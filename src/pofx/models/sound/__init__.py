"""Linear and counted models of waves, the baselines."""

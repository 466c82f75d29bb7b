"""How far apart two distributions are: divergences, distances, optimal transport, and tests of no difference."""

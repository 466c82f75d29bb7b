"""How a divergence is computed: formulas, sums, quadrature, draws, estimates; and which of them answers a question."""

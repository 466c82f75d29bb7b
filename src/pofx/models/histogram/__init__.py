"""Histograms: bin rules, the choice of bins by held-out likelihood, and a sparse model of any dimension."""

"""Counts and policy in, verdict and reasons out: pure, standard library only."""

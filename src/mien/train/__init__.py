"""Training: the only folder that knows torch."""

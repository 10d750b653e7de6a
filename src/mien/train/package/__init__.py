"""From a trained network to a model package: its precision, what it is checked by and what its card says."""

"""Search for the configuration that trains best, with Optuna."""

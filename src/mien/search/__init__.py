"""Search for hyperparameters and architecture by Optuna."""

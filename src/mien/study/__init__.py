"""Many trainings compared: which differences are beyond noise."""

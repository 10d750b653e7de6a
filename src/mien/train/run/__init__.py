"""A run: its folder, its facts, and the trainer."""

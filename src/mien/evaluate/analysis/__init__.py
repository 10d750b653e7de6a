"""What lies behind the figures: mistakes, certainty, corruption, leakage, and faces to look at."""

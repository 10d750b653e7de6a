"""Networks from face to logits, but for published ones."""

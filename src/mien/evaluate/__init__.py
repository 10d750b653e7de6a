"""Evaluation of any classifier by the protocols, with intervals."""

"""Labelled faces: readers, label rules, duplicates and the manifest of what a model was trained on."""

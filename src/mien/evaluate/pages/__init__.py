"""The full report as something to read: HTML in one file, and Markdown."""

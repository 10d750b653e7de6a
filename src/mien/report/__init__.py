"""What every report is made of: documents, HTML, Markdown, plots."""

"""What was found: result files, tables, figures and the HTML page."""

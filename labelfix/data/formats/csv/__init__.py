"""CSV and TSV files, read and written."""

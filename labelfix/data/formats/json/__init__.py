"""JSON and JSON Lines, read and written."""

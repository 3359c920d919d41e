"""Finished runs on rows: soft labels, a truth beside them, the nearest trusted rows, what to label next."""

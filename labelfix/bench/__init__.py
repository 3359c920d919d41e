"""The bench: a protocol, plans of what to measure, one file a run, and tables of what came out."""

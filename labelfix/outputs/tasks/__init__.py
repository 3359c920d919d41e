"""`labelfix export --tasks`: rows for the tools in which people label, in a form that comes back by `--clean`."""

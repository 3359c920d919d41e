"""Optimisation: loops, the look-ahead, losses."""

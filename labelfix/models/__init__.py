"""Classifiers and what they read."""

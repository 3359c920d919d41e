"""Representations of text."""

"""Representations of images, and the way from files to pixels."""

"""The version, where every part of labelfix may read it."""

__version__ = "0.1.0"

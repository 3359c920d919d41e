"""Representations of tables and ready embeddings."""

"""The mathematics on arrays: linear heads and their gradients, transition matrices, temperatures, metrics."""

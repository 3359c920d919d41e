"""What turns predictions and given labels into soft labels, and the contracts around it."""

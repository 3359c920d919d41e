"""`--no-freeze`: the encoder learns from a run's own soft labels, and the fit on fixed features keeps the last word."""

"""Networks trained by mini-batches: what the methods share that train a whole classifier, or a head by steps."""

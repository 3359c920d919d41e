"""What methods share that train networks by mini-batches."""

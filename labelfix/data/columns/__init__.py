"""What the columns of a table mean: ids, labels, inputs, features."""

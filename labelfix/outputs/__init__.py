"""What is made of a finished run: files for people and machines, the gate."""

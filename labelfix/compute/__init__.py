"""Where and how the work is computed: devices, processes, checkpoints, flat vectors, graphs."""

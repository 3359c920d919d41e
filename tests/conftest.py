"""One thread for every test and every process it starts: two threads on a busy machine run many times slower."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

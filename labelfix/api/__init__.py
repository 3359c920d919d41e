"""The Python interface: `train(...) -> Run`, `load_run(path) -> Run`, and what a run can do."""

from labelfix.api.batches import BatchCorrector, batch_corrector
from labelfix.api.entry import load_run, resume, train
from labelfix.api.run import Run

__all__ = ["BatchCorrector", "Run", "batch_corrector", "load_run", "resume", "train"]

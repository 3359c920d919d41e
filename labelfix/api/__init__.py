"""The Python interface: `train(...) -> Run`, `load_run(path) -> Run`, and what a run can do."""

from labelfix.api.entry import load_run, resume, train
from labelfix.api.run import Run

__all__ = ["Run", "load_run", "resume", "train"]

"""The run folder, what a run was begun with, and writing so that nothing half-done is ever taken for done."""

from labelfix.runs.durable import atomic_path, make_folder, remove, tidy
from labelfix.runs.files import held, read_json, write_json
from labelfix.runs.folder import RUNS, RunFolder, default_path, how_to_go_on, refuse_taken
from labelfix.runs.origin import RunOrigin, run_id
from labelfix.runs.seal import made_here
from labelfix.runs.targets import inputs_of, is_table, named, names_of, refuse_inputs, refuse_no_table, refuse_target

__all__ = [
    "RUNS",
    "RunOrigin",
    "RunFolder",
    "atomic_path",
    "default_path",
    "held",
    "how_to_go_on",
    "inputs_of",
    "is_table",
    "made_here",
    "make_folder",
    "named",
    "names_of",
    "read_json",
    "refuse_inputs",
    "refuse_no_table",
    "refuse_taken",
    "refuse_target",
    "remove",
    "run_id",
    "tidy",
    "write_json",
]

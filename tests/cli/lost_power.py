"""A disk that loses power: what a command does to files, recorded, and what may be left of it at every moment.

The model. A file's contents are on the disk from its own fsync on; before, it is empty. A name that was made, renamed,
swapped or removed is on the disk from the next fsync of its folder on; before, it may be there or not, and of several
such steps any that can stand alone. Steps within a scratch folder are lost all together or not at all.
"""

import os
import re
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from labelfix.runs import durable

SCRATCH = re.compile(r"(^|/)\.labelfix-[0-9a-f]{8}\.tmp/")


@dataclass(eq=False)
class Node:
    """A file with the contents that the disk has, or a folder, which has none."""

    contents: bytes | None


Names = dict[str, Node]
"""Relative path → what it names."""


@dataclass(eq=False)
class Step:
    """A change of names.

    Attributes:
        kind: `make`, `rename`, `swap` or `remove`.
        paths: What it is about.
        folder: Whose fsync keeps it: the one with the new name, or from which something went into scratch.
        node: What `make` names.
        kept: Whether the disk has it.
    """

    kind: str
    paths: tuple[str, ...]
    folder: Node
    node: Node | None = None
    kept: bool = False

    @property
    def inner(self):
        """Whether it is about nothing but scratch."""
        return all(SCRATCH.search(path) for path in self.paths)

    def apply(self, names):
        """Do it; where it cannot be done, because a step before it was lost, nothing happens."""
        first, last = self.paths[0], self.paths[-1]
        if self.kind == "make":
            if _parent(first) in names:
                names[first] = self.node
        elif self.kind == "remove":
            _taken(names, first)
        elif first in names and _parent(last) in names:
            there = names.get(last)
            if self.kind == "swap":
                one, other = _taken(names, first), _taken(names, last)
                _put(names, last, one)
                _put(names, first, other)
            elif there is None or there.contents is not None or len(_below(names, last)) == 1:
                _taken(names, last)
                _put(names, last, _taken(names, first))


@dataclass(frozen=True)
class Moment:
    """The power goes: the steps taken so far, those of them that the disk has, and what it has of each file."""

    steps: tuple[Step, ...]
    kept: frozenset[Step]
    contents: dict[Node, bytes | None]
    inner: bool


@dataclass
class Recorder:
    """Follows what happens to the files below a folder.

    Attributes:
        root: The folder; what it holds at first is on the disk.
        names: What it holds now.
        steps: What was done to names.
        going: What is being removed, and may still be seen.
        moments: One after each operation.
    """

    root: Path
    names: Names = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    going: set[str] = field(default_factory=set)
    moments: list[Moment] = field(default_factory=list)

    def __post_init__(self):
        self.names[""] = Node(None)
        self._look()
        for path, node in self.names.items():
            node.contents = None if node.contents is None else (self.root / path).read_bytes()
        self.base = dict(self.names)
        self.steps.clear()
        self._note(inner=False)

    def step(self, kind, *paths):
        """A step of names is about to be taken, or has been."""
        inside = [self._inside(path) for path in paths]
        self._look()
        if None in inside or inside[0] not in self.names:
            return
        if kind == "remove":
            self.going.add(f"{inside[0]}/")
        # What goes into scratch is gone from where it was once that is flushed.
        where = inside[0] if SCRATCH.search(inside[-1]) and not SCRATCH.search(inside[0]) else inside[-1]
        self._do(Step(kind, tuple(inside), self.names[_parent(where)]))
        self._note(self.steps[-1].inner)

    def fsync(self, path):
        """A file's contents, or a folder's names, are on the disk."""
        self._look()
        inside = self._inside(path)
        node = self.names.get(inside)
        if node is None:
            return
        if node.contents is None:
            for step in self.steps:
                if step.folder is node and not step.kept:
                    self._keep(step)
        else:
            node.contents = Path(path).read_bytes()
        self._note(inner=bool(SCRATCH.search(inside)))

    def disks(self):
        """Every content of the disk that the power may leave, at every moment; None for a folder."""
        seen = set()
        for moment in self.moments:
            for lost in _losses([step for step in moment.steps if step not in moment.kept], moment.inner):
                names = dict(self.base)
                for step in moment.steps:
                    if step not in lost:
                        step.apply(names)
                disk = {path: moment.contents[node] for path, node in names.items()}
                known = hash(frozenset(disk.items()))
                if known not in seen:
                    seen.add(known)
                    yield disk

    def _look(self):
        """Take in what was made since, by whatever library."""
        for folder, folders, files in os.walk(self.root):
            for name in (*sorted(folders), *sorted(files)):
                path = str(Path(folder, name).relative_to(self.root))
                if path not in self.names and not any(f"{path}/".startswith(gone) for gone in self.going):
                    node = Node(None if name in folders else b"")
                    self._do(Step("make", (path,), self.names[_parent(path)], node))

    def _do(self, step):
        self.steps.append(step)
        step.apply(self.names)

    def _keep(self, step):
        """The disk has a step; and what a renamed thing is, whatever was the last that brought it to its old name."""
        step.kept = True
        if step.kind in ("rename", "swap"):
            for before in reversed(self.steps[: self.steps.index(step)]):
                if before.paths[-1] == step.paths[0]:
                    if not before.kept:
                        self._keep(before)
                    return

    def _note(self, inner):
        nodes = [*self.base.values(), *(step.node for step in self.steps if step.node)]
        kept = frozenset(step for step in self.steps if step.kept)
        self.moments.append(Moment(tuple(self.steps), kept, {node: node.contents for node in nodes}, inner))

    def _inside(self, path):
        whole = Path(os.path.abspath(path))
        if not whole.is_relative_to(self.root):
            return None
        return "" if whole == self.root else str(whole.relative_to(self.root))


_recording: list[Recorder] = []
_hooked: list[bool] = []


@contextmanager
def recorded(root, monkeypatch):
    """Record what this process does to the files below a folder."""
    recorder, fsync, exchange = Recorder(root), os.fsync, durable._exchange

    def keep(handle):
        fsync(handle)
        recorder.fsync(os.readlink(f"/proc/self/fd/{handle}"))

    def swap(one, other):
        done = exchange(one, other)
        if done:
            recorder.step("swap", str(one), str(other))
        return done

    if not _hooked:
        sys.addaudithook(_heard)  # for good: there is no taking one back
        _hooked.append(True)
    _recording.append(recorder)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", keep)
        patch.setattr(durable, "_exchange", swap)
        try:
            yield recorder
        finally:
            _recording.clear()


def lay_out(disk, place):
    """Make a folder of what a disk holds."""
    for path in sorted(disk):
        if disk[path] is None:
            (place / path).mkdir(exist_ok=True)
        else:
            (place / path).write_bytes(disk[path])


def _heard(event, arguments):
    if not _recording:
        return
    recorder = _recording[0]
    if event == "os.rename" and arguments[2] == arguments[3] == -1:
        recorder.step("rename", *map(os.fsdecode, arguments[:2]))
    elif event == "shutil.rmtree" or (event in ("os.remove", "os.rmdir") and arguments[1] == -1):
        recorder.step("remove", os.fsdecode(arguments[0]))


def _losses(waiting, inner):
    """What may be lost of the steps that wait: all from one on, all but one, or only one."""
    scratch = {step for step in waiting if step.inner}
    outer = [] if inner else [step for step in waiting if not step.inner]
    for hidden in (set(), scratch):
        for place in range(len(outer) + 1):
            yield hidden | set(outer[place:])
        for step in outer:
            yield hidden | {step}
            yield hidden | (set(outer) - {step})


def _parent(path):
    return path.rpartition("/")[0]


def _below(names, path):
    return [name for name in names if name == path or name.startswith(f"{path}/")]


def _taken(names, path):
    """What is at a path and below, taken out."""
    node = names.get(path)
    if node is None or node.contents is not None:
        return {} if node is None else {"": names.pop(path)}
    return {name.removeprefix(path): names.pop(name) for name in _below(names, path)}


def _put(names, path, what):
    names.update({path + name: node for name, node in what.items()})

"""Where the ids of one file stand among those of another: as they are written, spelled or changed by programs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelfix.data.columns.ids import id_keys_of
from labelfix.data.numbers import DAY_FIRST
from labelfix.data.scan import is_text
from labelfix.data.spelling import difference, folded, number_key
from labelfix.data.tables import Codes

MOSTLY = 0.5
"""Share of some values that are found among the ids where they are meant to be ids of these."""

_FILE = re.compile(r"[^/\\]\.[A-Za-z][A-Za-z0-9]{1,4}$")
_TRACKED = re.compile(r"[?#].*")
"""What stands behind an address for whoever counts clicks."""
_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?", re.IGNORECASE)


def find_ids(wanted: pa.Array, ids: pa.Array) -> Codes:
    """Where ids stand among others: as they are written, else in their one spelling, else as paths to one file.

    The second and the third count where only one id is spelled so, or ends so.

    Args:
        wanted: `(M,)` ids, null where empty.
        ids: `(N,)` ids, each once.

    Returns:
        `(M,)` positions in `ids`, -1 for an id that is not there.
    """
    left, right = (wanted, ids) if wanted.type == ids.type else (wanted.cast(pa.string()), ids.cast(pa.string()))
    found = pc.index_in(left, value_set=right, skip_nulls=True).fill_null(-1)
    positions: Codes = np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
    lost = np.flatnonzero(positions < 0)
    if len(lost) and is_text(left.type):
        keys = id_keys_of(right)
        first = pc.index_in(id_keys_of(left.take(pa.array(lost))), value_set=keys, skip_nulls=True).fill_null(-1)
        again = np.asarray(first.to_numpy(zero_copy_only=False), dtype=np.int64)
        taken = np.concatenate([np.flatnonzero(_repeated(keys)), positions[positions >= 0]])
        spelled_once = ~np.isin(again, taken)
        positions[lost] = np.where(spelled_once, again, -1)
        lost = np.flatnonzero(positions < 0)
        if len(lost):
            positions[lost] = _find_paths(left.take(pa.array(lost)), right, positions)
    return positions


def _find_paths(wanted: pa.Array, ids: pa.Array, positions: Codes) -> Codes:
    """`(L,)` where paths to files stand that begin in another folder: `photos/cat/1.png`, `cat/1.png`, `1.png`."""
    found = np.full(len(wanted), -1, np.int64)
    asked = [(place, path) for place, path in enumerate(wanted.to_pylist()) if path and _FILE.search(path)]
    tails: dict[str, list[int]] = {_name(path): [] for _, path in asked}
    taken = set(positions.tolist())
    for place, path in enumerate(ids.to_pylist() if asked else ()):
        if path and place not in taken and (others := tails.get(_name(path))) is not None:
            others.append(place)
    for place, path in asked:
        near = [other for other in tails[_name(path)] if _same_end(path, ids[other].as_py())]
        if len(near) == 1:
            found[place] = near[0]
    once = np.bincount(found + 1, minlength=2)[found + 1] == 1
    return np.where(once, found, -1)


def _name(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _same_end(path: str, other: str) -> bool:
    """Whether one path is the end of the other."""
    one, two = (f"/{each.replace(chr(92), '/').removeprefix('./').lstrip('/')}" for each in (path, other))
    return one.endswith(two) or two.endswith(one)


def _repeated(keys: pa.Array) -> npt.NDArray[np.bool_]:
    """`(N,)` whether the key of a row stands in another row too."""
    codes = keys.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
    repeated: npt.NDArray[np.bool_] = np.bincount(codes + 1, minlength=1)[codes + 1] > 1
    return repeated


@dataclass(frozen=True)
class Respelled:
    """Ids that are found in another spelling.

    Attributes:
        positions: `(M,)` as `find_ids` gives them, with those that are found so.
        count: How many are found so.
        how: What the first of them differs in, and its two spellings.
    """

    positions: Codes
    count: int = 0
    how: str = ""


def find_respelled(wanted: pa.Array, ids: pa.Array, found: Codes | None = None) -> Respelled:
    """Where ids stand among others that programs have changed: case, zeros, what parts words, endings, times.

    Each of the lost ones is looked for among the ids that no other has been found for, and counts where one alone is
    like it.

    Args:
        wanted: `(M,)` ids, null where empty.
        ids: `(N,)` ids, each once.
        found: `(M,)` what `find_ids` gives, where that is known.
    """
    positions = (find_ids(wanted, ids) if found is None else found).copy()
    first: tuple[str, str] | None = None
    before = positions >= 0
    for key in (_loose, _stem, _moment):
        lost = np.flatnonzero((positions < 0) & np.asarray(wanted.is_valid()))
        if not len(lost):
            break
        near = _find_by(key, wanted.take(pa.array(lost)), ids, positions)
        positions[lost] = near
        if first is None and (near >= 0).any():
            place = int(np.flatnonzero(near >= 0)[0])
            first = str(wanted[int(lost[place])]), str(ids[int(near[place])])
    if first is None:
        return Respelled(positions)
    how = f'{difference(*first) or "spelling"} ("{first[0]}" = "{first[1]}")'
    return Respelled(positions, int(((positions >= 0) & ~before).sum()), how)


SEVERAL = re.compile(r"\s*[;,|/]\s*|\s+")
"""What stands between several ids in one cell."""


def what_lost_ids_mean(lost: pa.Array, ids: pa.Array, noisy: pa.Array) -> str:
    """What ids that are not found may mean, as the end of a sentence; empty where nothing is told of them.

    Args:
        lost: Those that are not found, of all `ids`.
        noisy: Among which they were looked for.
    """
    near = find_respelled(lost, noisy)
    if near.count:
        return f"; {near.count} of these differ only in {near.how}"
    parts = [SEVERAL.split(text.strip()) for text in lost.cast(pa.string()).to_pylist()]
    several = [each for each in parts if len(each) > 1]
    if several and (find_ids(pa.array([id_ for each in several for id_ in each]), noisy) >= 0).all():
        return f"; {len(several)} of these are several ids in one cell, which need a row each"
    for step, how in ((1, "added to"), (-1, "taken from")) if pa.types.is_integer(ids.type) else ():
        if len(ids) > 1 and (find_ids(pc.add(ids, step), noisy) >= 0).all():
            return f"; with 1 {how} each id all of them do, as if one file counted from 0 and the other from 1"
    return ""


def _find_by(key: Callable[[str], str], wanted: pa.Array, ids: pa.Array, taken: Codes) -> Codes:
    """`(L,)` where ids stand that are like no other, by some key of theirs; -1 where not."""
    known = _keys(key, ids)
    places: dict[str | None, int] = {None: -1, "": -1}
    for place, text in enumerate(known):
        places[text] = -1 if text in places else place
    near = np.array([places.get(text, -1) for text in _keys(key, wanted)], dtype=np.int64)
    once = np.bincount(near + 1, minlength=2)[near + 1] == 1
    return np.where(once & ~np.isin(near, taken), near, -1)


def _keys(key: Callable[[str], str], ids: pa.Array) -> Sequence[str | None]:
    return [None if text is None else key(text) for text in id_keys_of(ids).to_pylist()]


_CALL = re.compile(r"^\w+\(['\"]?([^()]+?)['\"]?\)$")
"""How programs print an id of a type of its own: `ObjectId(65a…)`, `UUID('…')`."""
_PARTS = re.compile(r"(?!\d{1,3}(?:\W\d{3})+$)(?=(?:\D*\d){2,5}\D*$)\d+(?:[\W_]+\d+)+$")
"""Short numbers side by side, but thousands: `1-2` is the second of the first, and not 12."""
_DAY_FIRST = re.compile(DAY_FIRST + r"(?=$|[T ])")
MARKS = "'\"`#"
"""What spreadsheets and people set before or around a number that is a name."""


def _loose(text: str) -> str:
    plain = _CALL.sub(r"\1", _ADDRESS.sub("", unquote(text)))
    plain = _TRACKED.sub("", plain) if "://" in text else plain
    between = "-" if _PARTS.match(plain) else ""
    return number_key(plain.strip(MARKS)) or re.sub(r"[\W_]+", between, folded(re.sub(r"\s+", between, plain)))


def _year_first(day: re.Match[str]) -> str:
    return f"{day[3]}-{day[2]:0>2}-{day[1]:0>2}"


def _moment(text: str) -> str:
    """A moment in one spelling, of UTC where a zone is given; empty where it is none."""
    try:
        moment = datetime.fromisoformat(_DAY_FIRST.sub(_year_first, text))
    except ValueError:
        return ""
    return str(moment.astimezone(UTC) if moment.tzinfo else moment)


def _stem(text: str) -> str:
    """The name of a file without its folders and its ending."""
    name = _name(unquote(text)) if _FILE.search(text) else text
    return _loose(name.rpartition(".")[0] if _FILE.search(name) else name)

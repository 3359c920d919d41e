"""Names of columns whose titles repeat, and whether all names are text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pyarrow as pa


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names for columns whose titles repeat; titles that are all different come back as they are.

    The first column of a title keeps it, later ones are `title (2)`, `title (3)` …. Columns without a title are
    `unnamed`, `unnamed (2)` …, except the very first, which tools leave without one where it holds row names.

    Args:
        names: The titles as they stand in the file, in order.

    Returns:
        As many names, all different, none of which is the title of another column.
    """
    titles = set(names)
    found: list[str] = []
    taken: set[str] = set()
    reached: dict[str, int] = {}
    for place, title in enumerate(names):
        wanted = title if title or place == 0 else "unnamed"
        name = wanted
        while name in taken or (name in titles and name != title):
            reached[wanted] = reached.get(wanted, 1) + 1
            name = f"{wanted} ({reached[wanted]})"
        taken.add(name)
        found.append(name)
    return tuple(found)


def check_names(fields: Iterable[pa.Field]) -> None:
    """Look at the names of columns, and of all that is inside them.

    Raises:
        UnicodeDecodeError: One is not UTF-8, as in a damaged file.
    """
    for field in fields:
        _ = field.name
        check_names(field.type.field(place) for place in range(field.type.num_fields))


def distinct(schema: pa.Schema) -> pa.Schema:
    """A schema whose columns have different names; see `unique_names`.

    Raises:
        UnicodeDecodeError: A title is not UTF-8, as in a damaged file.
    """
    check_names(schema)
    names = unique_names(schema.names)
    fields = [field.with_name(name) for field, name in zip(schema, names, strict=True)]
    return pa.schema(fields, metadata=schema.metadata)

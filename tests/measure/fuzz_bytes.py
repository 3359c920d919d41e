"""Mutations of bytes: what disks, networks and editors do to a file, and what only an enemy would do."""

import re
from collections.abc import Callable
from random import Random

LARGEST = 1 << 20
"""Bytes of a mutated file at most."""

NUMBERS = (
    *("0", "-1", "1e308", "1e400", "-1e400", "NaN", "nan", "inf", "-Infinity", "9223372036854775808", "0x10", "1_000"),
    *("4294967296", "-2147483649", "1" + "0" * 400, "1e99999", "1,5", "٣", "½", "--1", "+", ".", "true", "null", ""),
)
INSERTED = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xed\xb0\x80\xed\xa0\x80",
        b"\xc0\x80",
        b"\xe9",
        b"\x1a",
    ),
    *(
        b"\r",
        b"\n",
        b"\r\n",
        b"\n\r",
        b"\xe2\x80\xa8",
        b"\x0b",
        b"\x0c",
        b"\x85",
        b'"',
        b"'",
        b'""',
        b'"\n',
        b"\\",
        b"\\u0000",
    ),
    *(
        b",",
        b";",
        b"\t",
        b"|",
        b",,,,,,,,",
        b"[" * 3000,
        b'{"a":' * 3000,
        b"[]",
        b"{}",
        b"}",
        b"]",
        b"#",
        b"=",
        b"<",
        b"&",
    ),
    *(
        b"\\ud800",
        b"\\udc00\\ud800",
        b"../../etc",
        b"/",
        b"~",
        b"%s",
        b"x" * 70000,
        b'"' + b"y\n" * 9000 + b'"',
        b"PAR1",
    ),
    *(
        b"label",
        b"id",
        b"text",
        b"NA",
        b"\xe2\x80\xae",
        b"\xf0\x9f\x98\x80",
        b"e\xcc\x81",
        b" ",
        b"\xc2\xa0",
        b"__proto__",
    ),
)
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)

Mutation = Callable[[bytes, Random], bytes]


def flip_bits(data, random):
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        changed[place(changed, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def set_bytes(data, random):
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64))):
        value = random.choice(EXTREMES) if random.random() < 0.5 else random.randrange(256)
        changed[place(changed, random)] = value
    return bytes(changed)


def set_number(data, random):
    """Two, four or eight bytes become a number on the edge of its type."""
    width = random.choice((2, 4, 8))
    value = random.choice(
        (0, 1, 2, 8 * width, 1 << (8 * width - 1), (1 << (8 * width - 1)) - 1, (1 << (8 * width)) - 1)
    )
    start = place(data, random)
    return data[:start] + value.to_bytes(width, random.choice(("little", "big"))) + data[start + width :]


def cut_block(data, random):
    start, end = block(data, random)
    return data[:start] + data[end:]


def repeat_block(data, random):
    start, end = block(data, random)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 30)) + data[end:]


def zero_block(data, random):
    start, end = block(data, random)
    return data[:start] + bytes(end - start) + data[end:]


def swap_blocks(data, random):
    a, b, c, d = sorted(random.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def cut_short(data, random):
    return data[: random.randrange(len(data))]


def cut_head(data, random):
    return data[random.randrange(min(len(data), 64)) :]


def empty(data, random):
    return random.choice((b"", b"\n", b" \r\n\n", b"\xef\xbb\xbf", b"\x00" * 40, data[:1], data[:4], data[:8]))


def insert(data, random):
    start = place(data, random)
    return data[:start] + random.choice(INSERTED) + data[start:]


def replace_number(data, random):
    """A number that stands in the text becomes one on the edge."""
    found = [*re.finditer(rb"-?\d+(\.\d+)?", data)]
    if not found:
        return insert(data, random)
    match = random.choice(found)
    return data[: match.start()] + random.choice(NUMBERS).encode() + data[match.end() :]


def replace_word(data, random):
    """A word that stands in the text becomes another one of it, or something odd."""
    found = [*re.finditer(rb"[\w.-]+", data)]
    if not found:
        return insert(data, random)
    match, other = random.choice(found), random.choice(found)
    new = other.group() if random.random() < 0.6 else random.choice(INSERTED)
    return data[: match.start()] + new + data[match.end() :]


def change_lines(data, random):
    """Line ends become those of other systems, all or some."""
    ends = [random.choice((b"\r\n", b"\r", b"\n\r", b"\r\r\n", b"\n")) for _ in range(2)]
    return b"".join(line + random.choice(ends) for line in data.split(b"\n"))


def change_encoding(data, random):
    text = data.decode("utf-8", "replace")
    how = random.choice(("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp1252", "shift_jis", "utf-7", "cp037"))
    return text.encode(how, "replace")


BYTES: tuple[Mutation, ...] = (
    *(flip_bits, set_bytes, set_number, cut_block, repeat_block, zero_block, swap_blocks, cut_short, cut_head, empty),
    *(insert, flip_bits, set_bytes, set_number),
)
"""For any file."""

TEXT: tuple[Mutation, ...] = (insert, insert, replace_number, replace_word, replace_word, change_lines, change_encoding)
"""For text."""


def splice(data, other, random):
    """The beginning of one file and the end of another."""
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


def place(data, random):
    """Somewhere; as likely as not in the first or the last bytes, where formats say what they hold."""
    where = random.random()
    if where < 0.2:
        return random.randrange(min(len(data), 200))
    if where < 0.5:
        return len(data) - 1 - random.randrange(min(len(data), 1500))
    return random.randrange(len(data))


def block(data, random):
    start = place(data, random)
    return start, min(start + random.choice((1, 2, 4, 8, 50, 500, 5000)), len(data))

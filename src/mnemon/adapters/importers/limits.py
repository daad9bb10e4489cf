"""What a file may ask of a reader, in one place: a file comes from anybody, and its size is all it may cost.

Each limit lies far above what the programs that write these formats produce. Below them memory is bounded and time
grows with the size of the file; what goes beyond one is refused or reported with its place.
"""

from __future__ import annotations

from mnemon.core.text import TEXT_LIMIT

MAX_RATIO = 200
"""How many times larger than packed something may be: text packs 3 to 20 times, a bomb a thousand."""

RATIO_MATTERS = 16 * 1024 * 1024
"""Unpacked bytes below which the ratio is nobody's concern: a short log of one line a thousand times packs well."""

MAX_ENTRIES = 300_000
"""Files of one archive: three hundred channels for a thousand days. Each costs half a kilobyte to know of."""

MAX_ELEMENT = 64 * 1024 * 1024
"""The largest element (one conversation with all its messages) that is read, in bytes: ten million words."""

MAX_VALUES = 2_000_000
"""Values within one element: each may take a hundred bytes of memory, whatever it takes in the file."""

MAX_DEPTH = 100
"""How deep JSON may be nested: exports go to 15. A parser keeps the way to where it is, for each level anew."""

MAX_NUMBER = 500
"""Characters of one number; to turn digits into a number costs their square, and a parser in C may not survive it."""

MAX_LINE = 4 * 1024 * 1024
"""The longest line that is read, in bytes; of a longer one only the beginning is kept, to say what it was."""

MAX_NAME = 1000
"""Characters of an id or a name: each message carries those of its conversation, and is compared by them."""

MAX_MESSAGE_TEXT = TEXT_LIMIT
"""Characters of one message of an export: what memory keeps of a text, in parts."""

MAX_HEAD = 4 * 1024 * 1024
"""How much of a file is looked at to find out its format, in bytes."""

MAX_LIST = 64 * 1024 * 1024
"""The largest list of people or channels that is read, in bytes."""

MAX_LISTED = 300_000
"""People, or channels, of one list: they are all held while the messages are read."""

MAX_MAIL = 4 * 1024 * 1024
"""How much of a mail is read: its text comes before its attachments, and those are not imported."""

MAX_MAIL_HEADER = 8 * 1024
"""How much of one header of a mail is read: parameters and encoded words are taken apart at more than their length."""

MAX_MAIL_HEADERS = 1000
"""How many headers of one part of a mail are read."""

MAX_MAIL_PARTS = 500
"""Parts of a mail: each is an object of a kilobyte, and may be seven bytes long."""

MAX_MAIL_DEPTH = 20
"""How deep the parts of a mail may be nested: each line is held against the ends of all parts that are open."""

BATCH_BYTES = 8 * 1024 * 1024
"""Bytes of the file after which a batch is written, however few its messages: their metadata may be as large."""

"""In which characters a text is written: as it says, as its bytes show, or as its language makes likely."""

from __future__ import annotations

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Encodings that Python knows, that no text is in, and that take the square of a text's length, or mean something else.
_NO_CHARSETS = {"punycode", "idna", "unicode_escape", "raw_unicode_escape", "undefined", "unicode_internal"}
#: What texts and mails were written in before UTF-8; of the others most are those of DOS and of old Macintoshes, whose
#: letters are too much like these to be told from them in a short text.
_IN_USE = [
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp874"),
    *("iso8859_2", "iso8859_5", "iso8859_7", "iso8859_9", "koi8_r", "koi8_u"),
    *("cp932", "shift_jis", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "iso2022_kr"),
]
_STRAY = "mnemon-stray"
_LOOKED_AT = 8 * 1024
#: Where nothing else fits: each byte but five is a character of it, and the texts of the West were written in it.
_LAST = "cp1252"


def _stray(error: UnicodeError) -> tuple[str, int]:
    """Put bytes that are no UTF-8 where private characters are, one each."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xE000 + byte) for byte in error.object[error.start : error.end]), error.end


def _unstray(character: str) -> str:
    if not "\ue000" <= character <= "\ue0ff":
        return character
    return bytes([ord(character) - 0xE000]).decode(_LAST, "replace")


codecs.register_error(_STRAY, _stray)


def encoding_of(head: bytes) -> str:
    """Return the encoding of a text that begins so; one of UTF-8 where the bytes are that."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    sample = head[:4096]
    if sample.count(0) * 4 > len(sample) and len(sample) > 1:
        return "utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be"
    if _is_utf8(head):
        return "utf-8"
    return _likely(head) or _LAST


def is_wide(encoding: str) -> bool:
    """Tell whether an encoding's line ends are more than one byte."""
    return encoding.startswith(("utf-16", "utf-32"))


def in_characters(raw: bytes, declared: str | None = None) -> str:
    """Return a text: in what it declares, if its bytes are in that; else in what they show to be likely."""
    for name in (declared, "utf-8"):
        if name and not is_no_charset(name):
            try:
                return raw.decode(name)
            except (LookupError, ValueError):
                continue
    is_known = declared and is_charset(declared)
    # A few bytes that are wrong do not make a declared encoding wrong, and a few ones tell nothing of another.
    if is_known and declared:
        text = raw.decode(declared, "replace")
        if text.count("\ufffd") * 50 < len(text):
            return text
    # Some bytes of another encoding in what is UTF-8 otherwise.
    text = raw.decode("utf-8", _STRAY)
    strays = sum("\ue000" <= c <= "\ue0ff" for c in text)
    if sum(not c.isascii() for c in text) - strays >= max(strays, 1):
        return "".join(_unstray(c) for c in text)
    if (likely := _likely(raw)) is not None:
        return raw.decode(likely, "replace")
    return raw.decode(_LAST, "replace")


def in_encoding(raw: bytes, encoding: str) -> str:
    """Return a line of a text: in its encoding, or as what most texts were in before UTF-8; found out for none."""
    try:
        return raw.decode(encoding)
    except ValueError:
        return raw.decode(_LAST, "replace")


def is_charset(name: str) -> bool:
    """Tell whether a text can be in an encoding of this name."""
    try:
        b"    ".decode(name, "replace")
    except (LookupError, ValueError):
        return False
    return not is_no_charset(name)


def is_no_charset(name: str | None) -> bool:
    """Tell whether Python knows the name, and no text is in it."""
    if not name:
        return False
    try:
        return codecs.lookup(name).name.replace("-", "_") in _NO_CHARSETS
    except (LookupError, ValueError):
        return False  # nobody knows it: whoever decodes will say so


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _likely(raw: bytes) -> str | None:
    # Imported where it is needed: most texts are UTF-8, and it takes 40 ms.
    from charset_normalizer import from_bytes

    best = from_bytes(raw[:_LOOKED_AT], cp_isolation=_IN_USE, enable_fallback=False).best()
    return None if best is None or not is_charset(best.encoding) else best.encoding

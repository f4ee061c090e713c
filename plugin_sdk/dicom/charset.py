"""Text as it was meant: Specific Character Set (PS3.5, 6.1) read tolerantly, and wrong labels mended.

Chinese scanners write GBK or UTF-8 under any label, or none. The bytes decide: strict UTF-8 first, because UTF-8 is
hardly ever valid by accident, then GB18030, then what the label says. The stored file is never changed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

_CODECS = {
    "": "ascii", "ISOIR6": "ascii", "ISO2022IR6": "ascii",
    "ISOIR100": "latin-1", "ISOIR101": "iso8859-2", "ISOIR109": "iso8859-3", "ISOIR110": "iso8859-4",
    "ISOIR144": "iso8859-5", "ISOIR127": "iso8859-6", "ISOIR126": "iso8859-7", "ISOIR138": "iso8859-8",
    "ISOIR148": "iso8859-9", "ISOIR203": "iso8859-15", "ISOIR13": "shift_jis", "ISOIR166": "iso8859-11",
    "ISOIR87": "iso2022_jp", "ISOIR159": "iso2022_jp_2", "ISOIR149": "euc_kr", "ISOIR58": "gb18030",
    "ISOIR192": "utf-8", "UTF8": "utf-8", "GB18030": "gb18030", "GBK": "gb18030", "GB2312": "gb18030",
}
_LATIN = frozenset({"latin-1", "iso8859-2", "iso8859-3", "iso8859-4", "iso8859-9", "iso8859-15"})
# escape sequences of PS3.3, C.12.1.1.2: what follows ESC, and the codec of the bytes behind it
_ESCAPES = {
    b"(B": "ascii", b"(J": "shift_jis", b")I": "shift_jis", b"-A": "latin-1", b"-B": "iso8859-2", b"-C": "iso8859-3",
    b"-D": "iso8859-4", b"-F": "iso8859-7", b"-G": "iso8859-6", b"-H": "iso8859-8", b"-L": "iso8859-5",
    b"-M": "iso8859-9", b"-T": "iso8859-11", b"-b": "iso8859-15", b"$B": "iso2022_jp", b"$@": "iso2022_jp",
    b"$(D": "iso2022_jp_2", b"$)C": "euc_kr", b"$)A": "gb18030",
}
_ESCAPE = re.compile(rb"\x1b(\$\([A-Z@]|\$\)[A-Z]|\$[@AB]|[()\-.][A-Za-z])")
_IDEOGRAPH = re.compile("[\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_LETTER_BESIDE = re.compile("[A-Za-z][^\x00-\x7f]|[^\x00-\x7f][A-Za-z]")


class Text(NamedTuple):
    """``charset`` is the Python codec that gave ``text``; ``repaired`` says that the label promised another."""

    text: str
    charset: str
    repaired: bool


def decode(raw: bytes, declared: Sequence[str] = ()) -> Text:
    """Decode one text value. Never raises; no control character but tab and line ends remains."""
    codecs = [_codec(label) for label in declared] or ["ascii"]
    raw = raw.rstrip(b" \0")
    if b"\x1b" in raw:
        return Text(_clean(_escaped(raw, codecs[0])), codecs[-1], False)
    if raw.isascii():
        return Text(_clean(raw.decode("ascii")), codecs[0], False)
    declared_codec = next((c for c in codecs if c not in ("ascii", "iso2022_jp", "iso2022_jp_2")), "ascii")
    used = _choose(raw, declared_codec)
    return Text(_clean(raw.decode(used, "replace")), used, used != declared_codec)


def _codec(label: str) -> str:
    return _CODECS.get(re.sub(r"[^A-Z0-9]", "", label.upper()).replace("ISO2022IR", "ISOIR"), "ascii")


def _choose(raw: bytes, declared: str) -> str:
    utf8, gbk = _try(raw, "utf-8"), _try(raw, "gb18030")
    chinese = gbk is not None and _meant_as_chinese(gbk)
    if utf8 is not None and gbk is not None and _common(gbk) and not _one_script(utf8):
        utf8 = None                                       # such as 头颅, valid UTF-8 by accident
    if declared == "utf-8":
        return "utf-8" if utf8 is not None or gbk is None else "gb18030"
    if declared in ("gb18030", "ascii"):
        if utf8 is not None:
            return "utf-8"
        return "gb18030" if declared == "gb18030" or chinese else "latin-1"
    if utf8 is not None and (declared in _LATIN or any(0x80 <= byte <= 0x9F for byte in raw)):
        return "utf-8"
    return "gb18030" if declared in _LATIN and chinese else declared


def _one_script(text: str) -> bool:
    """Whether the foreign characters are letters of one script, or hold ideographs."""
    if _IDEOGRAPH.search(text):
        return True
    foreign = {c for c in text if c > "\x7f" and unicodedata.category(c)[0] != "P"}
    scripts = {unicodedata.name(c, "?").split()[0] for c in foreign}
    return len(scripts) == 1 and all(unicodedata.category(c)[0] in "LM" and not "\u0180" <= c < "\u0370" for c in foreign)


def _try(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _common(text: str) -> bool:
    """Whether every foreign character is of GB 2312's first level, the 3,755 most used."""
    foreign = [c for c in text if c > "\x7f"]
    return bool(foreign) and all(_level_one(c) for c in foreign)


def _level_one(character: str) -> bool:
    pair = character.encode("gb18030")
    return len(pair) == 2 and 0xB0 <= pair[0] <= 0xD7 and pair[1] >= 0xA1


def _meant_as_chinese(text: str) -> bool:
    """Tell Chinese from accented Latin letters that happen to be valid GBK.

    An accented letter stands among ASCII letters, so its pair swallows one or touches one; Chinese stands apart or
    is made of common characters.
    """
    foreign = [c for c in text if c > "\x7f"]
    if not any(_IDEOGRAPH.match(c) for c in foreign):
        return False
    if not _LETTER_BESIDE.search(text):
        return all(_IDEOGRAPH.match(c) or unicodedata.category(c)[0] in "PSNZ" for c in foreign)
    common = sum(map(_level_one, foreign))
    return common > 1 and common * 3 >= len(foreign) * 2


def _escaped(raw: bytes, default: str) -> str:
    """Decode ISO 2022 code extensions and drop the escapes (PS3.5, 6.1.2.5)."""
    parts, at, codec, lead = [], 0, default, b""
    for match in [*_ESCAPE.finditer(raw), None]:
        piece = raw[at : match.start() if match else len(raw)]
        parts.append(_piece(piece, codec, lead, default))
        if match:
            codec = _ESCAPES.get(match[1], default)
            lead = match[0] if codec.startswith("iso2022") else b""
            codec = default if match[1] == b"(B" else codec
            at = match.end()
    return "".join(parts)


def _piece(piece: bytes, codec: str, lead: bytes, default: str) -> str:
    if not piece:
        return ""
    for name in (codec, default, "gb18030"):
        decoded = _try(lead + piece if name == codec else piece, name)
        if decoded is not None:
            return decoded
    return piece.decode("latin-1")


def _clean(text: str) -> str:
    return "".join(c for c in text if (c >= " " and c != "\x7f") or c in "\t\n\r\f").strip(" \0")


def has_ideographs(text: str) -> bool:
    return _IDEOGRAPH.search(text) is not None


def display_name(person_name: str) -> str:
    """Write a person name (PS3.5, 6.2.1) as a Chinese list shows it.

    The ideographic group if it holds ideographs, else the alphabetic one, else whatever group is filled. Components
    are joined without a space between ideographs, with one elsewhere; empty when there is no name.
    """
    groups = person_name.split("\\")[0].split("=")
    chosen = groups[1] if len(groups) > 1 and has_ideographs(groups[1]) else ""
    chosen = chosen or next((group for group in groups if group.replace("^", " ").strip()), "")
    components = [part.strip() for part in chosen.split("^") if part.strip()]
    glue = "" if components and all(has_ideographs(part) for part in components) else " "
    return glue.join(components)


def fold(name: str) -> str:
    """Key for comparing names: compatibility forms and width folded, case and all punctuation between parts gone."""
    return re.sub(r"[\s^=,.·・]+", "", unicodedata.normalize("NFKC", name)).casefold()


def same_name(a: str, b: str) -> bool:
    """Tell whether two names, as displayed or as PN, are written the same after folding; two empty names are not."""
    left, right = fold(display_name(a)), fold(display_name(b))
    return bool(left) and left == right

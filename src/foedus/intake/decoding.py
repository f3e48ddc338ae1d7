"""Bytes to text and to JSON, strictly: a wrong encoding is a refusal, never a guess.

Rules, in order:

1. A byte order mark decides (UTF-8, UTF-16, UTF-32).
2. Otherwise an encoding the document declares for itself (XML declaration, HTML ``meta``), if it is
   one of those listed here.
3. Otherwise UTF-8.
4. A byte that the encoding does not know refuses the file, as does a NUL in the text.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from foedus.intake.limits import IntakeError, IntakeLimits, check_depth

__all__ = ["decode_json", "decode_text", "json_members", "text_of"]

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED: Final = re.compile(
    rb"""<\?xml[^>]{0,200}?\bencoding\s*=\s*["']([\w.-]{1,40})
       | <meta[^>]{0,200}?\bcharset\s*=\s*["']?([\w.-]{1,40})""",
    re.IGNORECASE | re.VERBOSE,
)
_HEAD_BYTES: Final = 2048
_ENCODINGS: Final = re.compile(
    r"ascii|utf-8|cp125[0-8]|cp866|koi8-[ru]|iso8859-(?:[1-9]|1[0-6])|gb2312|gbk|gb18030"
    r"|big5|big5hkscs|shift_jis|euc_jp|euc_kr|tis-620"
)
_PLACE: Final = re.compile(r"\(byte (\d+)\)")
_decode = msgspec.json.Decoder().decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw] | list[msgspec.Raw])


def decode_text(data: bytes, *, name: str, declared: bool = False) -> str:
    """Return the text of a file.

    Args:
        data: The file; untrusted.
        name: Its name, for messages.
        declared: Whether the format lets a document declare its own encoding (XML, HTML).

    Raises:
        IntakeError: The bytes are not text in the encoding that applies.
    """
    encoding = _encoding(data, name=name, declared=declared)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"not {encoding.upper()} text; save the file as UTF-8"
        raise IntakeError(name=name, place=f"byte {error.start}", reason=reason) from error
    nul = text.find("\0")
    if nul >= 0:
        line = text.count("\n", 0, nul) + 1
        raise IntakeError(name=name, place=f"line {line}", reason="holds a NUL, so it is no text")
    return text


def decode_json(data: bytes, *, name: str, limits: IntakeLimits) -> Any:
    """Decode one JSON text, its depth checked first.

    Raises:
        IntakeError: It is nested too deep, damaged, or not UTF-8.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    check_depth(data, name=name, limits=limits)
    try:
        return _decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _damaged(error, data, name=name) from error


def json_members(
    data: bytes, *, name: str, limits: IntakeLimits
) -> Mapping[str, bytes] | Sequence[bytes]:
    """Return the members of one JSON object or array as bytes, without decoding them.

    Raises:
        IntakeError: It is nested too deep, damaged, not UTF-8, or neither object nor array.
    """
    data = data.removeprefix(codecs.BOM_UTF8)
    check_depth(data, name=name, limits=limits)
    try:
        data.decode()  # members are passed over undecoded, so their encoding is checked here
        found = _members.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _damaged(error, data, name=name) from error
    if isinstance(found, dict):
        return {key: bytes(value) for key, value in found.items()}
    return [bytes(value) for value in found]


def text_of(entry: Mapping[str, Any], key: str) -> str:
    """Return a text property of a JSON object, stripped; empty if absent or no text."""
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else ""


def _damaged(error: Exception, data: bytes, *, name: str) -> IntakeError:
    place = _PLACE.search(str(error))
    where = f"byte {place[1]}" if place else f"byte {len(data)}"
    if isinstance(error, UnicodeDecodeError):
        where = f"byte {error.start}"
    return IntakeError(name=name, place=where, reason=f"damaged JSON: {error}")


def _encoding(data: bytes, *, name: str, declared: bool) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    found = _DECLARED.search(data[:_HEAD_BYTES]) if declared else None
    if found is None:
        return "utf-8"
    label = (found[1] or found[2]).decode("ascii", "replace")
    try:
        encoding = codecs.lookup(label).name
    except LookupError:
        encoding = ""
    if not _ENCODINGS.fullmatch(encoding):
        reason = f"declares the encoding {label!r}, which is not read; save the file as UTF-8"
        raise IntakeError(name=name, place="line 1", reason=reason)
    return encoding

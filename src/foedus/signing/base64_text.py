"""Bytes as text: standard base64, where one byte string has exactly one text.

Python's own decoder accepts stray trailing bits, so that one signature would have several texts.
This one refuses them.
"""

from __future__ import annotations

import base64
import binascii

from foedus.signing.errors import Base64Error

__all__ = ["from_base64", "to_base64"]


def to_base64(data: bytes) -> str:
    """Return standard base64 with padding.

    Spec: RFC 4648 §4.
    """
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def from_base64(text: str) -> bytes:
    """Decode standard base64 with padding, strictly.

    Args:
        text: Untrusted text.

    Raises:
        Base64Error: Another alphabet, white space, missing padding or non-zero trailing bits.

    Spec: RFC 4648 §4, and §3.5 (canonical encoding).
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Base64Error("not standard base64") from error
    if to_base64(data) != text:
        raise Base64Error("base64 with stray trailing bits")
    return data

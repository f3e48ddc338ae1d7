"""Traces: how often a text stands in the bytes of files, whatever wrote them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Traces", "search_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """What a search of bytes found.

    Attributes:
        files: Files read whole.
        bytes: Bytes in them.
        found: Text → how often its UTF-8 bytes stand in them.
        places: Files in which any of the texts stands.
    """

    files: int
    bytes: int
    found: Mapping[str, int]
    places: tuple[Path, ...]


def search_files(folders: Iterable[Path], texts: Sequence[str]) -> Traces:
    """Look for texts in every byte of every file in some folders, databases and journals included.

    A file that is removed while this reads counts as none.
    """
    wanted = {text: text.encode() for text in texts}
    found = dict.fromkeys(texts, 0)
    places: list[Path] = []
    files = size = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            try:
                content = path.read_bytes() if path.is_file() else None
            except FileNotFoundError:
                continue
            if content is None:
                continue
            files += 1
            size += len(content)
            here = {text: content.count(each) for text, each in wanted.items()}
            if any(here.values()):
                places.append(path)
            for text, number in here.items():
                found[text] += number
    return Traces(files=files, bytes=size, found=found, places=tuple(places))

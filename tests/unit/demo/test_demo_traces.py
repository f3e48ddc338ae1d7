from __future__ import annotations

from pathlib import Path

from foedus.demo.traces import search_files


def test_a_text_is_found_in_every_byte_of_every_file_below(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "node.db").write_bytes(b"\x00\xff+44 1\x00+44 1")
    (tmp_path / "node.db-wal").write_bytes("é+44 1".encode())
    (tmp_path / "other").write_bytes(b"nothing")
    traces = search_files([tmp_path], ["+44 1", "absent"])
    assert traces.found == {"+44 1": 3, "absent": 0}
    assert (traces.files, traces.bytes) == (3, 27)
    assert [place.name for place in traces.places] == ["node.db", "node.db-wal"]


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    traces = search_files([tmp_path, tmp_path / "absent"], ["x"])
    assert (traces.files, traces.found) == (0, {"x": 0})

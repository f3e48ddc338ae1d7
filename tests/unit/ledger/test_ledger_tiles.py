"""Paths, bundles, and proofs cut out of tiles."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.ledger.consistency import verify_consistency
from foedus.ledger.edge import RightEdge
from foedus.ledger.errors import TileAbsentError, TileError, TreeError
from foedus.ledger.inclusion import verify_inclusion
from foedus.ledger.tiles import (
    MAX_ENTRY_BYTES,
    TileAddress,
    TileTree,
    consistency_from_tiles,
    entries_path,
    format_bundle,
    inclusion_from_tiles,
    parse_bundle,
    parse_tile_path,
    read_entries,
    read_tile,
    root_from_tiles,
    tile_path,
)
from foedus.ledger.tree import EMPTY_ROOT, leaf_hash, root_of_hashes


class MemoryTiles:
    """Tiles in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(path)
        return self.files[path]


LEAVES = [leaf_hash(b"%d" % number) for number in range(70_000)]


def _tiles(size: int) -> MemoryTiles:
    tiles, edge = MemoryTiles(), RightEdge()
    for start in range(0, size, 256):
        for tile in edge.add(LEAVES[start : min(start + 256, size)]):
            tiles.files[tile_path(tile.level, tile.index, tile.width)] = b"".join(tile.hashes)
    for tile in edge.partials():
        tiles.files[tile_path(tile.level, tile.index, tile.width)] = b"".join(tile.hashes)
    return tiles


LARGE = _tiles(70_000)


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (TileAddress(level=0, index=0), "tile/0/000"),
        (TileAddress(level=0, index=999, width=1), "tile/0/999.p/1"),
        (TileAddress(level=0, index=1000), "tile/0/x001/000"),
        (TileAddress(level=0, index=1_234_067), "tile/0/x001/x234/067"),
        (TileAddress(level=63, index=7, width=255), "tile/63/007.p/255"),
        (TileAddress(level=None, index=1234, width=56), "tile/entries/x001/234.p/56"),
    ],
)
def test_paths(address: TileAddress, path: str) -> None:
    assert address.path == path
    assert parse_tile_path(path) == address


@pytest.mark.parametrize(
    "path",
    [
        "",
        "checkpoint",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/entry/000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/01",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/0/000.p",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/000\n",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/" + "x999/" * 20 + "999",
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(TileError):
        parse_tile_path(path)


@pytest.mark.parametrize(
    ("level", "index", "width"), [(64, 0, 1), (-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)]
)
def test_no_path_is_made_for_what_cannot_be(level: int, index: int, width: int) -> None:
    with pytest.raises(TileError):
        tile_path(level, index, width)


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([], id="none"),
        pytest.param([bytes(32)] * 256, id="full, of hashes"),
        pytest.param([b"", b"a", bytes(MAX_ENTRY_BYTES)], id="of any length"),
        pytest.param([bytes(31), bytes(33)], id="as long as hashes together"),
        pytest.param([b"\x00\x20" * 17, b"\x00\x20" * 16], id="that look like lengths"),
    ],
)
def test_bundles_survive_the_wire(entries: list[bytes]) -> None:
    assert parse_bundle(format_bundle(entries)) == entries


def test_a_bundle_has_big_endian_lengths() -> None:
    assert format_bundle([b"ab", bytes(258)])[:6] == b"\x00\x02ab\x01\x02"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x00", id="half a length"),
        pytest.param(b"\x00\x02a", id="half an entry"),
        pytest.param(b"\x00\x01ab", id="a byte too many"),
        pytest.param(b"\x00\x00" * 257, id="257 entries"),
        pytest.param((b"\x00\x20" + bytes(32)) * 257, id="257 hashes"),
    ],
)
def test_a_spoilt_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(TileError):
        parse_bundle(data)


def test_what_does_not_fit_a_bundle_is_refused() -> None:
    with pytest.raises(TileError):
        format_bundle([b""] * 257)
    with pytest.raises(TileError):
        format_bundle([bytes(MAX_ENTRY_BYTES + 1)])


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.text(max_size=30))
def test_the_parsers_raise_only_their_own_error(data: bytes, text: str) -> None:
    with contextlib.suppress(TileError):
        assert format_bundle(parse_bundle(data)) == data
    for path in (text, f"tile/0/{text}", f"tile/0/000.p/{text}"):
        with contextlib.suppress(TileError):
            assert parse_tile_path(path).path == path


def test_tiles_of_the_specification_s_example() -> None:
    paths = set(LARGE.files)
    assert len([one for one in paths if one.startswith("tile/0/") and ".p/" not in one]) == 273
    partial = {one for one in paths if ".p/" in one}
    assert partial == {"tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"}
    assert "tile/1/000" in paths
    assert set(_tiles(256).files) == {"tile/0/000", "tile/1/000.p/1"}


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
def test_the_tiles_lead_to_the_root(size: int) -> None:
    tiles = _tiles(size)
    root = root_of_hashes(LEAVES[:size])
    assert root_from_tiles(tiles, size) == root
    assert RightEdge.from_tiles(tiles, size).root == root


@pytest.mark.parametrize("index", [0, 1, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999])
def test_inclusion_is_proved_from_tiles(index: int) -> None:
    proof = inclusion_from_tiles(LARGE, index, 70_000)
    verify_inclusion(LEAVES[index], proof, size=70_000, root=root_of_hashes(LEAVES))


@pytest.mark.parametrize(
    ("old", "new"),
    [(0, 70_000), (1, 70_000), (300, 70_000), (65_536, 70_000), (69_999, 70_000), (70_000, 70_000)],
)
def test_growth_is_proved_from_tiles(old: int, new: int) -> None:
    verify_consistency(
        consistency_from_tiles(LARGE, old, new),
        old_size=old,
        old_root=root_of_hashes(LEAVES[:old]) if old else EMPTY_ROOT,
        new_size=new,
        new_root=root_of_hashes(LEAVES[:new]),
    )


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone() -> None:
    tiles = _tiles(512)
    assert read_tile(tiles, level=0, index=1, size=300) == b"".join(LEAVES[256:300])
    tiles.files[entries_path(0)] = format_bundle([b"%d" % n for n in range(256)])
    assert read_entries(tiles, index=0, size=2) == [b"0", b"1"]


def test_absent_and_spoilt_tiles_are_refused() -> None:
    tiles = _tiles(300)
    tiles.files["tile/0/001.p/44"] += b"\x00"
    tiles.files[entries_path(0)] = format_bundle([b"x"])
    tiles.files[entries_path(1, 44)] = b"\x00"
    for call in (
        lambda: read_tile(tiles, level=0, index=1, size=300),
        lambda: read_tile(tiles, level=0, index=2, size=300),
        lambda: read_tile(tiles, level=0, index=-1, size=300),
        lambda: read_entries(tiles, index=0, size=300),
        lambda: read_entries(tiles, index=1, size=300),
    ):
        with pytest.raises(TileError):
            call()
    for absent in (
        lambda: read_tile(MemoryTiles(), level=0, index=0, size=256),
        lambda: read_tile(MemoryTiles(), level=0, index=0, size=5),
        lambda: read_entries(MemoryTiles(), index=0, size=256),
        lambda: read_entries(MemoryTiles(), index=0, size=5),
    ):
        with pytest.raises(TileAbsentError):
            absent()


@pytest.mark.parametrize(("height", "index"), [(-1, 0), (0, -1), (0, 300), (8, 1), (9, 0)])
def test_a_subtree_the_tree_has_not_is_refused(height: int, index: int) -> None:
    with pytest.raises(TreeError):
        TileTree(_tiles(300), 300).node(height, index)


def test_an_edge_takes_one_bundle_at_a_time() -> None:
    edge = RightEdge()
    edge.add(LEAVES[:200])
    assert (edge.size, edge.room()) == (200, 56)
    with pytest.raises(TreeError):
        edge.add(LEAVES[200:257])
    assert edge.add([]) == []

"""What cannot be denied later: one append-only log per member, and proofs out of it.

The log holds salted commitments and knows nothing of what they commit to. Its files are those of
C2SP tlog-tiles, its heads C2SP checkpoints, its receipts C2SP proofs, so anyone can verify them
with tools of their own. Where tiles are kept, and where the last head is guarded, is decided
outside, behind ``TileSink``, ``TileSource``, ``EntrySource`` and ``HeadGuard``.
"""

from __future__ import annotations

from foedus.ledger.audit import AuditResult, audit
from foedus.ledger.checkpoint import (
    Checkpoint,
    open_checkpoint,
    parse_checkpoint,
    sign_checkpoint,
)
from foedus.ledger.commitment import (
    EMPTY_LANE,
    SALT_BYTES,
    batch_root,
    commit_item,
    commit_record,
    item_path,
    lane_digest,
)
from foedus.ledger.consistency import ConsistencyProof, verify_consistency
from foedus.ledger.cosignature import (
    Cosignature,
    CosignatureVerifier,
    Cosigner,
    MLDSACosignatureVerifier,
    cosign,
    open_cosigned,
    parse_cosigner_vkey,
    quorum,
    verify_cosignature,
)
from foedus.ledger.errors import (
    AuditError,
    CheckpointError,
    ConsistencyError,
    ForkError,
    HeadMovedError,
    InclusionError,
    LedgerError,
    PolicyError,
    ReceiptError,
    RollbackError,
    TileAbsentError,
    TileError,
    TreeError,
    WitnessError,
)
from foedus.ledger.fork import Fork, fork_path, fork_path_from_tiles, prove_fork, verify_fork
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.log import EntrySource, HeadGuard, publish, rebuild
from foedus.ledger.policy import (
    Policy,
    format_policy,
    open_under_policy,
    parse_policy,
    threshold_policy,
)
from foedus.ledger.receipt import (
    Receipt,
    ReceiptItem,
    VerifiedReceipt,
    format_receipt,
    parse_receipt,
    verify_receipt,
)
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TileSink,
    TileSource,
    consistency_from_tiles,
    inclusion_from_tiles,
    parse_tile_path,
    root_from_tiles,
)
from foedus.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root_of
from foedus.ledger.witness import (
    AddCheckpoint,
    format_add_checkpoint,
    format_cosignatures,
    judge,
    origin_of,
    parse_add_checkpoint,
    parse_cosignatures,
    with_cosignatures,
)

__all__ = [
    "CHECKPOINT_PATH",
    "EMPTY_LANE",
    "EMPTY_ROOT",
    "SALT_BYTES",
    "AddCheckpoint",
    "AuditError",
    "AuditResult",
    "Checkpoint",
    "CheckpointError",
    "ConsistencyError",
    "ConsistencyProof",
    "Cosignature",
    "CosignatureVerifier",
    "Cosigner",
    "EntrySource",
    "Fork",
    "ForkError",
    "Frontier",
    "HeadGuard",
    "HeadMovedError",
    "InclusionError",
    "InclusionProof",
    "LedgerError",
    "MLDSACosignatureVerifier",
    "Policy",
    "PolicyError",
    "Receipt",
    "ReceiptError",
    "ReceiptItem",
    "RollbackError",
    "TileAbsentError",
    "TileError",
    "TileSink",
    "TileSource",
    "TreeError",
    "VerifiedReceipt",
    "WitnessError",
    "audit",
    "batch_root",
    "commit_item",
    "commit_record",
    "consistency_from_tiles",
    "cosign",
    "fork_path",
    "fork_path_from_tiles",
    "format_add_checkpoint",
    "format_cosignatures",
    "format_policy",
    "format_receipt",
    "inclusion_from_tiles",
    "item_path",
    "judge",
    "lane_digest",
    "leaf_hash",
    "node_hash",
    "open_checkpoint",
    "open_cosigned",
    "open_under_policy",
    "origin_of",
    "parse_add_checkpoint",
    "parse_checkpoint",
    "parse_cosignatures",
    "parse_cosigner_vkey",
    "parse_policy",
    "parse_receipt",
    "parse_tile_path",
    "prove_fork",
    "publish",
    "quorum",
    "rebuild",
    "root_from_tiles",
    "root_of",
    "sign_checkpoint",
    "threshold_policy",
    "verify_consistency",
    "verify_cosignature",
    "verify_fork",
    "verify_inclusion",
    "verify_receipt",
    "with_cosignatures",
]

"""The dossier for a court: what is held here that shows who was given an item, under what law.

It holds, for every version of one item: its exact bytes and those of each redacted form; a receipt
or promise of each disclosure; what each disclosure says, for programs; the texts of the treaties
relied on, as ratified; the instruments of the members concerned; their letters of credence; the
recipients' signed acknowledgements; Foedus documents that name the item (discrepancies,
attestations); the policy by which the receipts are verified; a cover page; and a list of all files
with their hashes. Of other items that were given together with this one nothing is shown.

What is missing is said on the cover page, and why: a dossier claims no more than it proves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.clock import instant_text
from foedus.ledger import Policy, ReceiptError, TileSource, format_policy
from foedus.ledger.exhibit import NodeKey, Trust, examine
from foedus.ledger.manifest import MANIFEST_NAME, format_manifest
from foedus.ledger.policy import PolicyLog
from foedus.ledger.promise import VerifiedPromise
from foedus.ledger.receipt import VerifiedReceipt, verify_receipt_under
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node, note_act
from foedus.node.dossier_page import CoverDisclosure, CoverPage, cover_page
from foedus.node.erase import erasure_named, versions_of
from foedus.node.errors import ErasedError, NodeError, RefusedError
from foedus.node.find import find_items
from foedus.node.lawbook import LawView
from foedus.node.log_policy import policy_of
from foedus.node.ports import ItemFilter, ItemRow, ItemState, Receipted, Transaction
from foedus.node.prove import ProofKind, Prover
from foedus.release.record import NO_TREATY
from foedus.signing import NoteVerifier
from foedus.signing.envelope import parse_envelope

__all__ = ["COVER_NAME", "POLICY_NAME", "Dossier", "DossierFile", "dossier"]

COVER_NAME: Final = "cover.html"
POLICY_NAME: Final = "policy"
_DOCUMENTS_READ: Final = 256
"""Documents read at a time, a few megabytes at most."""
_ABOUT_ITEMS: Final = frozenset({"foedus-discrepancy", "foedus-attestation", "foedus-order"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DossierFile:
    """One file: its path below the dossier's folder, what it is, and its bytes."""

    path: str
    role: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A whole dossier.

    Attributes:
        files: Every file, the manifest last.
        disclosures: How many disclosures it shows.
        receipts: Of how many of them it holds a receipt.
        gaps: What is not proved, in sentences; they stand on the cover page too.
        handles: The item versions it shows.
    """

    files: tuple[DossierFile, ...]
    disclosures: int
    receipts: int
    gaps: tuple[str, ...]
    handles: tuple[int, ...] = ()


def dossier(node: Node, actor: Actor, ledger: TileSource, reference: str) -> Dossier:
    """Build the dossier of one item.

    Args:
        node: The node.
        actor: Who reads evidence: auditor, officer, legal officer or supervisor.
        ledger: The node's published log.
        reference: A local number or STIX id; every version of the item is shown.

    Raises:
        AccessDeniedError: The actor has none of these roles.
        NotFoundError: Nothing here has that name.
        ErasedError: It was erased; the message names the order.
    """
    require_role(actor, Role.AUDITOR, Role.OFFICER, Role.LEGAL, Role.SUPERVISOR)
    node.publish()
    with node.database.read() as tx:
        erased = erasure_named(tx, node, reference)
        if erased is not None:
            raise ErasedError(
                f"{reference} was erased under order {erased.erasure.reference} on "
                f"{erased.erasure.at:%d %B %Y}; there is no evidence of it any more"
            )
        rows = versions_of(tx, reference)
        built = _Builder(tx, node, ledger, rows).build()
    # The journal is never erased, so it names no item by anything that others know.
    numbers = [str(row.number) for row in rows if row.number is not None]
    subject = numbers[-1] if numbers else f"item {rows[-1].handle}"
    with node.database.write() as tx:
        note_act(tx, node, actor, "evidence", subject)
    return built


class _Builder:
    """Collects the files of one dossier out of one snapshot."""

    def __init__(
        self, tx: Transaction, node: Node, ledger: TileSource, rows: list[ItemRow]
    ) -> None:
        self._tx = tx
        self._node = node
        self._prover = Prover(tx, node, ledger)
        self._rows = rows
        self._view: LawView = node.law.view(tx)
        self._now: datetime = node.clock.now()
        self._files: list[DossierFile] = []
        self._told: list[CoverDisclosure] = []
        self._documents: list[JSONValue] = []
        self._gaps: list[str] = []
        self._treaties: set[TreatyId] = set()
        self._members: set[MemberId] = {node.identity.member}
        self._policies: dict[TreatyId | None, Policy] = {}
        self._receipts = 0

    def build(self) -> Dossier:
        given = [
            (row, each) for row in self._rows for each in self._tx.feeds.disclosures(row.handle)
        ]
        for row in self._rows:
            self._add_bytes(row, "")
        for row, each in given:
            self._add_disclosure(row, each)
        if not given:
            self._gaps.append("The item was disclosed to nobody by this node.")
        self._add("disclosures.json", "disclosures", canonical_bytes(self._documents))
        self._add_law()
        self._add_acknowledgements([each for _, each in given])
        self._add_documents()
        policies = self._add_policies()
        newest = self._rows[-1]
        page = CoverPage(
            member=self._node.identity.name,
            code=self._node.identity.member,
            exercise=self._node.identity.exercise,
            number=str(newest.number or ""),
            what=f"{newest.type}: {newest.title}" if newest.title else newest.type,
            object_id=newest.key.object_id,
            originator=newest.key.originator,
            versions=tuple(row.key.version for row in self._rows),
            made=self._now,
            disclosures=tuple(self._told),
            policies=policies,
            gaps=tuple(dict.fromkeys(self._gaps)),
            files=tuple((each.path, each.role) for each in self._files),
        )
        self._add(COVER_NAME, "cover", cover_page(page).encode())
        about: dict[str, JSONValue] = {
            "item": newest.key.object_id,
            "originator": newest.key.originator,
            "made_by": self._node.identity.member,
            "made": instant_text(self._now),
            "exercise": self._node.identity.exercise,
            "not_proved": list(dict.fromkeys(self._gaps)),
        }
        listed = ((each.path, each.role, each.data) for each in self._files)
        self._add(MANIFEST_NAME, "manifest", format_manifest(about, listed))
        return Dossier(
            files=tuple(self._files),
            disclosures=len(given),
            receipts=self._receipts,
            gaps=tuple(dict.fromkeys(self._gaps)),
            handles=tuple(row.handle for row in self._rows),
        )

    def _add(self, path: str, role: str, data: bytes) -> str:
        self._files.append(DossierFile(path=path, role=role, data=data))
        return path

    def _add_bytes(self, row: ItemRow, why: str) -> str:
        """Add an item's exact bytes once; return their path, or "" where they are gone."""
        path = f"items/{row.content_hash[:16]}{why}.json"
        if any(each.path == path for each in self._files):
            return path
        raw = self._tx.items.raw([row.handle]).get(row.handle)
        if raw is None:
            self._gaps.append(f"The bytes of version {row.key.version} are no longer held here.")
            return ""
        return self._add(path, "item", raw)

    def _add_disclosure(self, row: ItemRow, each: Receipted) -> None:
        """Add one disclosure: its receipt, the bytes that were sent, and what it says."""
        self._members.add(each.recipient)
        if each.treaty is not None and each.treaty != NO_TREATY:
            self._treaties.add(each.treaty)
        [sent] = self._tx.items.rows([each.handle])
        sent_path = self._add_bytes(sent, "" if each.handle == row.handle else "-redacted")
        try:
            proof = self._prover.of_disclosure(each)
        except NodeError as error:
            self._gaps.append(
                f"The disclosure to {each.recipient} of {instant_text(each.at)} cannot be proved: "
                f"{error}."
            )
            return
        folder = "receipts" if proof.kind is ProofKind.RECEIPT else "promises"
        role = proof.kind.name.lower()
        path = f"{folder}/{each.recipient}-{each.entry_index}-{each.offset}.{proof.kind.value}"
        self._add(path, role, proof.data)
        self._tell(each, sent_path, path, proof.data)

    def _tell(self, each: Receipted, sent_path: str, path: str, data: bytes) -> None:
        """Take down what a proof says, having verified it as its reader will."""
        own = self._node.identity
        log = NoteVerifier(name=own.log_origin, key=own.log.public)
        trust = Trust(logs=(log,), nodes=(NodeKey(key=own.node.public, origin=own.log_origin),))
        found = examine(data, trust)
        if not isinstance(found, VerifiedReceipt | VerifiedPromise):
            raise RefusedError("what was made is no receipt")  # unreachable: we made it
        witnessed: tuple[tuple[str, datetime], ...] = ()
        if isinstance(found, VerifiedReceipt):
            self._receipts += 1
            witnessed = self._witnessed(each, data)
        else:
            self._gaps.append(
                f"The disclosure to {each.recipient} is promised, not yet receipted: it is the "
                "word of the sender's node alone. Build the dossier again later."
            )
        record: Any = parse_json(found.record)
        item: Any = None if found.item_record is None else parse_json(found.item_record)
        self._documents.append({"proof": path, "bytes": sent_path, "record": record, "item": item})
        self._told.append(
            CoverDisclosure(
                sender=str(record["sender"]),
                recipient=each.recipient,
                recipient_name=self._name(each.recipient),
                instant=str(record["instant"]),
                treaty=self._treaty_title(each.treaty),
                article=str(record["article"]),
                article_title=self._article_title(each),
                purpose=str(record["purpose"]),
                obligations=record["obligations"],
                law_digest=str(record["law_digest"]),
                count=int(record["count"]),
                redacted=bool(item and item["variant"]),
                version=str(item["version"]) if item else "",
                sha256=str(item["sha256"]) if item else "",
                bytes_path=sent_path,
                proof_path=path,
                entry=found.index,
                log=found.origin,
                witnessed=witnessed,
                acknowledged=self._acknowledged(each),
            )
        )

    def _witnessed(self, each: Receipted, data: bytes) -> tuple[tuple[str, datetime], ...]:
        policy = self._policy(each.treaty)
        try:
            found = verify_receipt_under(data, policy)
        except ReceiptError:
            self._gaps.append(
                f"The receipt of the disclosure to {each.recipient} (log entry {each.entry_index}) "
                "is not cosigned by the quorum the treaty asks for: until it is, it is the word of "
                "the sender's log alone. Build the dossier again when the members have cosigned."
            )
            return ()
        if not found.witnessed:
            self._gaps.append(
                "No witness is asked for by the treaty: what is proved is that the sender's own "
                "log says so, not that it says the same to everyone."
            )
        return tuple((one.witness, one.at) for one in found.witnessed)

    def _policy(self, treaty: TreatyId | None) -> Policy:
        if treaty not in self._policies:
            own = self._node.identity
            log = PolicyLog(verifier=NoteVerifier(name=own.log_origin, key=own.log.public))
            policy = Policy(logs=(log,))
            if treaty is not None and treaty in self._view.treaties:
                try:
                    made = policy_of(self._tx, self._node, treaty)
                except RefusedError as error:
                    self._gaps.append(f"No quorum of witnesses can be named: {error}.")
                else:
                    policy = made.policy
            self._policies[treaty] = policy
        return self._policies[treaty]

    def _add_policies(self) -> tuple[str, ...]:
        """Add the policy of each treaty relied on; return their paths."""
        if not self._policies:
            self._policy(None)
        paths = []
        for number, policy in enumerate(self._policies.values()):
            path = POLICY_NAME if number == 0 else f"{POLICY_NAME}-{number + 1}"
            paths.append(self._add(path, "policy", format_policy(policy)))
        return tuple(paths)

    def _add_law(self) -> None:
        """Add treaty texts as ratified, and instruments and letters of the members concerned."""
        for treaty in sorted(self._treaties):
            known = self._view.treaties.get(treaty)
            if known is None:
                self._gaps.append(f"The text of treaty {treaty[:12]} is not held here.")
                continue
            self._add(f"treaties/{treaty[:16]}.md", "treaty", known.treaty.raw)
        for member in sorted(self._members):
            for each in self._view.instruments.of(member):
                document = self._view.documents.get(each.id)
                if document is not None and each.treaty in (None, *self._treaties):
                    name = f"instruments/{member}-{each.serial}-{each.id.rpartition('--')[2][:8]}"
                    self._add(f"{name}.json", "instrument", document.raw)
            peer = self._tx.peers.get(member)
            if peer is not None:
                self._add(f"letters/{member}.json", "letter", peer.credence)

    def _add_acknowledgements(self, given: list[Receipted]) -> None:
        """Add each recipient's newest signed word on the lanes used; say what it does not cover."""
        for recipient, lane in sorted({(each.recipient, each.lane) for each in given}):
            document = self._tx.peers.acknowledgement(recipient, lane)
            if document is not None:
                path = f"acknowledgements/{recipient}-{lane}.json"
                self._add(path, "acknowledgement", document)
                self._gaps.append(
                    "Acknowledgements are the recipients' own signatures; which entries of their "
                    "logs hold them is not known here."
                )
        for recipient in sorted({each.recipient for each in given if not self._acknowledged(each)}):
            self._gaps.append(
                f"{recipient} has not acknowledged everything it was given: that it was sent is "
                "shown, that it arrived is not."
            )

    def _add_documents(self) -> None:
        """Add Foedus documents that name the item under any id it was given."""
        names = {row.key.object_id.encode() for row in self._rows}
        which = ItemFilter(states=frozenset({ItemState.PROTOCOL}), types=_ABOUT_ITEMS)
        found = find_items(self._tx, which)
        for start in range(0, len(found), _DOCUMENTS_READ):
            rows = {row.handle: row for row in found[start : start + _DOCUMENTS_READ]}
            for handle, raw in self._tx.items.raw(list(rows)).items():
                payload = _payload(raw)
                if any(name in payload for name in names):
                    row = rows[handle]
                    place = row.key.object_id.rpartition("--")[2]
                    self._add(f"documents/{row.type}-{place}.json", row.type, raw)

    def _acknowledged(self, each: Receipted) -> str:
        peer = self._tx.peers.get(each.recipient)
        head = None if peer is None else peer.head.get(each.lane)
        if head is None or head[0] < each.position:
            return ""
        return instant_text(head[2])

    def _name(self, member: MemberId) -> str:
        credence = self._view.credences.get(member)
        return "" if credence is None else credence.name

    def _treaty_title(self, treaty: TreatyId | None) -> str:
        known = None if treaty is None else self._view.treaties.get(treaty)
        return "" if known is None else known.treaty.title

    def _article_title(self, each: Receipted) -> str:
        known = None if each.treaty is None else self._view.treaties.get(each.treaty)
        articles = () if known is None else known.treaty.articles
        return next((one.title for one in articles if one.id == each.article), "")


def _payload(raw: bytes) -> bytes:
    return parse_envelope(unwrap_document(parse_object(raw))).payload

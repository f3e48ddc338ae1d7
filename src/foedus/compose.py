"""Picks the implementations and wires a node."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from foedus.access import user_name
from foedus.clock import Clock, SystemClock
from foedus.exchange.http_signature import WINDOW_S
from foedus.ledger import CHECKPOINT_PATH, parse_checkpoint
from foedus.matching import MatchLimits, builtin_benign
from foedus.node.close_log import successor
from foedus.node.context import Node
from foedus.node.introduce import make_credence
from foedus.node.lawbook import LawBook
from foedus.node.lead import FencedGuard, LeaseLead
from foedus.node.learn_head import learn_newest_head
from foedus.node.peer_pins import note_certificate, pins_of_peer
from foedus.node.people import first_user
from foedus.node.ports import Database, PeerRow
from foedus.node.ratify import issue_full_powers
from foedus.node.recover_heads import OwnLog
from foedus.release.gate import Gate
from foedus.settings import (
    Environment,
    Settings,
    SettingsError,
    check_settings,
    load_identity,
    make_keys,
    read_environment,
    write_settings,
)
from foedus.signing import NoteSigner
from foedus.signing.note import split_note
from foedus.store.export_folder import ExportDirectory
from foedus.store.file_lead import FileLead
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.locks import exclusive
from foedus.store.mirrors import MirrorDirectories
from foedus.store.nonces import NonceFile, Nonces
from foedus.store.opening import NodeDatabase, open_store, refuse_occupied
from foedus.store.publisher import Journal, LeasedPublisher, LocalPublisher, Publisher, place_of

if TYPE_CHECKING:
    from foedus.exchange.oidc import OpenIDProvider
    from foedus.exchange.own_tls import ServerTLS
    from foedus.exchange.peer_client import HTTPPeerClient

_NONCES_KEPT: Final = timedelta(seconds=3 * WINDOW_S)

__all__ = ["Wired", "create_node", "open_node", "server_tls", "sign_on_provider"]


@dataclass(slots=True, kw_only=True)
class Wired:
    """A node with everything it stands on.

    Attributes:
        ledger: The published log, for reading.
        guard: The last head that may have been signed.
        mirrors: Copies of other members' logs.
        publisher: Who signs the log's heads, and which process leads.
        nonces: Of signed requests, over all processes.
    """

    settings: Settings
    node: Node
    gate: Gate
    ledger: TileDirectory
    guard: GuardFile
    mirrors: MirrorDirectories
    publisher: Publisher
    nonces: Nonces
    database: NodeDatabase = field(repr=False)
    _client: HTTPPeerClient | None = field(default=None, repr=False)

    @property
    def client(self) -> HTTPPeerClient:
        """Speaks to peers; made on first use, since most commands speak to nobody."""
        if self._client is None:
            from foedus.exchange.connections import Connections  # noqa: PLC0415  # as above
            from foedus.exchange.peer_client import HTTPPeerClient  # noqa: PLC0415

            node = self.node
            self._client = HTTPPeerClient(
                identity=node.identity,
                clock=node.clock,
                random=node.random,
                connections=Connections(
                    clock=node.clock,
                    pins=lambda member: pins_of_peer(node, member),
                    told=lambda member, text: note_certificate(node, member, text),
                ),
            )
        return self._client

    def show_cosigned(self, note: bytes) -> bool:
        """Put a head with its cosignatures where the published one is, if that is the same head.

        Args:
            note: A head of our log, with verified lines of witnesses.

        Returns:
            Whether it stands there now.

        Raises:
            TileError: It is not known to be stored.
        """
        # Under the publisher's lock, so that a newer head is never replaced by an older.
        with exclusive(self.settings.locks / "publish"):
            if split_note(self.ledger.read(CHECKPOINT_PATH))[0] != split_note(note)[0]:
                return False
            self.ledger.write(CHECKPOINT_PATH, note)
            self.ledger.flush()
        self.publisher.show(parse_checkpoint(split_note(note)[0]), note)
        return True

    def close(self) -> None:
        """Close connections; safe to repeat."""
        if self._client is not None:
            self._client.close()
        self.nonces.close()
        self.publisher.close()
        self.database.close()


def server_tls(settings: Settings, clock: Clock) -> ServerTLS | None:
    """Return the TLS of this node's own server; None where it speaks plain HTTP.

    That is where the address is no https, where a proxy in front speaks TLS, and in a data
    directory made before nodes had certificates (`foedus keys renew --new tls` makes one).

    Raises:
        CertificateError: There is a certificate, and it cannot be used.
    """
    from foedus.exchange.own_tls import (  # noqa: PLC0415  # most commands serve nothing
        CertificateFiles,
        ServerTLS,
        files_shown,
        read_own_pins,
    )

    if not settings.speaks_tls:
        return None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        own = CertificateFiles(certificate=settings.tls_certificate, key=settings.tls_key)
        return ServerTLS(lambda: own)

    def chosen() -> CertificateFiles | None:
        return files_shown(settings.keys, read_own_pins(settings.keys), clock.now())

    return None if chosen() is None else ServerTLS(chosen)


def sign_on_provider(
    settings: Settings, clock: Clock, *, environment: Environment | None = None
) -> OpenIDProvider | None:
    """Return the OpenID provider through which people sign on; None where the settings name none.

    Raises:
        ProviderSettingsError: The file with this node's secret there cannot be used.
        SettingsError: The authority's certificates cannot be read.
    """
    if settings.oidc is None:
        return None
    import ssl  # noqa: PLC0415  # most commands sign nobody on

    from foedus.exchange.oidc import OpenIDProvider, read_client_secret  # noqa: PLC0415

    secret = (environment or _environment(settings)).oidc_secret
    if settings.oidc.secret_file and not secret:
        secret = read_client_secret(settings.data / settings.oidc.secret_file)
    trusted = None
    if settings.oidc.authority:
        try:
            trusted = ssl.create_default_context(cafile=settings.data / settings.oidc.authority)
        except OSError as error:
            raise SettingsError("oidc.authority: no certificates can be read there") from error
    return OpenIDProvider(settings.oidc, secret=secret, clock=clock, trusted=trusted)


def create_node(
    settings: Settings,
    *,
    user: str,
    clock: Clock | None = None,
    certificate: bytes | None = None,
    environment: Environment | None = None,
) -> Wired:
    """Make a new node's data directory: keys, settings, store, credence, full powers, first user.

    What could be refused is refused before anything is written.

    Args:
        settings: Of the new node.
        user: Its first user.
        clock: Another clock than that of the machine.
        certificate: That of our own or of a proxy in front, whose key is pinned; None to make one
            if the address is https.
        environment: Where its store is, if not where the process's environment says.

    Raises:
        SettingsError: The directory holds a node already, or what was left of making one.
        AccessError: The user's name is none.
        StoreError: The database named by the environment cannot be reached, or holds a store.
        CertificateError: The certificate cannot be read, or none can be made for the host.
    """
    if (settings.data / "foedus.toml").exists():
        raise SettingsError(f"{settings.data} holds a node already; nothing was changed")
    for place in (settings.keys, settings.guard, settings.locks, settings.database):
        if place.exists():
            raise SettingsError(
                f"{settings.data} holds {place.name} of a node that was never finished; give an "
                "empty directory"
            )
    user_name(user)
    check_settings(settings)
    environment = environment or _environment(settings)
    refuse_occupied(environment.database_url)
    spki = None if certificate is None else _spki(certificate)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.guard.mkdir(mode=0o700)
    settings.locks.mkdir(mode=0o700)
    make_keys(settings)
    if spki is not None or settings.speaks_tls:
        _first_pin(settings, spki, (clock or SystemClock()).now())
    write_settings(settings)
    wired = _open(settings, environment, clock=clock, create=True)
    node = wired.node
    with node.database.write() as tx:
        tx.peers.put(
            PeerRow(
                member=settings.member,
                credence=make_credence(node),
                accepted_at=node.clock.now(),
                accepted_by="init",
                heard=None,
                checkpoint=None,
            )
        )
    issue_full_powers(node, wired.gate)
    first_user(node, user)
    node.publish()
    return wired


def _spki(certificate: bytes) -> str:
    from foedus.exchange.certificate import read_certificate  # noqa: PLC0415  # heavy

    return read_certificate(certificate).spki


def _first_pin(settings: Settings, spki: str | None, now: datetime) -> None:
    """Pin a certificate for the first time: one that is given, or one that is made."""
    from foedus.exchange.own_tls import OwnPin, make_pair, write_own_pins  # noqa: PLC0415
    from foedus.signing.pins import TLSPin  # noqa: PLC0415

    if spki is None:
        host = urlsplit(settings.address).hostname or ""
        first = make_pair(settings.keys, host, now=now, shown_from=now)
    else:
        first = OwnPin(pin=TLSPin(spki=spki, valid_from=now), stem="", shown_from=now)
    write_own_pins(settings.keys, [first])


def open_node(
    settings: Settings, *, clock: Clock | None = None, environment: Environment | None = None
) -> Wired:
    """Open a node's data directory.

    Args:
        settings: Of the node.
        clock: Another clock than the machine's.
        environment: Where its store is, if not where the process's environment says.

    Raises:
        SettingsError: Keys or settings are missing or unusable.
        StoreError: The store cannot be opened.
    """
    return _open(settings, environment or _environment(settings), clock=clock, create=False)


def _open(
    settings: Settings, environment: Environment, *, clock: Clock | None, create: bool
) -> Wired:
    identity = load_identity(settings)
    url = environment.database_url
    database = _database(settings, environment, create=create)
    with database.read() as tx:
        origin = successor(identity.log_origin, tx.recovery.closed())
    identity = replace(identity, log_origin=origin)
    ledger = TileDirectory(settings.ledger)
    mirrors = MirrorDirectories(settings.data / "mirrors", locks=settings.locks)
    the_clock = clock or SystemClock()
    benign = builtin_benign()
    if settings.benign is not None:
        try:
            benign = benign.extended(settings.benign.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"the benign list cannot be read: {error}") from error

    def learn(guard: FencedGuard) -> None:
        own = OwnLog(guard=wired.guard, files=wired.ledger)
        learn_newest_head(wired.node, wired.client, own, guard)

    signer = NoteSigner(identity.log_origin, identity.log)
    if url:
        publisher, nonces = _on_machines(settings, url, database, ledger, signer, learn)
    else:
        publisher, nonces = _on_one_machine(settings, database, ledger, signer)
    node = Node(
        identity=identity,
        database=database,
        clock=the_clock,
        random=os.urandom,
        law=LawBook(identity),
        benign=benign,
        match_limits=MatchLimits(cap=settings.posting_cap, cut_off=settings.cut_off),
        publish=publisher.publish,
        check_log=publisher.check,
        settle=publisher.settle,
        mirrors=mirrors,
        ledger=ledger,
        exports=ExportDirectory(settings.exports),
        require_purpose=settings.require_purpose,
        remind=timedelta(days=settings.remind_days),
    )
    wired = Wired(
        settings=settings,
        node=node,
        gate=Gate(
            member=identity.member,
            secret=identity.secret,
            random=os.urandom,
            exercise=identity.exercise,
        ),
        ledger=ledger,
        guard=_guard(settings),
        mirrors=mirrors,
        publisher=publisher,
        nonces=nonces,
        database=database,
    )
    return wired


def _guard(settings: Settings) -> GuardFile:
    return GuardFile(settings.guard / "head", outside=settings.ledger)


def _environment(settings: Settings) -> Environment:  # noqa: ARG001  # tests give each node its own
    """Return what the environment says of a node's store."""
    return read_environment()


def _database(settings: Settings, environment: Environment, *, create: bool) -> NodeDatabase:
    """Return the node's store: SQLite in its data directory, or PostgreSQL where one is named."""
    return open_store(
        settings.database,
        environment.database_url,
        environment.replica_url,
        member=settings.member,
        create=create,
    )


def _on_one_machine(
    settings: Settings, database: Database, ledger: TileDirectory, signer: NoteSigner
) -> tuple[Publisher, Nonces]:
    """Return what the processes of one data directory share."""
    publisher = LocalPublisher(
        Journal(database, signer.name),
        ledger,
        _guard(settings),
        signer,
        lead=FileLead(settings.serving),
        lock=settings.locks / "publish",
    )
    return publisher, NonceFile(settings.locks / "nonces.db", kept=_NONCES_KEPT)


def _on_machines(
    settings: Settings,
    url: str,
    database: Database,
    ledger: TileDirectory,
    signer: NoteSigner,
    learn: Callable[[FencedGuard], None],
) -> tuple[Publisher, Nonces]:
    """Return what the processes on one database share, on however many machines."""
    from foedus.store.postgres.lease import PostgresLeases, PostgresNonces  # noqa: PLC0415
    from foedus.store.postgres.side import SideConnection  # noqa: PLC0415

    place = place_of(settings.guard)
    publisher = LeasedPublisher(
        Journal(database, signer.name),
        ledger,
        _guard(settings),
        signer,
        lead=LeaseLead(
            PostgresLeases(SideConnection(url)),
            holder=f"{os.getpid()}-{secrets.token_hex(12)}",
            place=place,
        ),
        place=place,
        lock=settings.locks / "publish",
        learn=learn,
    )
    return publisher, PostgresNonces(SideConnection(url, durable=False), kept=_NONCES_KEPT)

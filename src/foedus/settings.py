"""Configuration, read once into frozen values. Nothing else touches the environment.

One file, ``foedus.toml`` in the data directory, written by ``foedus init`` and edited by people.
An unknown or missing setting stops start-up with its name. Keys are files of their own under
``keys/``, readable by their owner only, and never appear in ``repr``.

============================  ===============================================================
environment                   meaning
============================  ===============================================================
``FOEDUS_DATA``               data directory, when ``--data`` is not given
``FOEDUS_USER``               who is acting, when ``--as`` is not given
``FOEDUS_WHY``                what for personal data is read, when ``--why`` is not given
``FOEDUS_DATABASE_URL``       address of a PostgreSQL database; without it SQLite in ``--data``
``FOEDUS_REPLICA_URL``        address of a streaming replica of it, from which pages may be read
``FOEDUS_OIDC_SECRET``        this node's secret with the OpenID provider, instead of a file
============================  ===============================================================
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from foedus.access.provider import ProviderSettings, provider_settings
from foedus.errors import FoedusError
from foedus.exchange.errors import CertificateError
from foedus.exchange.own_tls import OwnPin, read_own_pins
from foedus.model.identifiers import IdentifierError, MemberId, member_id
from foedus.node.identity import NodeIdentity
from foedus.signing import SigningKey

__all__ = [
    "MAX_PROCESSES",
    "Environment",
    "Settings",
    "SettingsError",
    "check_settings",
    "load_identity",
    "load_settings",
    "make_key",
    "make_keys",
    "read_environment",
    "write_settings",
]

_FILE: Final = "foedus.toml"
MAX_PROCESSES: Final = 64
"""Most processes of one `foedus serve`."""

_KEY_BYTES: Final = 32
_PRIVATE: Final = stat.S_IRUSR | stat.S_IWUSR
_KEYS: Final = ("node", "log", "secret")
_PATHS: Final = frozenset({"benign", "tls_certificate", "tls_key"})
_READ: Final[Mapping[str, Any]] = {"oidc": provider_settings, "trusted_proxies": tuple}
_HEADER: Final = re.compile(r"[a-z][a-z0-9-]{2,60}", re.ASCII)
_WITNESS: Final = "witness"
"""A key that a data directory made before there were witnesses does not have."""


class SettingsError(FoedusError):
    """A setting, key file or data directory is missing, unknown or unusable."""

    code: ClassVar[str] = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the process environment says.

    Attributes:
        data: Data directory, or None.
        user: Who is acting, or "".
        database_url: Address of a PostgreSQL database, or ""; may hold a password.
        replica_url: Address of a replica of it, or ""; may hold a password.
        oidc_secret: This node's secret with the OpenID provider, or "".
        why: What for personal data is read, or "".
    """

    data: Path | None
    user: str
    database_url: str = field(default="", repr=False)
    replica_url: str = field(default="", repr=False)
    oidc_secret: str = field(default="", repr=False)
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A node's configuration.

    Attributes:
        data: Data directory: settings, keys, database, ledger, head guard, locks.
        member: The member's id.
        name: The member's name for people.
        address: Base URL under which other nodes reach this one.
        exercise: Whether everything here is an exercise.
        host: Address to listen on.
        port: Port to listen on.
        processes: How many processes serve behind the one port.
        pull_interval_s: Seconds between whole pulls from each peer while serving, which follows
            each peer in between; 0 never pulls.
        proxy_tls: Whether a proxy in front terminates TLS; needed to listen beyond loopback.
        tls_certificate: Certificate of our own to show (PEM, with its chain), or None for the one
            made here.
        tls_key: Its private key (PEM, without a passphrase).
        trusted_proxies: IP addresses of the proxies whose words about a caller are believed.
        client_certificate_header: Header in which such a proxy names a tool's certificate; "" for
            none.
        posting_cap: Items asked about per selector.
        cut_off: Visible items above which a selector is too common to be a hit.
        ledger_public: Whether anyone may read the log's files; else members and own tools only.
        benign: File of ``kind,value`` lines added to the benign list, or None.
        require_purpose: Whether personal data is read only for a stated purpose.
        remind_days: How many days before a review or an end people are reminded.
        backup_days: How many days a backup is kept; attestations say so of what a backup holds.
        oidc: The OpenID provider through which people sign on (the table ``[oidc]``), or None.
    """

    data: Path
    member: MemberId
    name: str
    address: str
    exercise: bool
    host: str = "127.0.0.1"
    port: int = 8440
    processes: int = 1
    pull_interval_s: int = 15
    proxy_tls: bool = False
    tls_certificate: Path | None = field(default=None)
    tls_key: Path | None = field(default=None, repr=False)
    trusted_proxies: tuple[str, ...] = ()
    client_certificate_header: str = ""
    ledger_public: bool = False
    posting_cap: int = 20
    cut_off: int = 200
    benign: Path | None = field(default=None)
    require_purpose: bool = False
    remind_days: int = 14
    backup_days: int = 30
    oidc: ProviderSettings | None = None

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.data / "foedus.db"

    @property
    def exports(self) -> Path:
        """Directory of exports that are under this node's control."""
        return self.data / "exports"

    @property
    def ledger(self) -> Path:
        """Directory of the log's tiles and checkpoint (C2SP tlog-tiles)."""
        return self.data / "ledger"

    @property
    def guard(self) -> Path:
        """Directory of the head guard; keep it out of database backups."""
        return self.data / "guard"

    @property
    def keys(self) -> Path:
        """Directory of the key files."""
        return self.data / "keys"

    @property
    def locks(self) -> Path:
        """Directory of lock files."""
        return self.data / "locks"

    @property
    def speaks_tls(self) -> bool:
        """Whether the node itself, and no proxy in front, is what others reach over TLS."""
        return self.address.startswith("https://") and not self.proxy_tls

    @property
    def serving(self) -> Path:
        """Lock file that a serving process holds: it publishes what other processes enter."""
        return self.locks / "serving"


_TYPES: Final[Mapping[str, type]] = {
    "member": str,
    "name": str,
    "address": str,
    "exercise": bool,
    "host": str,
    "port": int,
    "processes": int,
    "pull_interval_s": int,
    "proxy_tls": bool,
    "tls_certificate": str,
    "tls_key": str,
    "trusted_proxies": list,
    "client_certificate_header": str,
    "ledger_public": bool,
    "posting_cap": int,
    "cut_off": int,
    "benign": str,
    "oidc": dict,
    "require_purpose": bool,
    "remind_days": int,
    "backup_days": int,
}
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "port": (0, 65_535),
    "processes": (1, MAX_PROCESSES),
    "pull_interval_s": (0, 86_400),
    "posting_cap": (1, 10_000),
    "cut_off": (1, 1_000_000),
    "remind_days": (0, 3_650),
    "backup_days": (1, 3_650),
}
"""Least and most value of each number."""

_REQUIRED: Final = ("member", "name", "address", "exercise")


def read_environment() -> Environment:
    """Read the environment variables this program knows."""
    data = os.environ.get("FOEDUS_DATA", "")
    return Environment(
        data=Path(data) if data else None,
        user=os.environ.get("FOEDUS_USER", ""),
        database_url=os.environ.get("FOEDUS_DATABASE_URL", ""),
        replica_url=os.environ.get("FOEDUS_REPLICA_URL", ""),
        oidc_secret=os.environ.get("FOEDUS_OIDC_SECRET", ""),
        why=os.environ.get("FOEDUS_WHY", ""),
    )


def load_settings(data: Path) -> Settings:
    """Read the settings of a data directory.

    Raises:
        SettingsError: The directory is not a node's, or a setting is missing, unknown or of the
            wrong kind; the message names it.
    """
    path = data / _FILE
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"{data} is not a node's data directory (no {_FILE}); `foedus init` makes one"
        ) from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    _check(raw, path)
    try:
        member = member_id(raw["member"])
    except IdentifierError as error:
        raise SettingsError(f"{path}: {error}") from error
    settings = Settings(data=data, **_values(raw, data, member))
    _check_proxies(settings, path)
    return settings


def _values(raw: Mapping[str, Any], data: Path, member: MemberId) -> dict[str, Any]:
    """Return values of the kinds that :class:`Settings` has; paths are relative to the data."""
    paths = {name: data / raw[name] for name in _PATHS & raw.keys()}
    read = {name: _READ[name](raw[name]) for name in _READ.keys() & raw.keys()}
    return {**raw, "member": member, **paths, **read}


def _check_proxies(settings: Settings, path: Path) -> None:
    """Check what is said of proxies and of a certificate of our own.

    Raises:
        SettingsError: An address is none, a header cannot be one or nobody is trusted to set it,
            or a certificate stands without its key.
    """
    for each in settings.trusted_proxies:
        try:
            ipaddress.ip_address(each)
        except ValueError as error:
            raise SettingsError(f"{path}: trusted_proxies names no IP address: {each!r}") from error
    header = settings.client_certificate_header
    if header and not _HEADER.fullmatch(header):
        raise SettingsError(f"{path}: client_certificate_header is no name of a header")
    if header and not settings.trusted_proxies:
        raise SettingsError(
            f"{path}: client_certificate_header needs trusted_proxies: from anybody else it is "
            "worth nothing"
        )
    if (settings.tls_certificate is None) is not (settings.tls_key is None):
        raise SettingsError(f"{path}: tls_certificate and tls_key go together")


def _check(raw: Mapping[str, object], path: Path) -> None:
    for name in raw:
        if name not in _TYPES:
            # Told first: a setting that is misspelt is missing too.
            from difflib import get_close_matches  # noqa: PLC0415  # start-up stays lean

            meant = get_close_matches(name, _TYPES, n=1)
            raise SettingsError(
                f"{path}: there is no setting {name!r}"
                + (f"; is {meant[0]} meant?" if meant else "")
            )
    for name in _REQUIRED:
        if name not in raw:
            raise SettingsError(f"{path}: the setting {name} is missing")
    for name, value in raw.items():
        kind = _TYPES[name]
        if type(value) is not kind or (
            isinstance(value, list) and not all(isinstance(each, str) for each in value)
        ):
            raise SettingsError(f"{path}: {name} must be a {kind.__name__}")
        _check_range(name, value)


def _check_range(name: str, value: object) -> None:
    least, most = _RANGES.get(name, (0, 0))
    if name in _RANGES and isinstance(value, int) and not least <= value <= most:
        raise SettingsError(f"{name} is {value}; it must be from {least} to {most}")


def check_settings(settings: Settings) -> None:
    """Check that settings can be written as they are.

    Raises:
        SettingsError: A text has a character that the file would have to escape, a number is out of
            its range, or name or address could not stand in the letter of credence.
    """
    for name in _RANGES:
        _check_range(name, getattr(settings, name))
    for text in (settings.name, settings.address, settings.host):
        _quoted(text)
    _check_letter(settings)


def _check_letter(settings: Settings) -> None:
    """Check what the letter of credence and the full powers will say, by their own rules."""
    from foedus.treaty.payload import Fields, PayloadError  # noqa: PLC0415  # start-up stays lean

    address = settings.address.rstrip("/")
    fields = Fields({"name": settings.name, "address": address})
    try:
        fields.text("name")
        fields.address("address")
    except PayloadError as error:
        raise SettingsError(f"{error}") from error
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise SettingsError(f"address {address[:60]} is none: {error}") from error
    if not usable:
        raise SettingsError(f"address {address[:60]} names no host, or a port that is none")


def write_settings(settings: Settings) -> None:
    """Write the settings file of a new data directory.

    Raises:
        SettingsError: A text has a character that the file would have to escape.
    """
    lines = [
        "# Foedus node. Change a value and restart `foedus serve`.",
        f'member = "{settings.member}"',
        f"name = {_quoted(settings.name)}",
        f"address = {_quoted(settings.address)}",
        f"exercise = {str(settings.exercise).lower()}",
        f"host = {_quoted(settings.host)}",
        f"port = {settings.port}",
        f"pull_interval_s = {settings.pull_interval_s}",
        f"ledger_public = {str(settings.ledger_public).lower()}",
        *_tls_lines(settings),
        "",
    ]
    (settings.data / _FILE).write_text("\n".join(lines), encoding="utf-8")


def _tls_lines(settings: Settings) -> list[str]:
    """Return the lines about TLS that are not as they are by default."""
    lines = ["proxy_tls = true"] if settings.proxy_tls else []
    if settings.tls_certificate is not None and settings.tls_key is not None:
        lines.append(f"tls_certificate = {_quoted(str(settings.tls_certificate))}")
        lines.append(f"tls_key = {_quoted(str(settings.tls_key))}")
    return lines


def _quoted(text: str) -> str:
    if not text.isprintable() or any(character in text for character in '"\\'):
        raise SettingsError(
            "names and addresses are one line without quotation marks and backslashes"
        )
    return f'"{text}"'


def make_keys(settings: Settings) -> None:
    """Create the node's keys, each in a file only its owner can read. Never overwrites."""
    settings.keys.mkdir(mode=0o700)
    for name in ("authority", *_KEYS, _WITNESS):
        _write_key(settings.keys / f"{name}.key")


def make_key(settings: Settings, name: str) -> None:
    """Make one key anew, durably; the one that stood in its place is gone.

    The old file stands until the new one is whole on disk, so that a crash leaves one of the two.
    Nobody knows the new key before full powers name it: issue them next.

    Args:
        settings: Of the node.
        name: ``node`` or ``witness``.

    Raises:
        SettingsError: No such key is ever made anew, or it cannot be written.
    """
    if name not in {"node", _WITNESS}:
        raise SettingsError(f"the key {name} is not made anew")
    path = settings.keys / f"{name}.key"
    draft = settings.keys / f"{name}.key.new"
    try:
        draft.unlink(missing_ok=True)
        _write_key(draft)
        draft.replace(path)
        directory = os.open(settings.keys, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise SettingsError(f"key file {path.name} cannot be written: {error}") from error


def _write_key(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(os.urandom(_KEY_BYTES).hex() + "\n")
        file.flush()
        os.fsync(file.fileno())


def load_identity(settings: Settings) -> NodeIdentity:
    """Read the node's keys.

    Raises:
        SettingsError: A key file is missing, malformed or readable by others. That of the authority
            may be kept elsewhere, that of the witness may not have been made yet.
    """
    node, log, secret = (_key(settings.keys / f"{name}.key") for name in _KEYS)
    return NodeIdentity(
        member=settings.member,
        name=settings.name,
        address=settings.address.rstrip("/"),
        exercise=settings.exercise,
        authority=_optional_key(settings, "authority"),
        node=SigningKey.from_seed(node),
        log=SigningKey.from_seed(log),
        log_origin=f"foedus/{settings.member.lower()}/log",
        secret=secret,
        witness=_optional_key(settings, _WITNESS),
        tls=tuple(each.pin for each in _own_pins(settings)),
    )


def _own_pins(settings: Settings) -> tuple[OwnPin, ...]:
    try:
        return read_own_pins(settings.keys)
    except CertificateError as error:
        raise SettingsError(f"{error}") from error


def _optional_key(settings: Settings, name: str) -> SigningKey | None:
    path = settings.keys / f"{name}.key"
    return SigningKey.from_seed(_key(path)) if path.exists() else None


def _key(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise SettingsError(
            f"the key file {path.name} is not in {path.parent}: put this node's keys there (a "
            "backup holds them only if it was made with `--with-keys`)"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"key file {path.name} cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"key file {path.name} can be read by others; `chmod 600` it")
    try:
        key = bytes.fromhex(text)
    except ValueError as error:
        raise SettingsError(f"key file {path.name} is damaged") from error
    if len(key) != _KEY_BYTES:
        raise SettingsError(f"key file {path.name} is damaged")
    return key

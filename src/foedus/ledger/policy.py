"""Which logs and which witnesses a reader of proofs relies on, in one file.

A head is good under a policy if one of its logs signed it and its quorum cosigned it. A quorum is a
witness, or a group of which at least so many members did, each a witness or an earlier group; or
``none``. Names are for the file alone and are octets, compared as such.

Spec: C2SP tlog-policy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from foedus.ledger.checkpoint import Checkpoint, open_head
from foedus.ledger.cosignature import (
    Cosignature,
    Cosigner,
    MLDSACosignatureVerifier,
    cosignature_of,
    is_checkable,
    parse_cosigner_vkey,
)
from foedus.ledger.errors import CheckpointError, PolicyError
from foedus.signing.errors import NoteError
from foedus.signing.note import NoteKey, NoteVerifier, parse_vkey, split_vkey

__all__ = [
    "MAX_POLICY_BYTES",
    "MAX_POLICY_LINES",
    "LogKey",
    "Policy",
    "PolicyGroup",
    "PolicyLog",
    "PolicyWitness",
    "format_policy",
    "open_under_policy",
    "parse_policy",
    "threshold_policy",
]

MAX_POLICY_BYTES: Final = 1024 * 1024
"""Largest policy file read, in bytes."""

MAX_POLICY_LINES: Final = 256
"""Most logs, most witnesses and most groups of one policy; readers must accept at least 32."""

LogKey: TypeAlias = NoteVerifier | MLDSACosignatureVerifier
"""A key a log signs its heads with; its name is the origin."""

_ED25519: Final = 0x01
_NONE: Final = b"none"
_ALLOWED: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_WORD: Final = re.compile(rb"[\x21-\x7e\x80-\xff]+")
_COUNT: Final = re.compile(rb"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLog:
    """A log that is relied on.

    Attributes:
        verifier: Its key; the key's name is the log's origin.
        url: Where it is reached, or None; octets, not interpreted.
    """

    verifier: LogKey
    url: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyWitness:
    """A witness that is relied on.

    Attributes:
        name: Its name in this file, which need not be that of its key.
        verifier: Its key.
        url: Where it is asked, or None; octets, not interpreted.
    """

    name: bytes
    verifier: Cosigner
    url: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGroup:
    """So many of its members witness together as one.

    Attributes:
        name: Its name in this file.
        threshold: How many of the members; from 1 to their number.
        members: Names of witnesses and earlier groups.
    """

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A policy, whole and without contradiction.

    Attributes:
        logs: In the order of the file; may be empty if the logs are known from elsewhere.
        witnesses: In the order of the file.
        groups: In the order of the file: each names only what stands before it.
        quorum: Name of the witness or group that must have witnessed; None for ``none``.

    Raises:
        PolicyError: A name is used twice, is not defined, or is none; a key stands twice; a
            threshold no number of members meets; or there are too many of something.

    Spec: C2SP tlog-policy.
    """

    logs: tuple[PolicyLog, ...] = ()
    witnesses: tuple[PolicyWitness, ...] = ()
    groups: tuple[PolicyGroup, ...] = ()
    quorum: bytes | None = None

    def __post_init__(self) -> None:
        if max(map(len, (self.logs, self.witnesses, self.groups))) > MAX_POLICY_LINES:
            raise PolicyError(f"more than {MAX_POLICY_LINES} logs, witnesses or groups")
        _check_keys("log", [one.verifier for one in self.logs])
        _check_keys("witness", [one.verifier for one in self.witnesses])
        for url in (*(one.url for one in self.logs), *(one.url for one in self.witnesses)):
            if url is not None and not _WORD.fullmatch(url):
                raise PolicyError("a URL has no white space or control character")
        defined = _check_names(self.witnesses, self.groups)
        if self.quorum is not None and self.quorum not in defined:
            raise PolicyError(f"the quorum {_shown(self.quorum)} is not defined")

    def verifiers(self) -> tuple[NoteKey, ...]:
        """Return the keys of all logs, then those of all witnesses."""
        return (
            *(one.verifier for one in self.logs),
            *(one.verifier for one in self.witnesses),
        )

    def is_met(self, witnessed: Iterable[bytes]) -> bool:
        """Say whether these witnesses, by their names in the file, make the quorum."""
        met = set(witnessed) & {one.name for one in self.witnesses}
        for group in self.groups:
            if sum(name in met for name in group.members) >= group.threshold:
                met.add(group.name)
        return self.quorum is None or self.quorum in met


def threshold_policy(
    logs: Iterable[str | LogKey],
    witnesses: Mapping[str, str | Cosigner],
    needed: int,
) -> Policy:
    """Return the policy by which any so many of the witnesses make a quorum.

    Args:
        logs: Verifier keys of the logs, or their texts.
        witnesses: For each name, the verifier key of the witness or its text.
        needed: How many; 0 for none.

    Raises:
        PolicyError: A key is malformed or stands twice, a name is no word, or there are fewer
            witnesses than needed.
    """
    if needed < 0 or needed > len(witnesses):
        raise PolicyError(f"{len(witnesses)} witnesses cannot make a quorum of {needed}")
    try:
        log_keys = [_log_key(one.encode()) if isinstance(one, str) else one for one in logs]
        keys = {
            name.encode(): _witness_key(one.encode()) if isinstance(one, str) else one
            for name, one in witnesses.items()
        }
    except UnicodeEncodeError as error:
        raise PolicyError("a name or key is not Unicode text") from error
    name = b"quorum"
    while name in keys:
        name += b"-"
    group = PolicyGroup(name=name, threshold=needed, members=tuple(keys))
    return Policy(
        logs=tuple(PolicyLog(verifier=one) for one in log_keys),
        witnesses=tuple(PolicyWitness(name=n, verifier=one) for n, one in keys.items()),
        groups=(group,) if needed else (),
        quorum=name if needed else None,
    )


def open_under_policy(
    note: bytes, policy: Policy, *, logs: Iterable[LogKey] = ()
) -> tuple[Checkpoint, tuple[Cosignature, ...]]:
    """Return a head that is good under a policy, and who of it witnessed the head, or raise.

    A log is never counted as its own witness. Statements that cannot be checked here, for want of a
    library, are not counted either.

    Args:
        note: A signed note; untrusted.
        policy: What is relied on.
        logs: Keys of logs known from elsewhere.

    Returns:
        The head, and the statements of the policy's witnesses in the order of the policy.

    Raises:
        CheckpointError: Malformed, signed by none of the logs, badly signed by a known key, or the
            quorum is not met.

    Spec: C2SP tlog-policy.
    """
    log_keys = (*(one.verifier for one in policy.logs), *logs)
    known = [one for one in policy.witnesses if is_checkable(one.verifier)]
    checkpoint, opened = open_head(
        note,
        logs=filter(is_checkable, log_keys),
        witnesses=[one.verifier for one in known],
    )
    own = {one.key.raw for one in log_keys if one.name == checkpoint.origin}
    lines = {(one.name, one.key_hash): one for one in opened.signatures}
    found = {
        one.name: cosignature_of(lines[identity])
        for one in known
        if (identity := (one.verifier.name, one.verifier.key_hash)) in lines
        and one.verifier.name != checkpoint.origin
        and one.verifier.key.raw not in own
    }
    if not policy.is_met(found):
        missing = len(policy.witnesses) - len(known)
        more = f"; {missing} witnesses could not be checked without a library" if missing else ""
        raise CheckpointError(
            f"the quorum is not met: {len(found)} of {len(policy.witnesses)} witnesses{more}"
        )
    return checkpoint, tuple(found.values())


def format_policy(policy: Policy) -> bytes:
    """Return the file of a policy.

    Spec: C2SP tlog-policy, "Policy file syntax and structure".
    """
    lines = [_line(b"log", one.verifier.vkey.encode(), one.url) for one in policy.logs]
    lines += [
        _line(b"witness", one.name, one.verifier.vkey.encode(), one.url) for one in policy.witnesses
    ]
    lines += [
        _line(b"group", one.name, str(one.threshold).encode(), *one.members)
        for one in policy.groups
    ]
    return b"".join([*lines, _line(b"quorum", policy.quorum or _NONE)])


def parse_policy(data: bytes) -> Policy:
    """Read a policy file.

    Args:
        data: Untrusted.

    Raises:
        PolicyError: Not in the form of the specification, or as ``Policy``; the message names the
            line.

    Spec: C2SP tlog-policy, "Policy file syntax and structure".
    """
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError(f"a policy has at most {MAX_POLICY_BYTES} bytes")
    if _ALLOWED.fullmatch(data) is None:
        raise PolicyError("a policy has no control character but tab and newline")
    if data[-1:] != b"\n":
        raise PolicyError("every line of a policy ends in a newline")
    reading = _Reading()
    for number, line in enumerate(data[:-1].split(b"\n"), start=1):
        words = line.split()
        if words and not words[0].startswith(b"#"):
            try:
                reading.take(words)
            except PolicyError as error:
                raise PolicyError(f"line {number}: {error}") from error
    return reading.finish()


@dataclass(slots=True)
class _Reading:
    """What the lines of a file defined so far."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[PolicyWitness] = field(default_factory=list)
    groups: list[PolicyGroup] = field(default_factory=list)
    defined: set[bytes] = field(default_factory=set)
    quorums: list[bytes] = field(default_factory=list)

    def take(self, words: list[bytes]) -> None:
        """Read one line.

        Raises:
            PolicyError: It is none of the four forms, or refers to what does not stand before it.
        """
        match words:
            case [b"log", vkey, *url] if len(url) <= 1:
                self.logs.append(PolicyLog(verifier=_log_key(vkey), url=url[0] if url else None))
            case [b"witness", name, vkey, *url] if len(url) <= 1:
                self._define(name)
                self.witnesses.append(
                    PolicyWitness(
                        name=name, verifier=_witness_key(vkey), url=url[0] if url else None
                    )
                )
            case [b"group", name, threshold, *members] if members:
                for member in members:
                    self._check_defined(member)
                self._define(name)
                count = _threshold(threshold, len(members))
                self.groups.append(PolicyGroup(name=name, threshold=count, members=tuple(members)))
            case [b"quorum", name]:
                if name != _NONE:
                    self._check_defined(name)
                self.quorums.append(name)
            case _:
                raise PolicyError("not a log, witness, group or quorum line")

    def finish(self) -> Policy:
        """Return the policy.

        Raises:
            PolicyError: There is not exactly one quorum line, or as ``Policy``.
        """
        if len(self.quorums) != 1:
            raise PolicyError(f"a policy has one quorum line, not {len(self.quorums)}")
        quorum = self.quorums[0]
        return Policy(
            logs=tuple(self.logs),
            witnesses=tuple(self.witnesses),
            groups=tuple(self.groups),
            quorum=None if quorum == _NONE else quorum,
        )

    def _define(self, name: bytes) -> None:
        if name == _NONE or name in self.defined:
            raise PolicyError(f"the name {_shown(name)} is defined already")
        self.defined.add(name)

    def _check_defined(self, name: bytes) -> None:
        if name not in self.defined:
            raise PolicyError(f"the name {_shown(name)} is not defined on an earlier line")


def _threshold(word: bytes, members: int) -> int:
    if word == b"any":
        return 1
    if word == b"all":
        return members
    if _COUNT.fullmatch(word) is None:
        raise PolicyError("a group takes all, any or a number of its members")
    return int(word)


def _log_key(word: bytes) -> LogKey:
    try:
        text = word.decode()
        if split_vkey(text)[1] == _ED25519:
            return parse_vkey(text)
        found = parse_cosigner_vkey(text)
    except (UnicodeDecodeError, NoteError) as error:
        raise PolicyError(f"not the verifier key of a log: {error}") from error
    if not isinstance(found, MLDSACosignatureVerifier):
        raise PolicyError("a witness's kind of key does not sign for a log")
    return found


def _witness_key(word: bytes) -> Cosigner:
    try:
        return parse_cosigner_vkey(word.decode())
    except (UnicodeDecodeError, NoteError) as error:
        raise PolicyError(f"not the verifier key of a witness: {error}") from error


def _check_keys(what: str, verifiers: Sequence[LogKey | Cosigner]) -> None:
    if len({one.key.raw for one in verifiers}) != len(verifiers):
        raise PolicyError(f"two {what} lines have the same key")
    if len({(one.name, one.key_hash) for one in verifiers}) != len(verifiers):
        raise PolicyError(f"two {what} keys have the same name and key id")


def _check_names(
    witnesses: tuple[PolicyWitness, ...], groups: tuple[PolicyGroup, ...]
) -> set[bytes]:
    """Return the names defined, each once and each before it is used."""
    defined: set[bytes] = set()
    used: set[bytes] = set()
    lines: tuple[PolicyWitness | PolicyGroup, ...] = (*witnesses, *groups)
    for one in lines:
        if one.name == _NONE or one.name in defined or _WORD.fullmatch(one.name) is None:
            raise PolicyError(f"the name {_shown(one.name)} is taken, or no word")
        if isinstance(one, PolicyGroup):
            _check_group(one, defined, used)
            used.update(one.members)
        defined.add(one.name)
    return defined


def _check_group(group: PolicyGroup, defined: set[bytes], used: set[bytes]) -> None:
    if not 1 <= group.threshold <= len(group.members):
        raise PolicyError(
            f"no {group.threshold} of {len(group.members)} members of {_shown(group.name)}"
        )
    if not defined.issuperset(group.members):
        raise PolicyError(f"a member of {_shown(group.name)} is not defined before it")
    if len(set(group.members)) != len(group.members) or used.intersection(group.members):
        raise PolicyError(f"a member of {_shown(group.name)} is a member already")


def _line(*words: bytes | None) -> bytes:
    return b" ".join(one for one in words if one is not None) + b"\n"


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "backslashreplace"))

"""C2SP tlog-policy: what a policy file may say, and what it then means."""

from __future__ import annotations

import itertools

import pytest

from foedus.ledger.cosignature import CosignatureVerifier, MLDSACosignatureVerifier
from foedus.ledger.errors import PolicyError
from foedus.ledger.policy import MAX_POLICY_BYTES, format_policy, parse_policy
from foedus.signing.keys import SigningKey
from foedus.signing.ml_dsa import MLDSAPublicKey
from foedus.signing.note import NoteVerifier

KEYS = [SigningKey.from_seed(bytes((number,)) * 32).public for number in range(70)]
LOG = NoteVerifier("log.example/1", KEYS[0]).vkey
V = [CosignatureVerifier(f"w{number}.example", KEYS[number]).vkey for number in range(1, 8)]

TWO_LEVELS = f"""
# Six witnesses of two operators.
log {LOG}

witness X1 {V[0]}
witness X2 {V[1]}
witness X3 {V[2]}
group X-witnesses 2 X1 X2 X3

witness Y1 {V[3]}
witness Y2 {V[4]}
witness Y3 {V[5]}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def _parse(text: str) -> None:
    parse_policy(text.encode())


def test_the_example_with_two_levels_of_groups() -> None:
    policy = parse_policy(TWO_LEVELS.encode())
    names = [one.name.decode() for one in policy.witnesses]
    assert names == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    for count in range(7):
        for some in itertools.combinations(names, count):
            wanted = len([n for n in some if n < "Y"]) >= 2 and any(n > "Y" for n in some)
            assert policy.is_met(n.encode() for n in some) == wanted
    assert parse_policy(format_policy(policy)) == policy


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("quorum none\n", id="a quorum alone"),
        pytest.param(f"witness a {V[0]}\nquorum a\n", id="a single witness"),
        pytest.param(f"witness a {V[0]}\nquorum none\n", id="none, with witnesses"),
        pytest.param(f"witness a {V[0]} https://w.example/\nquorum a\n", id="a URL"),
        pytest.param(f"log {LOG} https://log.example/\nquorum none\n", id="the URL of a log"),
        pytest.param(f"  witness\t \ta  {V[0]} \t\n\t\n quorum a \n", id="white space"),
        pytest.param("  # a comment\n#\nquorum none\n", id="comments"),
        pytest.param(f"quorum none\nwitness a {V[0]}\n", id="lines after the quorum"),
        pytest.param(f"witness any {V[0]}\ngroup all any any\nquorum all\n", id="any as a name"),
        pytest.param(f"witness a {V[0]}\ngroup g all a\nquorum a\n", id="quorum within a group"),
        pytest.param(
            f"witness \u0142\u00f3d\u017a {V[0]}\nquorum \u0142\u00f3d\u017a\n", id="UTF-8 name"
        ),
    ],
)
def test_accepted(text: str) -> None:
    policy = parse_policy(text.encode())
    assert parse_policy(format_policy(policy)) == policy


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n", id="an empty line"),
        pytest.param(f"log {LOG}\n", id="no quorum"),
        pytest.param("quorum none\nquorum none\n", id="two quorums"),
        pytest.param("quorum none", id="no final newline"),
        pytest.param("quorum\n", id="quorum of nothing"),
        pytest.param("quorum none none\n", id="quorum of two"),
        pytest.param("quorum a\n", id="quorum not defined"),
        pytest.param(f"quorum a\nwitness a {V[0]}\n", id="quorum defined later"),
        pytest.param("Quorum none\n", id="capital letter"),
        pytest.param("wtiness a\nquorum none\n", id="another word"),
        pytest.param("quorum none # mine\n", id="comment after a line"),
        pytest.param("quorum none\r\n", id="carriage return"),
        pytest.param("quorum\x0bnone\n", id="vertical tab"),
        pytest.param("# \x7f\nquorum none\n", id="delete, in a comment"),
        pytest.param("# \x00\nquorum none\n", id="zero, in a comment"),
        pytest.param("log\nquorum none\n", id="log of no key"),
        pytest.param(f"log {LOG} u v\nquorum none\n", id="log with two URLs"),
        pytest.param(f"log {V[0]}\nquorum none\n", id="log with a witness's kind of key"),
        pytest.param(f"log {LOG[:-4]}AAA=\nquorum none\n", id="log key with another id"),
        pytest.param(f"log {LOG}\nlog {LOG}\nquorum none\n", id="a log twice"),
        pytest.param(
            f"log {LOG}\nlog {NoteVerifier('other', KEYS[0]).vkey}\nquorum none\n",
            id="a log's key under another name",
        ),
        pytest.param(f"witness a {LOG}\nquorum a\n", id="witness with a log's kind of key"),
        pytest.param("witness a\nquorum none\n", id="witness without key"),
        pytest.param(f"witness a {V[0]}\nwitness b {V[0]}\nquorum a\n", id="a witness twice"),
        pytest.param(
            f"witness a {V[0]}\nwitness b {CosignatureVerifier('b', KEYS[1]).vkey}\nquorum a\n",
            id="a witness's key under another name",
        ),
        pytest.param(f"witness none {V[0]}\nquorum none\n", id="witness called none"),
        pytest.param(f"witness a {V[0]}\nwitness a {V[1]}\nquorum a\n", id="a name twice"),
        pytest.param(f"witness a {V[0]}\ngroup a any a\nquorum a\n", id="a group's name taken"),
        pytest.param(f"witness a {V[0]}\ngroup g any\nquorum g\n", id="a group of none"),
        pytest.param(f"witness a {V[0]}\ngroup g a\nquorum g\n", id="a group without threshold"),
        pytest.param(f"witness a {V[0]}\ngroup g 0 a\nquorum g\n", id="zero of one"),
        pytest.param(f"witness a {V[0]}\ngroup g 2 a\nquorum g\n", id="two of one"),
        pytest.param(f"witness a {V[0]}\ngroup g 01 a\nquorum g\n", id="leading zero"),
        pytest.param(f"witness a {V[0]}\ngroup g +1 a\nquorum g\n", id="a sign"),
        pytest.param(f"witness a {V[0]}\ngroup g most a\nquorum g\n", id="another threshold"),
        pytest.param("group g any g\nquorum g\n", id="a group of itself"),
        pytest.param("group g any none\nquorum g\n", id="none as a member"),
        pytest.param(f"group g any a\nwitness a {V[0]}\nquorum g\n", id="a member defined later"),
        pytest.param(f"witness a {V[0]}\ngroup g any a a\nquorum g\n", id="a member twice"),
        pytest.param(
            f"witness a {V[0]}\ngroup g any a\ngroup h any a\nquorum g\n",
            id="a member of two groups",
        ),
        pytest.param(f"witness K {V[0]}\nquorum \u212a\n", id="the Kelvin sign is no K"),
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        _parse(text)


def test_names_urls_and_comments_are_octets() -> None:
    data = b"# \xff\xfe\nwitness \x80\xff " + V[0].encode() + b" \xf0\nquorum \x80\xff\n"
    policy = parse_policy(data)
    assert policy.quorum == policy.witnesses[0].name == b"\x80\xff"
    assert policy.witnesses[0].url == b"\xf0"
    assert parse_policy(format_policy(policy)) == policy


def test_thirty_two_of_each_are_read() -> None:
    lines = [f"log {NoteVerifier(f'log{n}', KEYS[n]).vkey}" for n in range(32)]
    lines += [f"witness w{n} {CosignatureVerifier('w', KEYS[n + 32]).vkey}" for n in range(32)]
    lines += ["group g0 any w0"]
    lines += [f"group g{n} all g{n - 1} w{n}" for n in range(1, 32)]
    policy = parse_policy("\n".join([*lines, "quorum g31\n"]).encode())
    everyone = [one.name for one in policy.witnesses]
    assert policy.is_met(everyone)
    assert not policy.is_met(everyone[1:])


def test_a_file_of_any_other_length_is_refused() -> None:
    with pytest.raises(PolicyError):
        parse_policy(b"#" * MAX_POLICY_BYTES + b"\nquorum none\n")


def test_ml_dsa_keys_are_read_for_logs_and_witnesses() -> None:
    keys = [MLDSAPublicKey(bytes((number,)) * 1312) for number in (1, 2)]
    log, witness = (MLDSACosignatureVerifier("log.example/pq", one) for one in keys)
    policy = parse_policy(f"log {log.vkey}\nwitness w {witness.vkey}\nquorum w\n".encode())
    assert policy.verifiers() == (log, witness)
    assert parse_policy(format_policy(policy)) == policy

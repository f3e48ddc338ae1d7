"""Normal forms of payment addresses: IBAN and cryptocurrency wallets, with their checksums.

Rules:

1. An **IBAN** is its letters and digits in capitals; the country is in the registry and the length
   is the country's; check digits are 02 to 98 and the number is 1 modulo 97 (ISO 13616-1).
2. A **base58check** wallet keeps its case; its version is one of BTC, LTC, DOGE, DASH, TRON, BTG,
   ZEC (transparent) or, with the Ripple alphabet, XRP; its four checksum bytes are verified.
3. A **bech32** wallet (``bc1``, ``ltc1``) is lower-case; mixed case is refused; version 0 carries a
   bech32, later versions a bech32m checksum, verified (BIP 173, BIP 350).
4. A **CashAddr** wallet is lower-case with its prefix ``bitcoincash:``; its checksum is verified.
5. An **Ethereum-style** wallet is ``0x`` and 40 hex digits, in lower case. The EIP-55 checksum that
   mixed case may carry is **not verified**: it needs Keccak-256, which the standard library lacks
   (SHA3-256 pads differently), and we write no cryptographic primitive.
6. A **Monero** wallet has 95 (or, integrated, 106) characters, decodes block by block and starts
   with a main-network byte. Its Keccak checksum is **not verified**, for the same reason.
7. The same address on two chains is one selector: a key that receives on both is one holder.

An address without checksum (Solana, for one) is refused: almost any word would pass.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from foedus.model.normal_form import SelectorError, compact, plain

__all__ = ["IBAN_LENGTHS", "normal_iban", "normal_wallet"]

_REGISTRY: Final = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 "
    "DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 "
    "IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 "
    "MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 "
    "SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
)

IBAN_LENGTHS: Final = {entry[:2]: int(entry[2:]) for entry in _REGISTRY.split()}
"""Length of an IBAN by country, in characters (ISO 13616 registry)."""

_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_RIPPLE58: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_BITCOIN_DIGIT: Final = {character: value for value, character in enumerate(_BASE58)}
_RIPPLE_DIGIT: Final = {character: value for value, character in enumerate(_RIPPLE58)}
_VERSIONS: Final = frozenset(
    {
        *(bytes([one]) for one in bytes.fromhex("0005 3032 1e16 4c10 41 2617 21")),
        bytes.fromhex("1cb8"),
        bytes.fromhex("1cbd"),
    }
)
_BASE58_CHARS: Final = range(25, 36)
_HASH_BYTES: Final = 20
_CHECK_BYTES: Final = 4

_HEX_WALLET: Final = re.compile(r"0[xX][0-9A-Fa-f]{40}")
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_BECH32_DIGIT: Final = {character: value for value, character in enumerate(_BECH32)}
_BECH32_PREFIXES: Final = ("bc1", "ltc1")
_BECH32_CHARS: Final = range(14, 91)
_CHECK_VALUES: Final = 6
_MAX_WITNESS_VERSION: Final = 16
_PROGRAM_BYTES: Final = range(2, 41)
_FIRST_PROGRAM_BYTES: Final = frozenset({20, 32})
_MAX_PADDING_BITS: Final = 4
_BECH32_SUM: Final = 1
_BECH32M_SUM: Final = 0x2BC830A3
_BECH32_STEPS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CASH_PREFIX: Final = "bitcoincash:"
_CASH: Final = re.compile(r"(?:bitcoincash:)?[qp][qpzry9x8gf2tvdw0s3jn54khce6mua7l]{41}")
_CASH_STEPS: Final = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)

_MONERO: Final = re.compile(r"[48][1-9A-HJ-NP-Za-km-z]{94}(?:[1-9A-HJ-NP-Za-km-z]{11})?")
_MONERO_BLOCK_CHARS: Final = 11
_MONERO_BLOCK_LIMIT: Final = 1 << 64
_MONERO_LAST_LIMIT: Final = 1 << 40
_MONERO_NETWORK: Final = {95: frozenset({18, 42}), 106: frozenset({19})}


def normal_iban(text: str) -> str:
    """Return the normal form of an IBAN (rule 1), or raise :class:`SelectorError`.

    Spec: ISO 13616-1, ISO 7064 (MOD 97-10).
    """
    number = compact(text).removeprefix("IBAN")
    if not _IBAN.fullmatch(number):
        raise SelectorError("an IBAN is a country, two check digits and an account")
    length = IBAN_LENGTHS.get(number[:2])
    if length is None:
        raise SelectorError("the country has no IBAN")
    if len(number) != length:
        raise SelectorError(f"an IBAN of this country has {length} characters")
    digits = "".join(str(int(character, 36)) for character in number[4:] + number[:4])
    if not "02" <= number[2:4] <= "98" or int(digits) % 97 != 1:
        raise SelectorError("the check digits of the IBAN do not fit")
    return number


def normal_wallet(text: str) -> str:
    """Return the normal form of a wallet address (rules 2 to 6).

    Raises:
        SelectorError: The address is of no known form or its checksum does not fit.

    Spec: BIP 173, BIP 350, CashAddr.
    """
    address = plain(text)
    if _HEX_WALLET.fullmatch(address):
        return address.lower()
    lower = address.lower()
    if lower.startswith(_BECH32_PREFIXES):
        return _segwit(address)
    if _CASH.fullmatch(lower):
        return _cash(address)
    if _MONERO.fullmatch(address):
        return _monero(address)
    if len(address) not in _BASE58_CHARS:
        raise SelectorError("not the shape of a wallet address that carries a checksum")
    return _base58check(address)


def _base58check(address: str) -> str:
    ripple = address.startswith("r")
    data = _base58(
        address, _RIPPLE_DIGIT if ripple else _BITCOIN_DIGIT, zero="r" if ripple else "1"
    )
    body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    version = body[:-_HASH_BYTES]
    known = version == b"\x00" if ripple else version in _VERSIONS
    if len(body) <= _HASH_BYTES or not known:
        raise SelectorError("the wallet address is of no known currency")
    if hashlib.sha256(hashlib.sha256(body).digest()).digest()[:_CHECK_BYTES] != check:
        raise SelectorError("the checksum of the wallet address does not fit")
    return address


def _base58(text: str, digit: dict[str, int], *, zero: str) -> bytes:
    number = 0
    for character in text:
        value = digit.get(character)
        if value is None:
            raise SelectorError("a wallet address holds no such character")
        number = number * 58 + value
    zeros = len(text) - len(text.lstrip(zero))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _segwit(address: str) -> str:
    lower = address.lower()
    if address not in {lower, address.upper()}:
        raise SelectorError("a bech32 address is not in mixed case")
    prefix, _, data = lower.partition("1")
    values = _five_bits(data)
    if len(lower) not in _BECH32_CHARS or len(values) <= _CHECK_VALUES:
        raise SelectorError("not the length of a bech32 address")
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    expected = _BECH32_SUM if values[0] == 0 else _BECH32M_SUM
    if _polymod([*expanded, *values], _BECH32_STEPS, width=30) != expected:
        raise SelectorError("the checksum of the wallet address does not fit")
    program = _bytes_of(values[1:-_CHECK_VALUES])
    allowed = _PROGRAM_BYTES if values[0] else _FIRST_PROGRAM_BYTES
    if values[0] > _MAX_WITNESS_VERSION or program not in allowed:
        raise SelectorError("not a witness program")
    return lower


def _cash(address: str) -> str:
    lower = address.lower()
    if address not in {lower, address.upper()}:
        raise SelectorError("a CashAddr address is not in mixed case")
    values = _five_bits(lower.removeprefix(_CASH_PREFIX))
    prefix = [ord(c) & 31 for c in _CASH_PREFIX[:-1]]
    if _polymod([*prefix, 0, *values], _CASH_STEPS, width=40) != 1:
        raise SelectorError("the checksum of the wallet address does not fit")
    return _CASH_PREFIX + lower.removeprefix(_CASH_PREFIX)


def _five_bits(text: str) -> list[int]:
    try:
        return [_BECH32_DIGIT[character] for character in text]
    except KeyError as fault:
        raise SelectorError("a wallet address holds no such character") from fault


def _polymod(values: Iterable[int], steps: Sequence[int], *, width: int) -> int:
    """Return the BCH remainder over five-bit values. Spec: BIP 173, CashAddr."""
    check = 1
    low = (1 << (width - 5)) - 1
    for value in values:
        top = check >> (width - 5)
        check = ((check & low) << 5) ^ value
        for bit, step in enumerate(steps):
            if top >> bit & 1:
                check ^= step
    return check


def _bytes_of(values: Sequence[int]) -> int:
    """Return how many whole bytes five-bit values hold, or refuse padding that is not zero."""
    count, spare = divmod(len(values) * 5, 8)
    if spare > _MAX_PADDING_BITS or (values and values[-1] & ((1 << spare) - 1)):
        raise SelectorError("the padding of the wallet address is not zero")
    return count


def _monero(address: str) -> str:
    first = _block(address[:_MONERO_BLOCK_CHARS])
    whole = len(address) // _MONERO_BLOCK_CHARS
    blocks = [
        _block(address[i * _MONERO_BLOCK_CHARS : (i + 1) * _MONERO_BLOCK_CHARS])
        for i in range(whole)
    ]
    last = _block(address[whole * _MONERO_BLOCK_CHARS :])
    if max(blocks) >= _MONERO_BLOCK_LIMIT or last >= _MONERO_LAST_LIMIT:
        raise SelectorError("a block of the Monero address is out of range")
    if first >> 56 not in _MONERO_NETWORK[len(address)]:
        raise SelectorError("not a Monero address of the main network")
    return address


def _block(text: str) -> int:
    number = 0
    for character in text:
        number = number * 58 + _BITCOIN_DIGIT[character]
    return number

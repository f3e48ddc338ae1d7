"""Cosigned receipts: five members, each behind real HTTP on loopback, asked to cosign each head.

All six nodes run in this one process, so they share one interpreter; in earnest each has its own.
"""

from __future__ import annotations

import statistics
import time
from contextlib import ExitStack
from dataclasses import replace

from bench.bloc import EVERYBODY, Bloc, held, indicators
from bench.raw_limits import Show
from foedus.cli.serving import services_of
from foedus.exchange.peer_client import HTTPPeerClient
from foedus.exchange.run import bind, serving
from foedus.exchange.server import build_app
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.peer_ports import PeerEndpoint, WitnessAnswer
from foedus.node.prove import ProofKind, Prover
from foedus.node.wish import Wish
from foedus.node.witness_round import witness_round

__all__ = ["cosigned_receipts"]

_WARM = 5


class _Loopback(HTTPPeerClient):
    """Asks each witness where it really listens: letters were written before the ports were."""

    addresses: dict[MemberId, str]

    def add_checkpoint(self, peer: PeerEndpoint, request: bytes) -> WitnessAnswer:
        return super().add_checkpoint(replace(peer, address=self.addresses[peer.member]), request)


def cosigned_receipts(show: Show, bloc: Bloc, sender: MemberId, *, count: int) -> None:
    """Measure from the start of a lone disclosure to its receipt under a head that all cosigned."""
    wired = bloc.nodes[sender]
    handles = held(wired, bloc, indicators(count + _WARM, seed=17))
    wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=(MemberId("XB"),))
    whole, rounds = [], []
    with ExitStack() as stack:
        addresses = {
            member: stack.enter_context(serving(build_app(services_of(peer)), bind("127.0.0.1", 0)))
            for member, peer in bloc.nodes.items()
            if member != sender
        }
        line = _Loopback(
            identity=wired.node.identity, clock=wired.node.clock, random=wired.node.random
        )
        line.addresses = addresses
        stack.callback(line.close)
        for handle in handles:
            start = time.perf_counter()
            disclose(wired.node, EVERYBODY, wired.gate, [handle], wish)
            asked = time.perf_counter()
            answers = witness_round(wired.node, line, wired.ledger, wired.show_cosigned)
            rounds.append(time.perf_counter() - asked)
            assert all(each.lines for each in answers), answers
            assert len(answers) == len(addresses), answers
            with wired.node.database.read() as tx:
                [proof] = Prover(tx, wired.node, wired.ledger).of_item(handle)
            whole.append(time.perf_counter() - start)
            assert proof.kind is ProofKind.RECEIPT, proof.kind
            assert proof.data.count(b"\n\xe2\x80\x94 ") > len(addresses), "a line of each"
    whole, rounds = whole[_WARM:], rounds[_WARM:]
    peers = len(addresses)
    show(
        f"receipt cosigned by {peers} loopback peers, median", statistics.median(whole) * 1e3, "ms"
    )
    show("  slowest of a hundred", sorted(whole)[int(len(whole) * 0.99)] * 1e3, "ms")
    show("  of it: asking all and keeping what they say", statistics.median(rounds) * 1e3, "ms")

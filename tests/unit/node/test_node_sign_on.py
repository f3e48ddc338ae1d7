"""Signing on: passwords, second factors, delays, sessions; who may change what of whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.access.errors import (
    CodeNeededError,
    PasswordDueError,
    PasswordRuleError,
    SessionEndedError,
    SessionStaleError,
    SignOnDelayedError,
    SignOnRefusedError,
)
from foedus.access.passwords import PasswordHashing
from foedus.access.sessions import IDLE, LONGEST, SignedOnBy
from foedus.access.totp import step_of, totp_code
from foedus.clock import FixedClock
from foedus.node.accounts import (
    change_password,
    confirm_totp,
    drop_totp,
    enrol_totp,
    forget_failures,
    renew_recovery,
    set_password,
)
from foedus.node.context import Node, actor_of
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.people import add_user, disable_user, enable_user, set_roles
from foedus.node.sign_on import (
    NewSession,
    end_session,
    end_sessions,
    list_sessions,
    renew_session,
    session_user,
    sign_off,
    sign_on,
    totp_key,
)
from foedus.node.tokens import create_token, token_user

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member

CHEAP = PasswordHashing(memory_kib=8, passes=1, lanes=1)
DEARER = PasswordHashing(memory_kib=16, passes=1, lanes=1)
PASSWORD = "seven blue lanterns"
OTHER = "nine grey herons, flying"


@dataclass
class Desk:
    """A node with Ana, an analyst who has a password, and its administrator."""

    node: Node
    clock: FixedClock
    admin: Actor

    @property
    def ana(self) -> Actor:
        return actor_of(self.node, "ana")

    def on(self, password: str = PASSWORD, code: str = "", **more: str) -> NewSession:
        name = more.pop("name", "ana")
        return sign_on(self.node, name, password, code, hashing=CHEAP, **more)

    def fails(self, times: int, **more: str) -> None:
        for _ in range(times):
            with pytest.raises(SignOnRefusedError):
                self.on("not the right password", **more)

    def later(self, by: timedelta) -> None:
        self.clock.instant += by

    def code(self, off: int = 0) -> str:
        with self.node.database.read() as tx:
            account = tx.accounts.account("ana")
        assert account is not None
        return totp_code(totp_key(self.node.identity, account), step_of(self.clock.now()) + off)

    def with_totp(self) -> tuple[str, ...]:
        enrol_totp(self.node, self.ana)
        codes = confirm_totp(self.node, self.ana, self.code())
        self.later(timedelta(seconds=30))
        return codes


@pytest.fixture(name="desk")
def _desk(lone: Member) -> Desk:
    node = lone.wired.node
    assert isinstance(node.clock, FixedClock)
    add_user(node, lone.actor, "ana", [Role.ANALYST])
    set_password(node, actor_of(node, "ana"), "ana", PASSWORD, hashing=CHEAP)
    return Desk(node=node, clock=node.clock, admin=lone.actor)


def test_who_has_the_password_signs_on(desk: Desk) -> None:
    made = desk.on()
    assert (made.actor, made.how, made.password_due) == (desk.ana, SignedOnBy.PASSWORD, False)
    assert made.ends == desk.clock.now() + LONGEST
    assert session_user(desk.node, made.token) == desk.ana
    assert made.token not in repr(made)
    assert made.device not in repr(made)


WRONG = [
    ("another password", "ana", "eight red lanterns"),
    ("none", "ana", ""),
    ("one no password can be", "ana", "x" * 10_000),
    ("a user without a password", "admin", PASSWORD),
    ("nobody", "eva", PASSWORD),
    ("a name that is none", "x" * 10_000, PASSWORD),
    ("a name PostgreSQL cannot keep", "ana\0", PASSWORD),
]


def test_the_answer_never_says_what_was_wrong(desk: Desk) -> None:
    told = set()
    for what, name, password in WRONG:
        with pytest.raises(SignOnRefusedError) as caught:
            desk.on(password, name=name)
        told.add(str(caught.value))
        assert what
    assert told == {"name, password or code is not right"}


def test_names_nobody_has_cost_a_hash_and_are_delayed_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str | None] = []
    matches = PasswordHashing.matches

    def counted(self: PasswordHashing, kept: str | None, text: str) -> bool:
        looked.append(kept)
        return matches(self, kept, text)

    monkeypatch.setattr(PasswordHashing, "matches", counted)
    desk.fails(5, name="eva")
    assert len(looked) == 5
    with pytest.raises(SignOnDelayedError):
        desk.on(name="eva")
    assert len(looked) == 5


def test_a_hash_is_made_anew_with_the_parameters_in_use(desk: Desk) -> None:
    sign_on(desk.node, "ana", PASSWORD, hashing=DEARER)
    with desk.node.database.read() as tx:
        account = tx.accounts.account("ana")
    assert account is not None
    assert "$m=16," in account.password
    sign_on(desk.node, "ana", PASSWORD, hashing=DEARER)


def test_delays_grow_and_are_not_lengthened_by_trying(desk: Desk) -> None:
    desk.fails(5)
    for _ in range(20):
        with pytest.raises(SignOnDelayedError) as caught:
            desk.on()
        assert caught.value.wait_s == 30
    desk.later(timedelta(seconds=30))
    desk.fails(1)
    with pytest.raises(SignOnDelayedError) as caught:
        desk.on()
    assert caught.value.wait_s == 60
    desk.later(timedelta(seconds=60))
    assert desk.on().failures == 6
    assert desk.on().failures == 0


def test_strangers_do_not_keep_out_whoever_was_here_before(desk: Desk) -> None:
    device = desk.on().device
    desk.fails(5)
    with pytest.raises(SignOnDelayedError):
        desk.on()
    assert desk.on(device=device).actor == desk.ana
    desk.fails(5, device=device)
    with pytest.raises(SignOnDelayedError):
        desk.on(device=device)


def test_a_made_up_device_is_counted_with_the_user(desk: Desk) -> None:
    desk.fails(5)
    for device in ("", "AAAA", "é", "x" * 1000, "A" * 64):
        with pytest.raises(SignOnDelayedError):
            desk.on(device=device)


def test_a_device_is_unknown_once_the_password_changed(desk: Desk) -> None:
    device = desk.on().device
    desk.later(timedelta(seconds=1))
    set_password(desk.node, desk.ana, "ana", OTHER, hashing=CHEAP)
    desk.fails(5)
    with pytest.raises(SignOnDelayedError):
        desk.on(OTHER, device=device)


def test_an_administrator_forgets_failures(desk: Desk) -> None:
    desk.fails(5)
    with pytest.raises(AccessDeniedError):
        forget_failures(desk.node, desk.ana, "ana")
    forget_failures(desk.node, desk.admin, "ana")
    desk.on()


def test_a_second_factor_is_asked_for_once_it_was_confirmed(desk: Desk) -> None:
    made = enrol_totp(desk.node, desk.ana)
    assert made.key not in repr(made)
    assert desk.on().how is SignedOnBy.PASSWORD, "begun is not in use"
    with pytest.raises(RefusedError, match="not the code"):
        confirm_totp(desk.node, desk.ana, "000000")
    before = desk.on()
    assert len(confirm_totp(desk.node, desk.ana, desk.code())) == 10
    with pytest.raises(SessionEndedError):
        session_user(desk.node, before.token)
    with pytest.raises(RefusedError, match="in use"):
        enrol_totp(desk.node, desk.ana)
    with pytest.raises(RefusedError, match="no second factor waits"):
        confirm_totp(desk.node, desk.ana, desk.code())
    with pytest.raises(SignOnRefusedError):
        desk.on(code=desk.code())
    desk.later(timedelta(seconds=30))
    with pytest.raises(CodeNeededError):
        desk.on()
    assert desk.on(code=desk.code()).how is SignedOnBy.TOTP
    with pytest.raises(SignOnRefusedError):
        desk.on(code=desk.code())


def test_without_the_password_nobody_learns_of_a_second_factor(desk: Desk) -> None:
    desk.with_totp()
    with pytest.raises(SignOnRefusedError):
        desk.on("not the right password")


def test_asking_for_the_code_is_no_failure_and_a_wrong_code_is(desk: Desk) -> None:
    desk.with_totp()
    for _ in range(9):
        with pytest.raises(CodeNeededError):
            desk.on()
    for _ in range(5):
        with pytest.raises(SignOnRefusedError):
            desk.on(code="000000")
    with pytest.raises(SignOnDelayedError):
        desk.on(code=desk.code())


def test_a_recovery_code_counts_once(desk: Desk) -> None:
    codes = desk.with_totp()
    made = desk.on(code=codes[0].upper().replace("-", " "))
    assert (made.how, made.recovery_left) == (SignedOnBy.RECOVERY, 9)
    with pytest.raises(SignOnRefusedError):
        desk.on(code=codes[0])
    fresh = renew_recovery(desk.node, desk.ana)
    with pytest.raises(SignOnRefusedError):
        desk.on(code=codes[1])
    assert desk.on(code=fresh[1]).recovery_left == 9


def test_an_administrator_takes_a_second_factor_away_and_never_sets_one(desk: Desk) -> None:
    with pytest.raises(RefusedError, match="set a password first"):
        enrol_totp(desk.node, desk.admin)
    with pytest.raises(RefusedError, match="none is in use"):
        renew_recovery(desk.node, desk.ana)
    codes = desk.with_totp()
    with pytest.raises(AccessDeniedError):
        drop_totp(desk.node, Actor(user="ben", roles=frozenset()), "ana")
    drop_totp(desk.node, desk.admin, "ana")
    assert desk.on(code=codes[0]).how is SignedOnBy.PASSWORD


@pytest.mark.sqlite
def test_nothing_that_signs_on_stands_in_the_store(desk: Desk, lone: Member) -> None:
    codes = desk.with_totp()
    made = desk.on(code=desk.code())
    with desk.node.database.read() as tx:
        account = tx.accounts.account("ana")
    assert account is not None
    key = totp_key(desk.node.identity, account)
    lone.wired.close()
    files = [
        each for each in lone.wired.settings.data.rglob("*") if each.name.startswith("foedus.db")
    ]
    stored = b"".join(each.read_bytes() for each in files)
    for secret in (PASSWORD, codes[0], codes[0].replace("-", ""), made.token, made.device):
        assert secret.encode() not in stored
    assert key not in stored


def test_a_session_ends_unused_or_after_a_day_of_work(desk: Desk) -> None:
    made = desk.on()
    desk.later(IDLE - timedelta(seconds=1))
    session_user(desk.node, made.token)
    desk.later(IDLE - timedelta(seconds=1))
    session_user(desk.node, made.token)
    desk.later(IDLE)
    with pytest.raises(SessionEndedError):
        session_user(desk.node, made.token)
    made = desk.on()
    for _ in range(24):
        desk.later(IDLE - timedelta(seconds=1))
        session_user(desk.node, made.token)
    desk.later(timedelta(seconds=24))
    with pytest.raises(SessionEndedError):
        session_user(desk.node, made.token)


def test_what_is_no_token_opens_nothing(desk: Desk) -> None:
    desk.on()
    for token in ("", "fdss_", "x" * 10_000, "\ud800", "é"):
        with pytest.raises(SessionEndedError):
            session_user(desk.node, token)
        sign_off(desk.node, token)
    assert len(list_sessions(desk.node, desk.admin)) == 1


def test_every_sign_on_has_a_token_of_its_own_and_signing_off_ends_one(desk: Desk) -> None:
    one, two = desk.on(), desk.on()
    assert one.token != two.token
    sign_off(desk.node, one.token)
    sign_off(desk.node, one.token)
    with pytest.raises(SessionEndedError):
        session_user(desk.node, one.token)
    assert session_user(desk.node, two.token) == desk.ana


def test_a_change_of_roles_needs_a_new_token(desk: Desk) -> None:
    made = desk.on()
    set_roles(desk.node, desk.admin, "ana", [Role.ANALYST])
    assert session_user(desk.node, made.token).roles == {Role.ANALYST}, "nothing changed"
    set_roles(desk.node, desk.admin, "ana", [Role.SUPERVISOR])
    with pytest.raises(SessionStaleError):
        session_user(desk.node, made.token)
    renewed = renew_session(desk.node, made.token)
    assert (renewed.session_id, renewed.ends) == (made.session_id, made.ends)
    assert session_user(desk.node, renewed.token).roles == {Role.SUPERVISOR}
    for use in (session_user, renew_session):
        with pytest.raises(SessionEndedError):
            use(desk.node, made.token)


def test_sessions_are_listed_and_ended_by_their_user_and_an_administrator(desk: Desk) -> None:
    one, two = desk.on(), desk.on()
    ben = Actor(user="ben", roles=frozenset(Role) - {Role.ADMINISTRATOR})
    assert {each.session_id for each in list_sessions(desk.node, desk.ana, "ana")} == {
        one.session_id,
        two.session_id,
    }
    assert len(list_sessions(desk.node, desk.admin)) == 2
    for user in ("ana", ""):
        with pytest.raises(AccessDeniedError):
            list_sessions(desk.node, ben, user)
    with pytest.raises(AccessDeniedError):
        end_sessions(desk.node, ben, "ana")
    with pytest.raises(NotFoundError):
        end_session(desk.node, ben, one.session_id)
    assert end_session(desk.node, desk.ana, one.session_id).user == "ana"
    assert end_sessions(desk.node, desk.admin, "ana") == 1
    assert not list_sessions(desk.node, desk.admin)


def test_a_disabled_user_stops_at_once(desk: Desk) -> None:
    made = desk.on()
    tool = create_token(desk.node, desk.ana, "ana", "read")
    disable_user(desk.node, desk.admin, "ana")
    with pytest.raises(SessionEndedError):
        session_user(desk.node, made.token)
    with pytest.raises(SignOnRefusedError):
        desk.on()
    with pytest.raises(RefusedError, match="disabled"):
        actor_of(desk.node, "ana")
    with pytest.raises(RefusedError, match="disabled"):
        create_token(desk.node, desk.admin, "ana", "read")
    with desk.node.database.read() as tx:
        assert token_user(tx, tool.secret) is None
    enable_user(desk.node, desk.admin, "ana")
    with desk.node.database.read() as tx:
        assert token_user(tx, tool.secret) is not None
    with pytest.raises(SessionEndedError):
        session_user(desk.node, made.token)
    desk.on()


def test_what_an_administrator_sets_is_changed_first(desk: Desk) -> None:
    with pytest.raises(AccessDeniedError):
        set_password(desk.node, desk.ana, "admin", OTHER, hashing=CHEAP)
    with pytest.raises(NotFoundError):
        set_password(desk.node, desk.admin, "eva", OTHER, hashing=CHEAP)
    before = desk.on()
    set_password(desk.node, desk.admin, "ana", OTHER, hashing=CHEAP)
    with pytest.raises(SessionEndedError):
        session_user(desk.node, before.token)
    made, other = desk.on(OTHER), desk.on(OTHER)
    assert made.password_due
    with pytest.raises(PasswordDueError):
        session_user(desk.node, made.token)
    ana = session_user(desk.node, made.token, choosing_password=True)
    for old, new, error in (
        ("wrong, surely wrong", PASSWORD, SignOnRefusedError),
        (OTHER, OTHER, RefusedError),
        (OTHER, "short", PasswordRuleError),
    ):
        with pytest.raises(error):
            change_password(desk.node, ana, old, new, token=made.token, hashing=CHEAP)
    change_password(desk.node, ana, OTHER, PASSWORD, token=made.token, hashing=CHEAP)
    assert session_user(desk.node, made.token) == ana
    with pytest.raises(SessionEndedError):
        session_user(desk.node, other.token)
    assert not desk.on().password_due


def test_the_journal_says_who_signed_on_and_names_no_secret(desk: Desk) -> None:
    made = desk.on()
    desk.fails(5)
    with desk.node.database.read() as tx:
        acts = [act for _, act in tx.acts.page(after=0, limit=100)]
    told = {(act.user, act.act) for act in acts}
    assert {("ana", "session.begin"), ("ana", "sign-on.delayed"), ("ana", "user.password")} <= told
    assert not [act for act in acts if made.token in act.subject or PASSWORD in act.subject]


def test_asking_for_the_code_takes_back_no_other_attempt(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who knows the password guesses codes while an attempt without a code is under way."""
    desk.with_totp()
    plain = PasswordHashing.matches
    within: list[str] = []

    def slow(self: PasswordHashing, kept: str | None, text: str) -> bool:
        if not within:
            within.append("once")
            for _ in range(4):
                with pytest.raises(SignOnRefusedError):
                    desk.on(code="000000")
        return plain(self, kept, text)

    monkeypatch.setattr(PasswordHashing, "matches", slow)
    with pytest.raises(CodeNeededError):
        desk.on()
    with pytest.raises(SignOnDelayedError):
        desk.on()


def test_a_password_that_was_reset_meanwhile_is_not_changed_back(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator shuts out whoever has the password, who is just changing it."""
    token = desk.on().token
    plain = PasswordHashing.hashed
    within: list[str] = []

    def slow(self: PasswordHashing, password: str) -> str:
        if not within:
            within.append("once")
            set_password(desk.node, desk.admin, "ana", "set by an administrator", hashing=CHEAP)
        return plain(self, password)

    monkeypatch.setattr(PasswordHashing, "hashed", slow)
    with pytest.raises(SignOnRefusedError, match="changed meanwhile"):
        change_password(desk.node, desk.ana, PASSWORD, OTHER, token=token, hashing=CHEAP)
    with pytest.raises(SignOnRefusedError):
        desk.on(OTHER)

"""Signing on through an OpenID provider: a small real one, on the loopback, that signs tokens."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import pytest
from joserfc import jws
from joserfc.jwk import RSAKey

from foedus.access import Actor, Role
from foedus.access.errors import (
    IdentityError,
    ProviderSettingsError,
    SignOnRefusedError,
    UnknownKeyError,
)
from foedus.access.provider import provider_settings
from foedus.access.sessions import SignedOnBy
from foedus.clock import FixedClock
from foedus.compose import Wired, create_node, sign_on_provider
from foedus.exchange.oidc import OpenIDProvider
from foedus.model.identifiers import MemberId
from foedus.node.accounts import bind_identity, unbind_identities
from foedus.node.people import add_user, disable_user
from foedus.node.provider_sign_on import Begun, Returned, begin, finish
from foedus.node.sign_on import NewSession, session_user
from foedus.settings import Environment, Settings, load_settings

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SECRET = "a secret & more"
ADMIN = Actor(user="admin", roles=frozenset(Role))
KEYS = {name: RSAKey.generate_key(2048, {"kid": name, "use": "sig"}) for name in ("one", "two")}
NOBODY = Environment(data=None, user="")


@dataclass
class Issuer:
    """The provider: one person at a time signs on there at once.

    Attributes:
        claims: What its next ID token says besides what it must.
        metadata: What it publishes besides what it must.
        answers: Path → status and body given instead of the right ones.
    """

    clock: FixedClock
    key: str = "one"
    published: tuple[str, ...] = ("one",)
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    address: str = ""

    def document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.address,
                "authorization_endpoint": f"{self.address}/authorize?tenant=7",
                "token_endpoint": f"{self.address}/token",
                "jwks_uri": f"{self.address}/keys",
                **self.metadata,
            }
        return {"keys": [KEYS[name].as_dict(private=False) for name in self.published]}

    def consent(self, begun: Begun) -> Returned:
        """Do what the person and the browser do: sign on there, and be sent back."""
        query = dict(parse_qsl(urlsplit(begun.address).query))
        assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
        assert (query["tenant"], query["scope"]) == ("7", "openid profile")
        code = f"code-{len(self.codes)}"
        self.codes[code] = query
        return Returned(cookie=begun.cookie, state=query["state"], code=code)

    def token(self, form: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        """Exchange a code, once, for who holds the secret and the verifier. Spec: RFC 6749 §5."""
        begun = self.codes.pop(form["code"][0], None)
        challenge = hashlib.sha256(form["code_verifier"][0].encode()).digest()
        name, _, secret = (
            base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        )
        if not authorization:
            name, secret = form["client_id"][0], form.get("client_secret", [""])[0]
        if (
            begun is None
            or begun["code_challenge"] != base64.urlsafe_b64encode(challenge).decode().rstrip("=")
            or (unquote(name), unquote(secret)) != ("foedus", SECRET)
            or form["redirect_uri"] != [begun["redirect_uri"]]
        ):
            return 400, {"error": "invalid_grant"}
        at = int(self.clock.now().timestamp())
        claims = {
            "iss": self.address,
            "aud": "foedus",
            "sub": "person-7",
            "exp": at + 300,
            "iat": at,
            "nonce": begun["nonce"],
            "preferred_username": "ana@example.org",
            **self.claims,
        }
        header = {"alg": "RS256", "kid": self.key}
        signed = jws.serialize_compact(
            header, json.dumps(claims), KEYS[self.key], algorithms=["RS256"]
        )
        return 200, {"id_token": signed, "access_token": "at", "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    issuer: Issuer

    def do_GET(self) -> None:
        self.issuer.asked.append(self.path)
        self.answer(200, self.issuer.document(self.path))

    def do_POST(self) -> None:
        self.issuer.asked.append(self.path)
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.answer(*self.issuer.token(parse_qs(body), self.headers.get("authorization", "")))

    def answer(self, status: int, document: dict[str, Any]) -> None:
        status, body = self.issuer.answers.get(self.path, (status, json.dumps(document).encode()))
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.send_header("location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@dataclass
class World:
    wired: Wired
    clock: FixedClock
    issuer: Issuer

    def provider(self, **changes: Any) -> OpenIDProvider:
        table = {
            "issuer": self.issuer.address, "client_id": "foedus",
            "redirect": "https://xa.example/back", "scopes": ["profile"], **changes,
        }  # fmt: skip
        made = OpenIDProvider(provider_settings(table), secret=SECRET, clock=self.clock)
        self.providers.append(made)
        return made

    providers: list[OpenIDProvider] = field(default_factory=list)

    def on(self, provider: OpenIDProvider) -> NewSession:
        node = self.wired.node
        return finish(node, provider, self.issuer.consent(begin(node, provider)))

    def bound(self, name: str = "ana") -> None:
        add_user(self.wired.node, ADMIN, name, [Role.ANALYST])
        bind_identity(self.wired.node, ADMIN, name, self.issuer.address, "person-7")


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    clock = FixedClock(NOW)
    issuer = Issuer(clock=clock)
    handler = type("Handler", (_Handler,), {"issuer": issuer})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    issuer.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    )
    thread.start()
    settings = Settings(
        data=tmp_path / "node", member=MemberId("XA"), name="Member XA",
        address="http://127.0.0.1:9", exercise=True,
    )  # fmt: skip
    world = World(
        wired=create_node(settings, user="admin", clock=clock), clock=clock, issuer=issuer
    )
    yield world
    for each in world.providers:
        each.close()
    world.wired.close()
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_who_is_bound_signs_on_and_by_nothing_but_the_subject(world: World) -> None:
    provider = world.provider()
    with pytest.raises(SignOnRefusedError, match="person-7"):
        world.on(provider)
    add_user(world.wired.node, ADMIN, "eva", [Role.ANALYST])
    world.bound()
    world.issuer.claims = {"preferred_username": "eva", "email": "admin@example.org"}
    made = world.on(provider)
    assert (made.actor.user, made.how) == ("ana", SignedOnBy.PROVIDER)
    assert session_user(world.wired.node, made.token).user == "ana"
    assert SECRET not in repr(provider)
    world.issuer.claims = {"sub": "person-8", "preferred_username": "ana"}
    with pytest.raises(SignOnRefusedError, match="nobody here is bound"):
        world.on(provider)
    assert world.issuer.asked.count("/.well-known/openid-configuration") == 1
    assert world.issuer.asked.count("/keys") == 1, "both are kept"


def test_who_is_disabled_or_unbound_does_not(world: World) -> None:
    provider = world.provider()
    world.bound()
    made = world.on(provider)
    node = world.wired.node
    add_user(node, ADMIN, "ben", [Role.ANALYST])
    assert unbind_identities(node, ADMIN, "ana") == 1
    with pytest.raises(SignOnRefusedError):
        world.on(provider)
    bind_identity(node, ADMIN, "ben", world.issuer.address, "person-7")
    disable_user(node, ADMIN, "ben")
    with pytest.raises(SignOnRefusedError, match="does not sign on"):
        world.on(provider)
    assert made.actor.user == "ana"


def test_a_group_makes_a_user_and_its_roles_follow(world: World) -> None:
    groups = {"staff": ["analyst"], "chiefs": ["supervisor", "auditor"]}
    world.issuer.claims = {"groups": ["staff", "others"]}
    with pytest.raises(SignOnRefusedError, match="nobody here is bound"):
        world.on(world.provider())
    provider = world.provider(groups=groups)
    assert world.on(provider).actor == Actor(user="ana", roles=frozenset({Role.ANALYST}))
    world.issuer.claims = {"groups": ["staff", "chiefs"]}
    assert world.on(provider).actor.roles == {Role.ANALYST, Role.SUPERVISOR, Role.AUDITOR}
    world.issuer.claims = {"groups": []}
    with pytest.raises(SignOnRefusedError, match="none of your groups"):
        world.on(provider)
    with world.wired.node.database.read() as tx:
        ana = tx.people.user("ana")
        acts = [(act.user, act.act) for _, act in tx.acts.page(after=0, limit=100)]
    assert ana is not None
    assert not ana.roles
    assert ("ana", "user.add") in acts
    for name in ("admin", "ANA@elsewhere", "7", ""):
        world.issuer.claims = {"groups": ["staff"], "sub": "person-9", "preferred_username": name}
        with pytest.raises(SignOnRefusedError, match="nobody here is bound"):
            world.on(provider)


def test_only_the_browser_that_left_comes_back_in_time(world: World) -> None:
    provider, node = world.provider(), world.wired.node
    world.bound()
    mine, other = begin(node, provider), begin(node, provider)
    back = world.issuer.consent(mine)
    changed = [
        Returned(cookie=other.cookie, state=back.state, code=back.code),
        Returned(cookie="", state=back.state, code=back.code),
        Returned(cookie="é" * 20, state=back.state, code=back.code),
        Returned(cookie=mine.cookie[:-4] + "AAAA", state=back.state, code=back.code),
        Returned(cookie=mine.cookie, state="", code=back.code),
        Returned(cookie=mine.cookie, state="\ud800", code=back.code),
        Returned(cookie=mine.cookie, state=back.state, code=""),
        Returned(cookie=mine.cookie, state=back.state, code=back.code, issuer="https://other"),
    ]
    for each in changed:
        with pytest.raises(SignOnRefusedError):
            finish(node, provider, each)
    world.clock.instant += timedelta(minutes=10, seconds=1)
    with pytest.raises(SignOnRefusedError, match="too long ago"):
        finish(node, provider, back)
    world.clock.instant -= timedelta(seconds=1)
    assert finish(node, provider, back).actor.user == "ana"
    with pytest.raises(IdentityError, match="answered 400"):
        finish(node, provider, back)


def test_a_code_of_another_sign_on_is_refused(world: World) -> None:
    provider, node = world.provider(), world.wired.node
    world.bound()
    mine = world.issuer.consent(begin(node, provider))
    other = world.issuer.consent(begin(node, provider))
    with pytest.raises(IdentityError):
        finish(node, provider, Returned(cookie=mine.cookie, state=mine.state, code=other.code))


def test_keys_are_rotated_and_not_asked_for_without_end(world: World) -> None:
    provider = world.provider()
    world.bound()
    world.on(provider)
    world.issuer.key = "two"
    with pytest.raises(UnknownKeyError):
        world.on(provider)
    assert world.issuer.asked.count("/keys") == 1, "they were fetched within the minute"
    world.clock.instant += timedelta(minutes=1)
    world.issuer.published = ("one", "two")
    assert world.on(provider).actor.user == "ana"
    assert world.issuer.asked.count("/keys") == 2
    world.clock.instant += timedelta(hours=1)
    world.issuer.published = ("two",)
    world.on(provider)
    assert world.issuer.asked.count("/keys") == 3


def test_a_provider_that_names_itself_must(world: World) -> None:
    world.issuer.metadata = {"authorization_response_iss_parameter_supported": True}
    provider, node = world.provider(), world.wired.node
    world.bound()
    back = world.issuer.consent(begin(node, provider))
    with pytest.raises(SignOnRefusedError, match="another provider"):
        finish(node, provider, back)
    named = Returned(
        cookie=back.cookie, state=back.state, code=back.code, issuer=world.issuer.address
    )
    assert finish(node, provider, named).actor.user == "ana"


def test_the_secret_is_posted_where_the_provider_wants_it_so(world: World) -> None:
    world.issuer.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    world.bound()
    assert world.on(world.provider()).actor.user == "ana"


BAD: dict[str, tuple[dict[str, Any], dict[str, tuple[int, bytes]], str]] = {
    "another issuer": ({"issuer": "https://other"}, {}, "names itself otherwise"),
    "an endpoint over plain http": (
        {"token_endpoint": "http://id.example/t"},
        {},
        "token_endpoint",
    ),
    "no endpoint": ({"jwks_uri": None}, {}, "jwks_uri"),
    "no PKCE": ({"code_challenge_methods_supported": ["plain"]}, {}, "PKCE"),
    "shared secrets only": (
        {"id_token_signing_alg_values_supported": ["HS256"]},
        {},
        "no algorithm",
    ),
    "no metadata": ({}, {"/.well-known/openid-configuration": (404, b"")}, "answered 404"),
    "sent elsewhere": ({}, {"/.well-known/openid-configuration": (302, b"")}, "answered 302"),
    "no JSON": ({}, {"/keys": (200, b"<html>")}, "no JSON"),
    "no object": ({}, {"/keys": (200, b"[]")}, "no JSON object"),
    "no keys": ({}, {"/keys": (200, b'{"keys":7}')}, "publishes no keys"),
    "too long": ({}, {"/keys": (200, b" " * 300_000)}, "too long"),
    "no ID token": ({}, {"/token": (200, b'{"access_token":"a"}')}, "no ID token"),
    "an error with a secret in it": ({}, {"/token": (500, b"secret words")}, "answered 500"),
}


def test_a_provider_that_cannot_be_used(world: World) -> None:
    world.bound()
    for what, (metadata, answers, message) in BAD.items():
        world.issuer.metadata, world.issuer.answers = metadata, answers
        with pytest.raises(IdentityError, match=message) as caught:
            world.on(world.provider())
        assert "secret words" not in str(caught.value), what


def test_a_provider_that_is_away(world: World) -> None:
    provider = world.provider(issuer="http://127.0.0.1:1")
    with pytest.raises(IdentityError, match="cannot be reached: connection refused"):
        begin(world.wired.node, provider)


def test_the_settings_name_the_provider_and_the_secret_is_elsewhere(world: World) -> None:
    data = world.wired.settings.data
    file = data / "foedus.toml"
    plain = file.read_text("utf-8")
    assert sign_on_provider(load_settings(data), world.clock, environment=NOBODY) is None
    table = f'\n[oidc]\nissuer = "{world.issuer.address}"\nclient_id = "foedus"\n'
    file.write_text(plain + table, "utf-8")
    with pytest.raises(ProviderSettingsError, match=r"oidc\.redirect is missing"):
        load_settings(data)
    more = (
        'redirect = "https://xa.example/back"\nsecret_file = "keys/oidc"\n'
        '[oidc.groups]\nstaff = ["analyst"]\n'
    )
    file.write_text(plain + table + more, "utf-8")
    settings = load_settings(data)
    assert settings.oidc is not None
    assert settings.oidc.groups == {"staff": frozenset({Role.ANALYST})}
    secret = data / "keys" / "oidc"
    for content, mode, message in (
        (None, 0, "cannot be read"),
        (SECRET, 0o644, "read by others"),
        (" \n", 0o600, "is empty"),
    ):
        if content is not None:
            secret.write_text(content, "utf-8")
            secret.chmod(mode)
        with pytest.raises(ProviderSettingsError, match=message) as caught:
            sign_on_provider(settings, world.clock, environment=NOBODY)
        assert SECRET not in str(caught.value)
    secret.write_text(SECRET + "\n", "utf-8")
    for environment in (NOBODY, Environment(data=None, user="", oidc_secret=SECRET)):
        assert SECRET not in repr(environment)
        provider = sign_on_provider(settings, world.clock, environment=environment)
        assert provider is not None
        assert provider.issuer == world.issuer.address
        provider.close()

"""The same face over TLS, by several processes, and behind a proxy."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
import requests
from taxii2client.v21 import Server, as_pages
from tests.conformance.taxii_kit import LAST, ROOT, TAXII, Place, ids_of, serving, sign

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Served

ONE = sign(1)["id"]
FINGERPRINT = "ab" * 32
OTHER = "cd" * 32
OUTSIDE = "https://taxii.example/foedus"


# --- TLS (§8: every server speaks it)


@pytest.fixture(scope="module", name="secure")
def _secure(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("tls"), tls=True, database_url=new_store()) as node:
        yield node


def test_8_over_tls_a_client_goes_all_the_way(
    secure: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = secure.fresh()
    [certificate] = (secure.data / "keys").glob("tls*.crt")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))  # else one set there would win
    with Server(
        f"{secure.base}/taxii2/", user="u", password=place.token, verify=str(certificate)
    ) as server:
        assert server.default.url == f"{secure.base}{ROOT}"
        assert server.default.url.startswith("https://")
        [collection] = server.default.collections
        status = collection.add_objects({"objects": [sign(n) for n in range(1, 26)]})
        assert status.success_count == 25
        pages = as_pages(collection.get_objects, per_request=10)
        got = [each["id"] for page in pages for each in page["objects"]]
        assert got == [sign(n)["id"] for n in range(1, 26)]
        collection.delete_object(ONE)
        with pytest.raises(requests.HTTPError, match="404"):
            collection.get_object(ONE)


def test_8_over_tls_the_answers_are_the_same(secure: Served) -> None:
    place = secure.fresh()
    place.put(sign(1), sign(2), sign(1, version=1))
    for rest in ("", "manifest/", "objects/", f"objects/{ONE}/", f"objects/{ONE}/versions/"):
        answer = place.get(rest)
        assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
    assert place.get("objects/?limit=0").status_code == 400
    assert place.ask("GET", ROOT, authorization="").headers["www-authenticate"]


def test_8_what_speaks_tls_speaks_nothing_else(secure: Served) -> None:
    port = secure.base.rpartition(":")[2]
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/taxii2/", trust_env=False, timeout=5)


def test_8_no_version_of_tls_before_1_2(secure: Served) -> None:
    import ssl  # noqa: PLC0415
    import warnings  # noqa: PLC0415

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these are old is the point
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{secure.base}/health", trust_env=False, verify=context)


# --- several processes


@pytest.fixture(scope="module", name="many")
def _many(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("many"), "--processes", "3", database_url=new_store()
    ) as node:
        yield node


def test_any_process_answers_for_a_status(many: Served) -> None:
    place = many.fresh()
    status = place.put(sign(1))
    for other in many.connections(place):
        answer = other.ask("GET", f"{ROOT}status/{status['id']}/")
        assert answer.json() == status


def test_any_process_takes_next_and_shows_what_was_just_posted(many: Served) -> None:
    place = many.fresh()
    place.put(*(sign(n) for n in range(1, 41)))
    token, got = "", []
    for other in many.connections(place):
        answer = other.get(f"objects/?limit=2{token}")
        got += ids_of(answer)
        token = f"&next={answer.json()['next']}" if "next" in answer.json() else ""
        if not token:
            break
    assert got == [sign(n)["id"] for n in range(1, 41)]
    for number, other in enumerate(many.connections(place), start=100):
        place.put(sign(number))
        assert other.get(f"objects/{sign(number)['id']}/").status_code == 200


def test_a_revoked_token_opens_nothing_in_any_process(many: Served) -> None:
    name = many.create()
    made = many.command("token", "create", "--user", "admin", "--grant", f"{name}=rw")
    place = many.place(name, made["secret"])
    for other in many.connections(place):
        assert other.get().status_code == 200
    many.command("token", "revoke", made["token"])
    for other in many.connections(place, of="127.0.0.2"):
        assert other.get().status_code == 401


def test_a_follower_of_several_processes_beside_four_writers_loses_nothing(many: Served) -> None:
    place = many.fresh()
    failures: list[str] = []

    def write(writer: int) -> None:
        for post, other in enumerate(many.connections(place)):
            start = (writer * 20 + post) * 10 + 1
            answer = other.post([sign(start + n) for n in range(10)])
            if answer.status_code != 202 or answer.json()["success_count"] != 10:
                failures.append(answer.text)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    got: list[str] = []
    cursor = ""

    def poll() -> list[str]:
        nonlocal cursor
        found: list[str] = []
        for other in many.connections(place):
            answer = other.get("objects/?limit=50" + (f"&added_after={cursor}" if cursor else ""))
            cursor = answer.headers[LAST]
            found += ids_of(answer)
        return found

    while any(thread.is_alive() for thread in threads):
        got += poll()
    for thread in threads:
        thread.join()
    while more := poll():
        got += more
    assert not failures
    assert len(got) == len(set(got)) == 800


# --- behind a proxy


@pytest.fixture(scope="module", name="proxied")
def _proxied(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Served]:
    more = (
        'proxy_tls = true\ntrusted_proxies = ["127.0.0.1"]\n'
        'client_certificate_header = "x-client-certificate"\n'
    )
    with serving(
        tmp_path_factory.mktemp("proxied"), address=OUTSIDE, more=more, database_url=new_store()
    ) as node:
        yield node


def test_4_1_1_behind_a_proxy_the_urls_are_those_of_outside(proxied: Served) -> None:
    place = proxied.fresh()
    for headers in ({}, {"x-forwarded-host": "other.example", "x-forwarded-proto": "http"}):
        body = place.call("GET", "/taxii2/", headers).json()
        assert body["default"] == f"{OUTSIDE}{ROOT}"
        assert body["api_roots"] == [f"{OUTSIDE}{ROOT}"]


def test_a_client_certificate_told_by_the_proxy_opens_what_its_token_does(proxied: Served) -> None:
    """OpenCTI and others may be set up with a certificate and no other credentials."""
    name = proxied.create()
    made = proxied.command(
        "token", "create", "--user", "admin", "--grant", f"{name}=rw", "--certificate", FINGERPRINT
    )
    by_certificate = {"authorization": "", "x-client-certificate": FINGERPRINT}
    answer = proxied.http.get(
        f"{ROOT}collections/", headers={"accept": TAXII, "x-client-certificate": FINGERPRINT}
    )
    assert [each["alias"] for each in answer.json()["collections"]] == [name]
    [info] = answer.json()["collections"]
    place = Place(http=proxied.http, name=name, id=info["id"], token=made["secret"])
    url = place.url + "objects/"
    body = b'{"objects":[]}'
    for headers, status in (
        (by_certificate, {202, 422}),
        ({"x-client-certificate": FINGERPRINT}, {202, 422}),
        ({"x-client-certificate": OTHER}, {401}),
        ({}, {401}),
    ):
        answer = place.call("POST", url, {"content-type": TAXII, **headers}, body)
        assert answer.status_code in status, headers


def test_a_client_certificate_is_believed_of_the_proxy_only(served: Served) -> None:
    """A node without a trusted proxy believes nobody."""
    name = served.create()
    served.command(
        "token", "create", "--user", "admin", "--grant", f"{name}=rw", "--certificate", OTHER
    )
    for header in ("x-client-certificate", "x-ssl-client-sha256", "x-forwarded-client-cert"):
        answer = served.http.get(f"{ROOT}collections/", headers={"accept": TAXII, header: OTHER})
        assert answer.status_code == 401


def test_a_status_of_another_process_is_not_made_up(many: Served) -> None:
    place = many.fresh()
    for other in many.connections(place):
        assert other.ask("GET", f"{ROOT}status/{uuid.uuid4()}/").status_code == 404

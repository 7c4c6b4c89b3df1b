"""The OpenAPI document, and the routes held to it: whatever a script sends, the answer is one that is described."""

from __future__ import annotations

import collections.abc as cabc
import copy
import pathlib
import re
import typing as t
from urllib.parse import parse_qs, urlsplit

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from flask_social.messages import CODES
from flask_social.testing import StandIn
from flask_social.testing.browser import visit
from flask_social.views import ROUTES

from .appkit import JSON, PASSWORD, Kit, make_kit

DOCUMENT = yaml.safe_load((pathlib.Path(__file__).parents[1] / "docs" / "openapi.yaml").read_text(encoding="utf-8"))

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]


def methods_of(path: str) -> set[str]:
    """The methods that the document has for a path."""
    return {method.upper() for method in DOCUMENT["paths"][path] if method != "parameters"}


# The document ---------------------------------------------------------------------------------------------------


def test_every_route_is_in_the_document_and_no_other() -> None:
    routes: dict[str, set[str]] = {}
    for path, _, methods, _ in ROUTES:
        routes.setdefault(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path), set()).update(methods)
    assert {path: methods_of(path) for path in DOCUMENT["paths"]} == routes


def test_every_code_is_in_the_document_and_no_other() -> None:
    assert DOCUMENT["components"]["schemas"]["Code"]["enum"] == sorted(CODES)


def test_operations_have_the_names_of_the_endpoints() -> None:
    named = {op["operationId"] for item in DOCUMENT["paths"].values() for op in item.values() if isinstance(op, dict)}
    second_methods = {"callback_by_form", "signup_form", "link_question", "merge_question"}
    assert named == {endpoint for _, endpoint, _, _ in ROUTES} | second_methods


# The routes -----------------------------------------------------------------------------------------------------

SUBJECT = "subject-1"


class Stage:
    """An application, and the cookies of browsers that stand at different points."""

    def __init__(self, kit: Kit, standin: StandIn) -> None:
        self.kit = kit
        self.standin = standin
        kit.add_user()
        kit.add_user("grace@example.com")
        self.restore()
        self.cookies: dict[str, str | None] = {"nobody": None}
        self.identity = ""
        for name, prepare in (("ada", self._log_in), ("signing up", self._sign_up), ("linking", self._link)):
            client = kit.app.test_client()
            prepare(client)
            self.cookies[name] = client.get_cookie("session").value

    def browser(self, name: str, *, restored: bool = True) -> t.Any:
        """A browser at one of these points; the database is as it was then."""
        if restored:
            self.restore()
        client = self.kit.app.test_client()
        cookie = self.cookies[name]
        if cookie is not None:
            client.set_cookie("session", cookie)
        return client

    def restore(self) -> None:
        """Two users; the first with two connections."""
        kit = self.kit
        with kit.app.app_context():
            if [(row.user_id, row.provider_user_id) for row in kit.rows()] == [(1, SUBJECT)] * 2:
                return
            kit.db.session.execute(kit.db.delete(kit.Connection))
            kit.db.session.execute(kit.db.delete(kit.User).where(kit.User.id > 2))
            for provider_id in "google", "twitter":
                row = kit.Connection(user_id=1, provider_id=provider_id, provider_user_id=SUBJECT, access_token="x")
                kit.db.session.add(row)
            kit.db.session.commit()

    def walk(self, client: t.Any, person: str | None, provider_id: str = "google") -> t.Any:
        """A login through the stand-in."""
        begun = client.post(f"/login/{provider_id}", headers=JSON).get_json()["response"]
        return client.get(visit(begun["authorization_url"], person).url)

    def _log_in(self, client: t.Any) -> None:
        self.kit.log_in(client)

    def _sign_up(self, client: t.Any) -> None:
        assert self.walk(client, "ada").location == "/signup/google"

    def _link(self, client: t.Any) -> None:
        assert self.walk(client, "grace").location == "/link"
        self.identity = client.get("/link", headers=JSON).get_json()["response"]["identity"]
        token = client.get("/token").get_data(as_text=True)
        proof = {"email": "grace@example.com", "password": PASSWORD, "csrf_token": token}
        client.post("/login", json={**proof, "next": f"/link?identity={self.identity}"}, headers=JSON)
        assert self.kit.who(client) == "grace@example.com"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> cabc.Iterator[Stage]:
    path = tmp_path_factory.mktemp("openapi") / "test.sqlite"
    with StandIn() as standin:
        providers = {name: standin.settings(name, verify=True) for name in ("google", "twitter")}
        providers["buttons"] = standin.settings("google", provider="google", token_login=True)
        kit = make_kit(
            providers,
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{path}",
            SOCIAL_SIGNUP="ask",
            SOCIAL_MERGE="ask",
        )
        yield Stage(kit, standin)


def described() -> t.Any:
    """The document, with ids of providers and accounts that exist, and some that do not."""
    raw = copy.deepcopy(DOCUMENT)
    raw["components"]["parameters"]["ProviderId"]["schema"] = {"enum": ["google", "twitter", "buttons", "nobody"]}
    account = raw["paths"]["/connect/{provider_id}/{provider_user_id}"]["parameters"][1]
    account["schema"] = {"enum": [SUBJECT, "nobody", "a/b"]}
    config = schemathesis.Config.from_dict(
        {
            "generation": {
                "deterministic": True,
                "database": "none",
                "max-examples": 5,
                # Our cookies are better than invented ones.
                "with-security-parameters": False,
            },
            "phases": {"coverage": {"unexpected-methods": ["put"]}},
        }
    )
    return schemathesis.openapi.from_dict(raw, config=config)


API = described()
WAITING = API.include(tag="waiting")
thorough = settings(deadline=None, suppress_health_check=list(HealthCheck))


def hold(case: t.Any, stage: Stage, name: str) -> None:
    """Sends a request, and compares the answer with the document."""
    answer = case.call(app=stage.kit.app, session=stage.browser(name), headers=JSON)
    case.validate_response(answer, checks=CHECKS)


@pytest.mark.parametrize("name", ["nobody", "ada"])
@API.parametrize()
@thorough
def test_whatever_is_sent(case: t.Any, stage: Stage, name: str) -> None:
    hold(case, stage, name)


@pytest.mark.parametrize("name", ["signing up", "linking"])
@WAITING.parametrize()
@thorough
def test_whatever_is_sent_while_an_identity_waits(case: t.Any, stage: Stage, name: str) -> None:
    hold(case, stage, name)


def send(
    client: t.Any, app: t.Any, operation: str, body: t.Any = None, *, status: int, provider: str = "google"
) -> t.Any:
    """Sends a request that ends well, or in one certain way; gives what is in the answer's envelope."""
    method, path = operation.split()
    parameters = {"provider_id": provider} if "{" in path else {}
    payload = {"body": body or {}, "media_type": "application/json"} if method == "POST" else {}
    case = API[path][method].Case(path_parameters=parameters, **payload)
    answer = case.call(app=app, session=client, headers=JSON)
    assert answer.status_code == status, answer.text
    case.validate_response(answer, checks=CHECKS[1:])  # 502 may be what is wanted
    return answer.json()["response"]


def test_a_begin_by_a_provider_that_fails(stage: Stage) -> None:
    for fault, status in ({"status": 503}, 502), ({"status": 400}, 502):
        stage.standin.faults.add("request_token", **fault)
        send(stage.browser("nobody"), stage.kit.app, "POST /login/{provider_id}", status=status, provider="twitter")


def test_connections_and_the_last_one(stage: Stage) -> None:
    app, client = stage.kit.app, stage.browser("ada")
    listed = send(client, app, "GET /connections", status=200)["connections"]
    assert [connection["provider_user_id"] for connection in listed] == [SUBJECT, SUBJECT]
    with app.app_context():
        stage.kit.users()[0].password = None
        stage.kit.db.session.commit()
    try:
        path = "POST /disconnect/{provider_id}"
        assert send(client, app, path, {"provider_user_id": SUBJECT}, status=200) == {"removed": 1}
        assert send(client, app, path, status=409, provider="twitter")["code"] == "last_login_method"
    finally:
        with app.app_context():
            stage.kit.users()[0].password = PASSWORD
            stage.kit.db.session.commit()


def test_a_session_that_is_not_fresh(stage: Stage) -> None:
    client = stage.browser("ada")
    with client.session_transaction() as session:
        session["fs_paa"] = 0
        session.pop("fs_gexp", None)
    for operation in "POST /connect/{provider_id}", "DELETE /connect/{provider_id}":
        assert send(client, stage.kit.app, operation, status=401)["reauth_required"] is True


def test_a_sign_up(stage: Stage) -> None:
    app, client = stage.kit.app, stage.browser("signing up")
    path = "/signup/{provider_id}"
    shown = send(client, app, f"GET {path}", status=200)
    assert (shown["proven"], shown["fields"]["email"]) == ("ada@example.com", "ada@example.com")
    for body in {}, {"identity": "another", "email": "ada@example.com"}:
        assert send(client, app, f"POST {path}", body, status=400)["code"] == "link_mismatch"

    def filled(email: str) -> dict[str, str]:
        return {"identity": shown["identity"], "email": email}

    wrong = send(client, app, f"POST {path}", filled("nonsense"), status=400)
    assert list(wrong["field_errors"]) == ["email"]
    assert send(client, app, f"POST {path}", filled("other@example.com"), status=202) == {"code": "proof_sent"}
    done = send(client, app, f"POST {path}", filled("ada@example.com"), status=200)
    assert (done["code"], done["provider"]) == ("logged_in", "google")


def test_a_link(stage: Stage) -> None:
    app, client = stage.kit.app, stage.browser("linking")
    link_anew = {"identity": stage.identity}
    assert send(client, app, "POST /link", link_anew, status=200)["code"] == "connected"
    assert send(client, app, "POST /link", link_anew, status=400)["code"] == "nothing_waits"


def test_a_merge(stage: Stage) -> None:
    app, client = stage.kit.app, stage.browser("linking")
    send(client, app, "POST /link", {"identity": stage.identity}, status=200)
    with app.app_context():
        stage.kit.db.session.delete(stage.kit.rows()[0])  # each provider once, as the default is
        stage.kit.db.session.commit()
    client = stage.browser("ada", restored=False)
    begun = client.post("/connect/google", headers=JSON).get_json()["response"]
    answer = client.get(visit(begun["authorization_url"], "grace").url)
    identity = parse_qs(urlsplit(answer.location).query)["identity"][0]
    question = client.get(answer.location, headers=JSON)
    case = API["/merge"]["GET"].Case(query={"identity": identity})
    case.validate_response(question, checks=CHECKS)
    assert question.get_json()["response"]["account"] == {"email": "grace@example.com"}
    assert send(client, app, "POST /merge", {"identity": identity}, status=200)["code"] == "merged"


def test_a_login_without_a_redirect(stage: Stage) -> None:
    app, client = stage.kit.app, stage.browser("nobody")
    path = "POST /token/{provider_id}"
    nonce = send(client, app, path, status=200, provider="buttons")["nonce"]
    token = stage.standin.mint_id_token("google", "alan", nonce=nonce)
    assert send(client, app, path, {"id_token": token}, status=200, provider="buttons")["code"] == "signup"
    assert send(client, app, path, {"id_token": token}, status=400, provider="buttons")["code"] == "state_unknown"

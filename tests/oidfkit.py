"""What a test plan for relying parties is made of: a provider that does as it is told, and visits that end somehow."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

from flask_social.testing import REMOVE, StandIn

from .appkit import Kit, make_kit

PROVIDERS = ("oidc", "google")

Arrange = cabc.Callable[[StandIn], object]


# What the provider does, all through a test ---------------------------------------------------------------------


def nothing(standin: StandIn) -> None:
    """All is as it should be."""


def claims(**changes: t.Any) -> Arrange:
    """The ID token says something else; ``"ME"`` is the client's own id."""
    return lambda standin: [
        standin.faults.add("id_token", name, times=None, claims=fill(changes, ME=f"{name}-app")) for name in PROVIDERS
    ]


def fill(value: t.Any, **words: str) -> t.Any:
    """``value`` with some words replaced, wherever they stand."""
    if isinstance(value, dict):
        return {name: fill(inner, **words) for name, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, **words) for inner in value]
    return words.get(value, value) if isinstance(value, str) else value


def id_token(kind: str) -> Arrange:
    return lambda standin: standin.faults.bad_id_token(kind, times=None)


def discovery(**changes: t.Any) -> Arrange:
    return lambda standin: standin.faults.add("discovery", times=None, merge=changes)


def keys(*extra: t.Any, kid: t.Any = "new", bad: bool = False) -> Arrange:
    """Another key set, which may hold more than the key that signs."""

    def arrange(standin: StandIn) -> None:
        standin.rotate_keys(kid)
        for kind in extra:
            standin.add_key(kind)
        if bad:
            standin.faults.bad_id_token("tampered", times=None)

    return arrange


def userinfo(**how: t.Any) -> Arrange:
    """UserInfo has to be asked, and does not always answer well."""

    def arrange(standin: StandIn) -> None:
        standin.thin_id_tokens = True
        if how:
            standin.faults.add("userinfo", times=None, **how)

    return arrange


def signed_userinfo(**how: t.Any) -> Arrange:
    """UserInfo has to be asked, and answers with a JWT."""

    def arrange(standin: StandIn) -> None:
        standin.thin_id_tokens = standin.sign_userinfo = True
        if how:
            standin.faults.add("userinfo_token", times=None, **how)

    return arrange


def another_jwks_uri(standin: StandIn) -> None:
    """The key set stands where only the discovery document says: at the other provider."""
    for name, path in (("oidc", "google/oauth2/v3/certs"), ("google", "oidc/jwks")):
        standin.faults.add("discovery", name, times=None, merge={"jwks_uri": f"{standin.url}/{path}"})


#: How a provider announces ``iss`` (RFC 9207 section 3), and what takes it away.
ANNOUNCEMENT = "authorization_response_iss_parameter_supported"
UNANNOUNCED = {ANNOUNCEMENT: REMOVE}


def arrange_rfc9207(standin: StandIn, provider: str, announced: dict[str, t.Any], params: dict[str, t.Any]) -> None:
    """The provider announces something, and its answers hold something; ``"ME"`` is its own name."""
    issuer = f"{standin.url}/{provider}"
    discovery(**announced)(standin)
    standin.faults.add("callback", times=None, params=fill(params, **{"ME": issuer, "ME/": f"{issuer}/"}))


# Visits ---------------------------------------------------------------------------------------------------------

#: Walks a visit, as the fixture ``social_login`` does.
Visit = cabc.Callable[..., t.Any]


def make(standin: StandIn, provider: str, **settings: t.Any) -> Kit:
    """An application with two users, Ada and Grace."""
    kit = make_kit({provider: standin.settings(provider, **settings)})
    for name in ("ada", "grace"):
        kit.add_user(f"{name}@example.org")
    return kit


def rows(kit: Kit) -> list[tuple[str, str, str]]:
    """Who is connected to whom, and what else a login would have changed."""
    with kit.app.app_context():
        return [(row.user.email, row.provider_user_id, str(row.updated_at)) for row in kit.rows()]


def assert_good(standin: StandIn, kit: Kit, provider: str, visit: Visit) -> None:
    """Ada connects, and then logs in from another browser."""
    client = kit.app.test_client()
    kit.log_in(client)
    assert visit(client, provider, "ada", intent="connect").status_code == 302
    assert kit.names() == ["connection_created"], kit.events
    other = kit.app.test_client()
    assert visit(other, provider, "ada").status_code == 302
    assert kit.names()[-1] == "login_completed", kit.events
    assert kit.who(other) == "ada@example.org"
    with kit.app.app_context():
        (row,) = kit.rows()
        assert (row.user.email, row.provider_user_id) == ("ada@example.org", standin.subject(provider, "ada"))
        assert (row.issuer, row.email) == (f"{standin.url}/{provider}", "ada@example.com")
        assert row.access_token in standin.secrets


def assert_bad(standin: StandIn, kit: Kit, provider: str, visit: Visit, code: str, person: str | None = "ada") -> None:
    """Nobody logs in, although the account is Ada's, and Grace does not connect hers; nothing secret is answered."""
    with kit.app.app_context():
        subject = standin.subject(provider, "ada")
        kit.db.session.add(kit.Connection(user_id=1, provider_id=provider, provider_user_id=subject))
        kit.db.session.commit()
    before = rows(kit)
    nobody, grace = kit.app.test_client(), kit.app.test_client()
    kit.log_in(grace, "grace@example.org")
    answers = [visit(nobody, provider, person), visit(grace, provider, person and "grace", intent="connect")]
    assert [(name, values.get("code")) for name, values in kit.events] == [("attempt_refused", code)] * 2
    assert (kit.who(nobody), kit.who(grace)) == (None, "grace@example.org")
    assert rows(kit) == before
    assert answers[0].location == "/login"
    answers += [nobody.get("/login"), grace.get("/connections")]
    shown = "\n".join(f"{answer.headers}\n{answer.get_data(as_text=True)}" for answer in answers)
    assert not [secret for secret in standin.secrets if secret in shown]

"""The pytest fixtures, walked through an application that is not ours: only its routes have our names."""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

import flask
import pytest
import requests
from werkzeug.test import TestResponse

from flask_social.testing import StandIn
from flask_social.testing.pytest_plugin import SocialLogin

BOUNCE = """<!doctype html><title>One moment</title><meta http-equiv="refresh" content="0; url={}">"""


def make_app(standin: StandIn, **authorize: str) -> flask.Flask:
    """Begins by redirect, bounces a callback that comes without ``again``, and says who came."""
    app = flask.Flask(__name__)
    app.secret_key = "word"
    blueprint = flask.Blueprint("social", __name__)
    settings = standin.settings("oauth2")

    @blueprint.post("/<intent>/<provider_id>")
    def begin(intent: str, provider_id: str) -> t.Any:
        request = flask.request
        evidence = request.headers["Origin"], request.headers["Sec-Fetch-Site"]
        if evidence != (request.host_url.rstrip("/"), "same-origin"):
            return "another site", 400
        if provider_id != "oauth2":
            return "no such provider", 404
        flask.session["next"] = request.form.get("next", "/")
        flask.session["intent"] = f"{intent} {request.form.get('provider_user_id', '')}".strip()
        query = {
            "client_id": settings["consumer_key"],
            "redirect_uri": flask.url_for("social.callback", _external=True),
            "response_type": "code",
            "state": "a&b",
            **authorize,
        }
        return flask.redirect(f"{settings['authorize_url']}?{urlencode(query)}")

    for name in ("login", "connect", "reconnect", "verify"):
        app.add_url_rule(f"/auth/{name}/<provider_id>", f"social.{name}", begin, defaults={"intent": name})

    @blueprint.route("/callback", methods=["GET", "POST"])
    def callback() -> t.Any:
        values = flask.request.values
        if "again" not in values:
            query = urlencode({**values.to_dict(), "again": "1"})
            return BOUNCE.format(f"{flask.request.path}?{query}".replace("&", "&amp;"))
        if "error" in values:
            return values["error"], 403
        form = {"grant_type": "authorization_code", "code": values["code"], "redirect_uri": flask.request.base_url}
        auth = (settings["consumer_key"], settings["consumer_secret"])
        token = requests.post(settings["access_token_url"], form, auth=auth, timeout=10).json()["access_token"]
        user = requests.get(settings["userinfo_url"], headers={"Authorization": f"Bearer {token}"}, timeout=10).json()
        response = flask.redirect(flask.session["next"])
        response.headers["X-User"] = user["user"]["login"]
        response.headers["X-Intent"] = flask.session["intent"]
        return response

    app.register_blueprint(blueprint, url_prefix="/auth")
    return app


def who(response: TestResponse) -> tuple[str, str]:
    return response.headers["X-User"], response.headers["X-Intent"]


def test_login(social_provider: StandIn, social_login: SocialLogin) -> None:
    client = make_app(social_provider).test_client()
    response = social_login(client, "oauth2", "grace", next="/profile")
    assert (response.status_code, response.location) == (302, "/profile")
    assert who(response) == ("grace_hopper", "login")
    assert who(social_login(client, "oauth2")) == ("ada_lovelace", "login")


@pytest.mark.parametrize("intent", ["connect", "reconnect", "verify"])
def test_other_intents(
    social_provider: StandIn, social_login: SocialLogin, intent: t.Literal["connect", "reconnect", "verify"]
) -> None:
    client = make_app(social_provider).test_client()
    response = social_login(client, "oauth2", intent=intent, data={"provider_user_id": "7"})
    assert who(response) == ("ada_lovelace", f"{intent} 7")


def test_form_post(social_provider: StandIn, social_login: SocialLogin) -> None:
    client = make_app(social_provider, response_mode="form_post").test_client()
    assert who(social_login(client, "oauth2")) == ("ada_lovelace", "login")


def test_auto(social_provider: StandIn, social_login: SocialLogin) -> None:
    social_provider.auto = "alan"
    assert who(social_login(make_app(social_provider).test_client(), "oauth2", "ada")) == ("alan_turing", "login")


def test_declined(social_provider: StandIn, social_login: SocialLogin) -> None:
    response = social_login(make_app(social_provider).test_client(), "oauth2", None)
    assert (response.status_code, response.text) == (403, "access_denied")


def test_a_refusal_of_begin_is_returned(social_provider: StandIn, social_login: SocialLogin) -> None:
    assert social_login(make_app(social_provider).test_client(), "myspace").status_code == 404


def test_base_url(social_provider: StandIn, social_login: SocialLogin) -> None:
    app = make_app(social_provider)
    app.config["SESSION_COOKIE_SECURE"] = True
    client = app.test_client()
    assert who(social_login(client, "oauth2", base_url="https://app.example/")) == ("ada_lovelace", "login")


def test_an_endless_bounce_ends(social_provider: StandIn, social_login: SocialLogin) -> None:
    app = make_app(social_provider)
    app.view_functions["social.callback"] = lambda: BOUNCE.format("/auth/callback")
    assert social_login(app.test_client(), "oauth2").status_code == 200


def test_state_before(social_provider: StandIn) -> None:
    """Every test begins on the first day, whichever of these two runs first."""
    assert social_provider.requests == ()
    social_provider.auto = "ada"
    social_provider.visit(f"{social_provider.url}/oauth2/authorize?client_id=oauth2-app&redirect_uri=http://a.example/")


def test_state_after(social_provider: StandIn) -> None:
    assert social_provider.requests == ()
    assert social_provider.auto is None
    social_provider.rotate_keys("none")
    social_provider.faults.server_error()

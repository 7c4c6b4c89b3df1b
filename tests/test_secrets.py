"""Nothing secret in any log: every flow of every provider, with every logger at DEBUG."""

from __future__ import annotations

import logging
import typing as t

import pytest

from .appkit import make_kit

PROVIDERS = ("twitter", "x", "facebook", "google", "foursquare", "oidc", "oauth2")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_secret_is_logged(
    social_provider: t.Any, social_login: t.Any, social_begin: t.Any, caplog: pytest.LogCaptureFixture, provider: str
) -> None:
    kit = make_kit({provider: social_provider.settings(provider)})
    kit.add_user()
    client = kit.app.test_client()
    secrets = {str(kit.app.config["SECRET_KEY"]), social_provider.settings(provider)["consumer_secret"]}
    with caplog.at_level(logging.DEBUG):
        kit.log_in(client)
        social_login(client, provider, "ada", intent="connect")
        social_login(kit.app.test_client(), provider, "ada")
        secrets.add(social_begin(client, provider, "ada", intent="reconnect"))
        social_provider.faults.server_error("profile")
        social_login(kit.app.test_client(), provider, "grace")
        with kit.app.app_context():
            (row,) = kit.rows()
            access = getattr(kit.social, provider)
            access.get_session(connection=row)
            access.get_api(connection=row)
            secrets |= {value for name in ("access_token", "secret", "refresh_token", "id_token")
                        if (value := getattr(row, name))}  # fmt: skip
    for seen in social_provider.requests:
        names = ("code", "state", "code_verifier", "oauth_verifier", "client_secret", "oauth_token", "access_token")
        secrets |= {seen.params[name] for name in names if name in seen.params}
    log = "\n".join(caplog.handler.format(record) for record in caplog.records)
    assert "refused" in log
    assert len(secrets) > 4
    for secret in secrets:
        assert secret not in log

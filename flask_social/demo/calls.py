"""One call of each provider's API. The page shows the source of what it ran."""

from __future__ import annotations

import collections.abc as cabc
import inspect
import textwrap
import typing as t


def twitter(social: t.Any) -> t.Any:
    api = social.twitter.get_api()  # tweepy.Client
    return api.get_me(user_fields=["created_at", "description", "public_metrics"]).data.data


def facebook(social: t.Any) -> t.Any:
    api = social.facebook.get_api()  # facebook.GraphAPI
    return api.get_object("me", fields="id,name,email,picture")


def google(social: t.Any) -> t.Any:
    api = social.google.get_api()  # googleapiclient, "oauth2" "v2"
    return api.userinfo().get().execute()


def foursquare(social: t.Any) -> t.Any:
    api = social.foursquare.get_api()  # foursquare.Foursquare
    return api.users()


def oidc(social: t.Any) -> t.Any:
    api = social.oidc.get_session()  # requests.Session with the token in it
    return api.get("userinfo").json()


#: The calls by provider id.
CALLS: dict[str, cabc.Callable[[t.Any], t.Any]] = {
    call.__name__: call for call in (twitter, facebook, google, foursquare, oidc)
}


def source(provider_id: str) -> str:
    """The lines of a call, as they stand above."""
    lines = inspect.getsource(CALLS[provider_id]).splitlines()[1:]
    return textwrap.dedent("\n".join(lines))

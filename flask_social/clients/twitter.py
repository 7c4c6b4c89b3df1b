"""tweepy for both protocols of X: ``tweepy.Client`` (v2) and, with OAuth 1.0a, ``tweepy.API`` (v1.1).

https://docs.tweepy.org/en/stable/
"""

from __future__ import annotations

import re
import typing as t

from ..errors import ConfigurationError, MissingLibrary
from .answers import failed
from .authorizers import bearer
from .base import ApiContext
from .session import ApiSession, base_url

try:
    import tweepy
except ImportError as error:
    raise MissingLibrary("tweepy", "twitter") from error

#: What tweepy has built in.
_HOST = "https://api.twitter.com"
_UPLOAD_HOST = "https://upload.twitter.com"

#: Addresses beside which the upload host stands. Any other is somebody's own server, which serves both.
_REAL = ("https://api.x.com", _HOST)


class Client(tweepy.Client):
    """``tweepy.Client`` that knows whose token it has, so that no method needs ``user_auth``."""

    def __init__(self, *, user_id: str, **options: t.Any) -> None:
        super().__init__(**options)
        self._user_id = user_id

    def request(
        self, method: str, route: str, params: t.Any = None, json: t.Any = None, user_auth: bool = False
    ) -> t.Any:
        """One call. ``user_auth`` is overruled: there is one token, and it is of OAuth 1.0a or of OAuth 2.

        :raises ApiError: which is the ``tweepy.HTTPException`` of the answer as well.
        """
        try:
            return super().request(method, route, params, json, user_auth=self.bearer_token is None)
        except tweepy.HTTPException as error:
            raise failed(error, error.response) from None

    def _get_authenticating_user_id(self, *, oauth_1: bool = False) -> str:
        # The library asks X, which is billed, and keeps the token in a cache of the class for ever.
        return self._user_id


class API(tweepy.API):
    """``tweepy.API`` whose errors are of our family too."""

    def request(self, *args: t.Any, **options: t.Any) -> t.Any:
        """One call.

        :raises ApiError: which is the ``tweepy.HTTPException`` of the answer as well.
        """
        try:
            return super().request(*args, **options)
        except tweepy.HTTPException as error:
            raise failed(error, error.response) from None


def build(context: ApiContext, *, version: str | float | None = None, **options: t.Any) -> t.Any:
    """``tweepy.Client``, or ``tweepy.API`` for ``version="1.1"``.

    :param options: as ``tweepy.Client`` (such as ``wait_on_rate_limit``) or ``tweepy.API`` takes them.
    :raises ConfigurationError: for another version, or for v1.1 with a token of OAuth 2.
    """
    if version is not None and str(version) not in ("1.1", "2", "2.0"):
        raise ConfigurationError("version", f"{version!r} is no version of the API: use '2' or '1.1'.")
    if str(version) == "1.1":
        return _v1(context, options)
    return _v2(context, options)


def _v2(context: ApiContext, options: dict[str, t.Any]) -> Client:
    token = context.token
    if not token.secret:
        client = Client(user_id=context.key.provider_user_id, bearer_token=token.access_token, **options)
    else:
        client = Client(
            user_id=context.key.provider_user_id,
            consumer_key=context.provider.consumer_key,
            consumer_secret=context.provider.consumer_secret,
            access_token=token.access_token,
            access_token_secret=token.secret,
            **options,
        )
    client.session = _session(context)
    return client


def _v1(context: ApiContext, options: dict[str, t.Any]) -> API:
    if not context.token.secret:
        raise ConfigurationError(
            "version", "v1.1 of the API takes tokens of OAuth 1.0a only: connect through the provider 'twitter'."
        )
    handler = tweepy.OAuth1UserHandler(
        context.provider.consumer_key,
        context.provider.consumer_secret,
        context.token.access_token,
        context.token.secret,
    )
    api = API(handler, **{"timeout": context.timeout, **options})
    api.session = _session(context)
    return api


def _session(context: ApiContext) -> ApiSession:
    # The library's own paths begin with the version.
    root = re.sub(r"/(?:2|1\.1)$", "", (base_url(context.provider) or _HOST).rstrip("/"))
    aliases = {_HOST: root} if root in _REAL else {_HOST: root, _UPLOAD_HOST: root}
    if context.token.secret:
        # The library signs, with a token that nothing renews.
        return ApiSession(root, context.timeout, context=context, aliases=aliases)
    authorize = bearer(context.provider)
    return ApiSession(root, context.timeout, context=context, authorize=authorize, for_library=True, aliases=aliases)

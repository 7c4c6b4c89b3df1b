"""foursquare: ``foursquare.Foursquare`` for v2 of the API (https://github.com/mLewisLogic/foursquare)."""

from __future__ import annotations

import typing as t

import requests

from ..errors import MissingLibrary
from ..providers.foursquare import API_VERSION
from .answers import failed
from .authorizers import bearer
from .base import ApiContext
from .session import ApiSession, base_url

try:
    import foursquare
except ImportError as error:
    raise MissingLibrary("foursquare", "foursquare") from error


class Requester(foursquare.Foursquare.Requester):
    """Sends through our session. The library calls ``requests.get``, thrice if need be, and has its host built in."""

    def __init__(self, session: ApiSession, *args: t.Any) -> None:
        super().__init__(*args)
        self._session = session

    def GET(self, path: str, params: t.Any = None, **kwargs: t.Any) -> t.Any:
        """The ``response`` of the answer; for ``multi=True`` the length of the queue.

        :raises FoursquareException: when the answer is an error, or there is none; an error is an :class:`ApiError`
            as well.
        """
        if kwargs.get("multi") is True:
            return self.add_multi_request(path, dict(params or {}))
        query = foursquare._foursquare_urlencode(self._enrich_params(dict(params or {})))
        return self._send("GET", path, params=query, timeout=self.get_timeout)

    def POST(self, path: str, data: t.Any = None, files: t.Any = None) -> t.Any:
        """The ``response`` of the answer; raises as :meth:`GET` does."""
        sent = self._enrich_params(dict(data or {}))
        return self._send("POST", path, data=sent, files=files, timeout=self.post_timeout)

    def _enrich_params(self, params: t.Any) -> dict[str, t.Any]:
        # The session puts the token in, unless somebody gave the client another one since.
        enriched: dict[str, t.Any] = super()._enrich_params(params)
        if f"Bearer {enriched.get('oauth_token')}" == self._session.placeholder:
            del enriched["oauth_token"]
        return enriched

    def _send(self, method: str, path: str, **options: t.Any) -> t.Any:
        headers = self._create_headers()
        if f"Bearer {self.oauth_token}" == self._session.placeholder:
            headers["Authorization"] = self._session.placeholder
        try:
            answer = self._session.request(method, path.lstrip("/"), headers=headers, **options)
        except requests.RequestException as error:
            raise foursquare.FoursquareException(f"Error connecting with foursquare API: {error}") from None
        try:
            result = foursquare._process_response(answer)
        except foursquare.FoursquareException as error:
            raise failed(error, answer) from None
        # Not every answer says how much is left, and the library fails on those.
        self.rate_limit = answer.headers.get("X-RateLimit-Limit")
        self.rate_remaining = answer.headers.get("X-RateLimit-Remaining")
        return result["data"]["response"]


class Foursquare(foursquare.Foursquare):
    """``foursquare.Foursquare`` over a session of ours."""

    def __init__(self, session: ApiSession, **options: t.Any) -> None:
        self._session = session
        super().__init__(**options)

    def Requester(self, *args: t.Any) -> Requester:
        """Called by the library's constructor, for which this is a class."""
        return Requester(self._session, *args)


def build(context: ApiContext, **options: t.Any) -> Foursquare:
    """``foursquare.Foursquare`` with the person's token.

    :param options: ``version`` (YYYYMMDD), ``lang``, ``get_timeout`` and ``post_timeout``.
    """
    address, authorize = base_url(context.provider) or foursquare.API_ENDPOINT, bearer(context.provider)
    session = ApiSession(address, context.timeout, context=context, authorize=authorize, for_library=True)
    defaults = {"version": API_VERSION, "get_timeout": context.timeout, "post_timeout": context.timeout}
    return Foursquare(session, access_token=context.token.access_token, **{**defaults, **options})

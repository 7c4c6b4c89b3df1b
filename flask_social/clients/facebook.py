"""facebook-sdk: ``facebook.GraphAPI`` at the current version of the Graph API.

https://facebook-sdk.readthedocs.io/en/latest/api.html
"""

from __future__ import annotations

import collections.abc as cabc
import copy
import hmac
import re
import threading
import typing as t
import warnings
from urllib.parse import parse_qs, urlsplit

import requests

from ..errors import MissingLibrary
from ..oauth2 import add_query
from ..providers.facebook import GRAPH_VERSION
from ..values import Token
from .answers import failed
from .authorizers import text
from .base import ApiContext
from .session import ApiSession, base_url

with warnings.catch_warnings():
    # The library has a regular expression with an invalid escape, seen when its module is compiled.
    warnings.filterwarnings("ignore", r".*invalid escape sequence", DeprecationWarning)
    warnings.filterwarnings("ignore", r".*invalid escape sequence", SyntaxWarning)
    try:
        import facebook
    except ImportError as error:
        raise MissingLibrary("facebook-sdk", "facebook") from error

_HOST = "https://graph.facebook.com"


class GraphAPI(facebook.GraphAPI):
    """``facebook.GraphAPI``, whose token does not travel in addresses."""

    def request(self, *args: t.Any, **options: t.Any) -> t.Any:
        """One call.

        :raises ApiError: which is the ``facebook.GraphAPIError`` of the answer as well.
        """
        try:
            return super().request(*args, **options)
        except facebook.GraphAPIError as error:
            raise failed(error, self.session.last.answer) from None

    def get_all_connections(self, id: str, connection_name: str, **args: t.Any) -> cabc.Iterator[t.Any]:
        """The items of all pages. The library's own method wants the token back in the next page's address."""
        while True:
            page = self.get_connections(id, connection_name, **args)
            yield from page["data"]
            following = page.get("paging", {}).get("next")
            if not following:
                return
            args = {**parse_qs(urlsplit(following).query)}
            args.pop("access_token", None)


class GraphSession(ApiSession):
    """Moves the token from the parameters, where the library puts it, to the header, and adds the proof.

    ``last.answer`` is the last answer of this thread, of which the library's error shows the body only.
    """

    def __init__(self, root: str, context: ApiContext) -> None:
        super().__init__(
            root, context.timeout, context=context, authorize=self._prove, for_library=True, aliases={_HOST: root}
        )
        self._secret = context.provider.consumer_secret
        self.last = threading.local()

    def request(self, *args: t.Any, **options: t.Any) -> requests.Response:
        """As always, and keeps the answer in :attr:`last`."""
        self.last.answer = super().request(*args, **options)
        return t.cast("requests.Response", self.last.answer)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As always, with ``appsecret_proof`` (https://developers.facebook.com/docs/graph-api/guides/secure-requests)."""
        request = copy.copy(request)
        params, data = ({**place} if isinstance(place, dict) else {} for place in (request.params, request.data))
        token = params.get("access_token") or data.get("access_token")
        if token and self.owns(self.resolve(text(request.url))):
            # The person's own token is put in later, by _prove().
            if self._secret and f"Bearer {token}" != self.placeholder:
                params["appsecret_proof"] = self._proof(token)
            # An app's own token, "id|secret", is read from the parameters only.
            if "|" not in token:
                params.pop("access_token", None)
                data.pop("access_token", None)
                request.headers = {**(request.headers or {}), "Authorization": f"Bearer {token}"}
            request.params = params
            if isinstance(request.data, dict):
                request.data = data
        return super().prepare_request(request)

    def _prove(self, request: requests.PreparedRequest, token: Token) -> None:
        request.headers["Authorization"] = f"Bearer {token.access_token}"
        if self._secret:
            request.url = add_query(str(request.url), [("appsecret_proof", self._proof(token.access_token))])

    def _proof(self, token: str) -> str:
        return hmac.digest(str(self._secret).encode(), token.encode(), "sha256").hex()


def build(context: ApiContext, *, version: str | float | None = None, **options: t.Any) -> GraphAPI:
    """``facebook.GraphAPI`` with the person's token.

    :param version: such as ``"25.0"``; without it, the version in the provider's ``api_base_url``.
    :param options: ``timeout`` and ``proxies``, as ``facebook.GraphAPI`` takes them.
    """
    base = (base_url(context.provider) or _HOST).rstrip("/")
    found = re.fullmatch(r"(.+)/(v\d+\.\d+)", base)
    root, own_version = found.groups() if found else (base, GRAPH_VERSION)
    session = GraphSession(root, context)
    graph = GraphAPI(context.token.access_token, session=session, **options)
    # The constructor knows no version after 3.1 and refuses one of two digits.
    graph.version = own_version if version is None else f"v{str(version).removeprefix('v')}"
    return graph

"""facebook-sdk: ``facebook.GraphAPI`` at the current version of the Graph API.

https://facebook-sdk.readthedocs.io/en/latest/api.html
"""

from __future__ import annotations

import collections.abc as cabc
import hmac
import re
import typing as t
import warnings
from urllib.parse import parse_qs, urlsplit

import requests

from ..errors import MissingLibrary
from ..providers.facebook import GRAPH_VERSION
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
    """Moves the token from the parameters, where the library puts it, to the header, and adds the proof."""

    def __init__(self, root: str, timeout: t.Any, secret: str | None) -> None:
        super().__init__(root, timeout, aliases={_HOST: root})
        self._secret = secret

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """As always, with ``appsecret_proof`` (https://developers.facebook.com/docs/graph-api/guides/secure-requests)."""
        params, data = ({**place} if isinstance(place, dict) else {} for place in (request.params, request.data))
        token = params.get("access_token") or data.get("access_token")
        if token and self.owns(self.resolve(str(request.url))):
            if self._secret:
                params["appsecret_proof"] = hmac.digest(self._secret.encode(), token.encode(), "sha256").hex()
            # An app's own token, "id|secret", is read from the parameters only.
            if "|" not in token:
                params.pop("access_token", None)
                data.pop("access_token", None)
                request.headers = {**(request.headers or {}), "Authorization": f"Bearer {token}"}
            request.params = params
            if isinstance(request.data, dict):
                request.data = data
        return super().prepare_request(request)


def build(context: ApiContext, *, version: str | float | None = None, **options: t.Any) -> GraphAPI:
    """``facebook.GraphAPI`` with the person's token.

    :param version: such as ``"25.0"``; without it, the version in the provider's ``api_base_url``.
    :param options: ``timeout`` and ``proxies``, as ``facebook.GraphAPI`` takes them.
    """
    base = (base_url(context.provider) or _HOST).rstrip("/")
    found = re.fullmatch(r"(.+)/(v\d+\.\d+)", base)
    root, own_version = found.groups() if found else (base, GRAPH_VERSION)
    session = GraphSession(root, context.timeout, context.provider.consumer_secret)
    graph = GraphAPI(context.token.access_token, session=session, **options)
    # The constructor knows no version after 3.1 and refuses one of two digits.
    graph.version = own_version if version is None else f"v{str(version).removeprefix('v')}"
    return graph

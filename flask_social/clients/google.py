"""google-api-python-client: the resource of any service, from the discovery documents that the library brings.

https://googleapis.github.io/google-api-python-client/docs/epy/googleapiclient.discovery-module.html
"""

from __future__ import annotations

import functools
import json
import typing as t
from urllib.parse import urlsplit

from ..errors import MissingLibrary
from ..providers.google import GoogleProvider
from .base import ApiContext
from .session import ApiSession, base_url

try:
    import google_auth_httplib2
    import httplib2
    from google.oauth2.credentials import Credentials
    from googleapiclient import discovery, discovery_cache, errors
except ImportError as error:
    raise MissingLibrary("google-api-python-client", "google") from error

_DOMAIN = "googleapis.com"


class Http:
    """What the Google libraries use of ``httplib2.Http``, over the pooled session.

    ``httplib2`` opens connections for every client and cannot be shared by threads.
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: t.Any = None,
        headers: t.Any = None,
        redirections: int | None = None,
        connection_type: t.Any = None,
    ) -> tuple[httplib2.Response, bytes]:
        """One call: the status and headers, and the body. Only Google, or who stands in for it, sees the token."""
        sent = {name: value for name, value in (headers or {}).items() if not _secret(name) or self.trusts(uri)}
        answer = self._session.request(method, uri, data=body.encode() if isinstance(body, str) else body, headers=sent)
        # requests has unpacked the body.
        found = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
        response = httplib2.Response({**found, "status": str(answer.status_code)})
        response.reason = answer.reason
        return response, answer.content

    def close(self) -> None:
        """Does nothing: the connections are shared."""

    def trusts(self, uri: str) -> bool:
        """Whether the token may go to this address."""
        parts = urlsplit(uri)
        google = parts.scheme == "https" and f".{parts.hostname}".endswith(f".{_DOMAIN}")
        return self._session.owns(uri) or (google and not _is_replaced(self._session.base_url))


def _secret(header: str) -> bool:
    return header.lower() == "authorization"


def _is_replaced(base: str) -> bool:
    return base.rstrip("/") != str(GoogleProvider.api_base_url).rstrip("/")


def build(context: ApiContext, *args: str, **options: t.Any) -> t.Any:
    """The resource of a service: ``build(context, "drive", "v3")``; without a name, ``oauth2 v2``.

    No network is touched. Where the provider's ``api_base_url`` is not Google's own, every service is looked for
    below it.

    :param args: the service and its version, which can also be given as options.
    :param options: as ``googleapiclient.discovery.build_from_document`` takes them.
    :raises TypeError: for a service without a version.
    :raises googleapiclient.errors.UnknownApiNameOrVersion: for a service that the library has no document of.
    """
    options |= dict(zip(("service", "version"), args, strict=False))
    service = options.pop("service", "oauth2")
    version = options.pop("version", "v2" if service == "oauth2" else None)
    if version is None or len(args) > 2:
        raise TypeError('name a service and its version: get_api("drive", "v3")')
    document = _document(service, version)
    base = base_url(context.provider) or str(GoogleProvider.api_base_url)
    if _is_replaced(base):
        document = {**document, "rootUrl": base.rstrip("/") + "/"}
        document.pop("mtlsRootUrl", None)
    # No refresh token: what it would get stayed in this object. A 401 is the caller's to see.
    http = google_auth_httplib2.AuthorizedHttp(
        Credentials(context.token.access_token),
        http=Http(ApiSession(base, context.timeout)),
        refresh_status_codes=(),
    )
    return discovery.build_from_document(document, **{"http": http, **options})


@functools.lru_cache(maxsize=32)
def _document(service: str, version: str) -> dict[str, t.Any]:
    """The discovery document of a service, parsed once per process and used by all threads."""
    content = discovery_cache.get_static_doc(service, version)
    if content is None:
        raise errors.UnknownApiNameOrVersion(f"name: {service}  version: {version}")
    document: dict[str, t.Any] = json.loads(content)
    # The library adds to a document while it makes a resource. Once all are made, nothing is left to add, and
    # threads no longer disturb each other.
    _visit(discovery.build_from_document(document, http=Http(ApiSession(None, None))), document)
    return document


def _visit(resource: t.Any, description: dict[str, t.Any]) -> None:
    for name, inner in description.get("resources", {}).items():
        _visit(getattr(resource, discovery.fix_method_name(name))(), inner)

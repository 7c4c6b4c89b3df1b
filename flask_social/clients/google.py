"""google-api-python-client: the resource of any service, from the discovery documents that the library brings.

https://googleapis.github.io/google-api-python-client/docs/epy/googleapiclient.discovery-module.html
"""

from __future__ import annotations

import collections.abc as cabc
import contextlib
import datetime as dt
import functools
import json
import time
import typing as t

from ..errors import MissingLibrary
from ..providers.google import GoogleProvider
from ..values import Token
from .authorizers import bearer
from .base import ApiContext, redact
from .failures import both, classify
from .session import ApiSession, base_url, origin

try:
    import google_auth_httplib2
    import httplib2
    from google.oauth2.credentials import Credentials
    from googleapiclient import discovery, discovery_cache, errors, http
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
        sent = {name: value for name, value in (headers or {}).items() if name.lower() != "authorization"}
        if self._session.placeholder is not None and len(sent) < len(headers or {}):
            sent["Authorization"] = self._session.placeholder
        answer = self._session.request(method, uri, data=body.encode() if isinstance(body, str) else body, headers=sent)
        # requests has unpacked the body.
        found = {name: value for name, value in answer.headers.items() if name.lower() != "content-encoding"}
        response = httplib2.Response({**found, "status": str(answer.status_code)})
        response.reason = answer.reason
        return response, answer.content

    def close(self) -> None:
        """Does nothing: the connections are shared."""


class GoogleSession(ApiSession):
    """A session whose token goes to all of Google's API hosts; where the base URL is another, to that one alone."""

    def owns(self, url: str) -> bool:
        """Whether the token may go to this address."""
        scheme, host, _ = origin(url) or ("", "", 0)
        google = scheme == "https" and f".{host}".endswith(f".{_DOMAIN}")
        return super().owns(url) or (google and not _is_replaced(self.base_url))


class HttpRequest(http.HttpRequest):
    """``googleapiclient.http.HttpRequest`` whose errors are of our family too."""

    def execute(self, *args: t.Any, **options: t.Any) -> t.Any:
        """The call.

        :raises ApiError: which is the ``HttpError`` of the answer as well.
        """
        with _in_both_families():
            return super().execute(*args, **options)

    def next_chunk(self, *args: t.Any, **options: t.Any) -> t.Any:
        """One piece of an upload; raises as :meth:`execute` does."""
        with _in_both_families():
            return super().next_chunk(*args, **options)


@contextlib.contextmanager
def _in_both_families() -> cabc.Iterator[None]:
    try:
        yield
    except errors.HttpError as error:
        failure = classify(error.status_code, error.resp, error.content, time.time())
        error.uri = redact(error.uri or "")
        raise both(error, failure) from None


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
    session = GoogleSession(
        base, context.timeout, context=context, authorize=bearer(context.provider), for_library=True
    )
    # The session sends each request again by itself: only there it is known which token was refused, and by whom.
    authorized = google_auth_httplib2.AuthorizedHttp(_credentials(context), Http(session), refresh_status_codes=())
    return discovery.build_from_document(document, **{"http": authorized, "requestBuilder": HttpRequest, **options})


#: The library takes a token that ends sooner than this (3:45 minutes) for one that has ended.
_SOON = dt.timedelta(minutes=5)


def _credentials(context: ApiContext) -> Credentials:
    """Credentials that keep no refresh token, and ask the keeper for what comes next.

    The library asks when the token is near its end, and when somebody says ``refresh()``, as its batches do after a
    401.
    """
    credentials = Credentials(context.token.access_token)
    if context.keeper is None:
        return credentials
    keeper = context.keeper

    def refresh(request: object, scopes: object = None) -> tuple[str, dt.datetime]:
        token = keeper.token() if credentials.expired else keeper.renewed(str(credentials.token))
        return token.access_token, _expiry(token) or _utc(dt.datetime.now(dt.UTC) + _SOON)

    credentials.expiry = _expiry(context.token)
    credentials.refresh_handler = refresh
    return credentials


def _expiry(token: Token) -> dt.datetime | None:
    """When the library has to ask again, in naive UTC; ``None`` for a token without an end."""
    if token.expires_at is None:
        return None
    return _utc(max(token.expires_at, dt.datetime.now(dt.UTC) + _SOON))


def _utc(when: dt.datetime) -> dt.datetime:
    return when.astimezone(dt.UTC).replace(tzinfo=None)


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

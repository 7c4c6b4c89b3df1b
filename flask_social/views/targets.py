"""Where a person may be sent: ``next``, the views of the settings, and our own callback addresses."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from flask import has_request_context, request, session, url_for

from ..security import get_url
from ..settings import Settings
from ..state import SocialState, current_config, current_sender
from ..values import Intent

#: Longest ``next``, in bytes.
MAX_NEXT = 200


def safe_next(value: object) -> str | None:
    """A ``next`` that leads to a page of this host, or ``None``.

    Accepted is a path that begins with one slash and holds printable ASCII without a backslash, at most 200
    bytes long. It is never taken for the name of an endpoint.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NEXT:
        return None
    if not value.startswith("/") or value.startswith("//") or "\\" in value:
        return None
    return value if all(33 <= ord(char) <= 126 for char in value) else None


def requested_next() -> str | None:
    """The ``next`` of this request's form or query, if it is safe."""
    return safe_next(request.form.get("next")) or safe_next(request.args.get("next"))


def waiting_next(key: str) -> str | None:
    """The target that the application left in the session under ``key``, if it is safe; it is taken out."""
    return safe_next(session.pop(key, None))


def view_url(view: str) -> str:
    """The address of a view of the settings: an endpoint, a path or a URL."""
    return get_url(view)


def referring_page() -> str | None:
    """The path of our own page from which this request was sent, or ``None``."""
    try:
        parts = urlsplit(request.referrer or "")
    except ValueError:
        return None
    if f"{parts.scheme}://{parts.netloc}" != origin(request.host_url):
        return None
    return safe_next(f"{parts.path}?{parts.query}" if parts.query else parts.path)


def this_page() -> str | None:
    """The path of a page to come back to: that of this request, or where it was sent from; ``None`` for neither."""
    if request.method not in ("GET", "HEAD"):
        return referring_page()
    path = quote(request.script_root + request.path, safe="/!$&'()*+,;=:@-._~")
    query = request.query_string.decode("latin-1")
    return safe_next(f"{path}?{query}" if query else path) or safe_next(path)


def origin(url: str) -> str:
    """Scheme, host and port of a URL, in the form of an ``Origin`` header (RFC 6454 section 6.2)."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def our_origins(settings: Settings) -> frozenset[str]:
    """The origins under which this application is known: the request's own, and ``SOCIAL_APP_URL``."""
    return frozenset(origin(url) for url in (request.host_url, settings.app_url) if url)


def redirect_uri(state: SocialState, provider_id: str, intent: Intent) -> str:
    """Our callback address for a provider: the same text at begin and at the exchange (RFC 6749 section 4.1.3)."""
    endpoint = "callback"
    if state.settings.legacy_callbacks:
        endpoint = "login_callback" if intent == "login" else "connect_callback"
    return absolute(state, url_for(f"{state.settings.blueprint_name}.{endpoint}", provider_id=provider_id))


def hosts_are_trusted() -> bool:
    """Whether the host of a request is one that the application named, or nobody forges it: debugging and tests."""
    config = current_config()
    return bool(config.get("TRUSTED_HOSTS") or config["DEBUG"] or config["TESTING"])


def may_mail_links(state: SocialState) -> bool:
    """Whether our addresses may stand in mails. Without a trusted host they would lead wherever the visitor says."""
    return state.settings.app_url is not None or hosts_are_trusted()


def absolute(state: SocialState, path: str) -> str:
    """A path of ours as an address: under ``SOCIAL_APP_URL``, else under the host of this request."""
    if state.settings.app_url is None:
        return request.host_url.rstrip("/") + path
    return state.settings.app_url + path.removeprefix(request.script_root)


def reconnect_url(state: SocialState, provider_id: str) -> str | None:
    """Where the owner of a connection renews it by a POST; ``None`` outside a request without ``SOCIAL_APP_URL``."""
    endpoint = f"{state.settings.blueprint_name}.reconnect"
    if has_request_context():
        return absolute(state, url_for(endpoint, provider_id=provider_id))
    if state.settings.app_url is None:
        return None
    return state.settings.app_url + current_sender().url_map.bind("").build(endpoint, {"provider_id": provider_id})

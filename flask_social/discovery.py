"""OpenID Connect Discovery 1.0: what an issuer says of itself, as a pair of "build a request" and "read a response"."""

from __future__ import annotations

import datetime as dt
import ipaddress
from urllib.parse import urlsplit

from .answers import read_object
from .documents import Documents
from .errors import AnswerInvalid, ProviderTimeout
from .oauth2 import Endpoint, Server
from .values import Flow, Request, Response, is_plain_text

#: Longest address of an endpoint, in characters.
MAX_ADDRESS = 2048


def is_loopback(url: str) -> bool:
    """Whether an address names this machine: ``localhost``, 127.0.0.0/8 or ``::1``."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def discovery_request(issuer: str) -> Request:
    """The request for an issuer's configuration (Discovery 1.0 section 4.1)."""
    return Request("GET", issuer.rstrip("/") + "/.well-known/openid-configuration", {"Accept": "application/json"})


def read_discovery(response: Response, issuer: str) -> Server:
    """Reads an issuer's configuration (Discovery 1.0 sections 3 and 4.3, RFC 9207 section 3).

    Its endpoints must be https, and are requested as addresses that nobody configured, unless the issuer is on
    this machine.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when it speaks of another issuer, or an endpoint is no proper address.
    """
    data = read_object(response)
    if data.get("issuer") != issuer:
        raise AnswerInvalid("The discovery document names another issuer; a final slash counts.")
    local = is_loopback(issuer)

    def endpoint(name: str) -> Endpoint | None:
        url = data.get(name)
        if url is None:
            return None
        if not isinstance(url, str) or not _is_endpoint(url, local):
            raise AnswerInvalid(f"The discovery document's {name} is no https address.")
        return Endpoint(url, configured=local)

    return Server(
        issuer=issuer,
        authorize=endpoint("authorization_endpoint"),
        token=endpoint("token_endpoint"),
        userinfo=endpoint("userinfo_endpoint"),
        revocation=endpoint("revocation_endpoint"),
        jwks=endpoint("jwks_uri"),
        auth_methods=_texts(data.get("token_endpoint_auth_methods_supported")),
        id_token_algs=_texts(data.get("id_token_signing_alg_values_supported")),
        iss_in_callback=data.get("authorization_response_iss_parameter_supported") is True,
    )


def discover(documents: Documents, issuer: str, now: dt.datetime) -> Flow[Server]:
    """An issuer's configuration: the kept one, or a fresh one.

    :raises ProviderTimeout: also for a few seconds after it last did not answer in time: each visit that asks would
        hold a worker for as long.
    """
    known = documents.servers.get(issuer, now)
    if known is not None:
        return known
    if documents.silent.get(issuer, now):
        raise ProviderTimeout("The issuer did not answer in time a moment ago.")
    try:
        response = yield discovery_request(issuer)
    except ProviderTimeout:
        documents.silent.put(issuer, True, now)
        raise
    return documents.servers.put(issuer, read_discovery(response, issuer), now)


def _is_endpoint(url: str, local: bool) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.hostname is not None and parts.port != 0 and parts.username is None and not parts.fragment
        (parts.hostname or "").encode("idna")  # what makes a redirect of it does the same
    except ValueError:
        return False
    usable = usable and len(url) <= MAX_ADDRESS and not set(parts.netloc) & {"\\", "%"}
    plain = url.isascii() and is_plain_text(url) and " " not in url
    return usable and plain and parts.scheme in (("https", "http") if local else ("https",))


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else None

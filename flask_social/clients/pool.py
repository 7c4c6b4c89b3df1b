"""The connections that all API clients of a process share."""

from __future__ import annotations

import functools
import os
import ssl
import typing as t

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from ..wire import API_POOLS


@functools.lru_cache(maxsize=8)
def _tls(bundle: str) -> ssl.SSLContext:
    """One TLS context per certificate bundle: making one takes longer than a call."""
    return ssl.create_default_context(cafile=bundle)


class Pool(HTTPAdapter):
    """The connections of all sessions of this process. They outlive the sessions."""

    def __init__(self) -> None:
        super().__init__(pool_connections=64, pool_maxsize=16)

    def renew(self) -> None:
        """Starts with no connection: after a fork the old ones belong to the parent."""
        self.proxy_manager = {}
        self.init_poolmanager(64, 16)

    def init_poolmanager(self, *args: t.Any, **options: t.Any) -> None:
        """Makes the pools of connections that skip interim answers."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = API_POOLS

    def proxy_manager_for(self, *args: t.Any, **options: t.Any) -> t.Any:
        """The same for a proxy's."""
        manager = super().proxy_manager_for(*args, **options)
        manager.pool_classes_by_scheme = API_POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: t.Any, cert: t.Any = None
    ) -> tuple[t.Any, t.Any]:
        """Adds the shared TLS context where the library would make one for every connection."""
        host, attributes = super().build_connection_pool_key_attributes(request, verify, cert)
        bundle = _bundle(verify, cert)
        if bundle is not None and host["scheme"] == "https":
            return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": _tls(bundle)}
        return host, attributes

    def cert_verify(self, conn: t.Any, url: t.Any, verify: t.Any, cert: t.Any) -> None:
        """Leaves alone a connection that has the shared TLS context: it would load its certificates again."""
        if _bundle(verify, cert) is None:
            super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]  # untyped in requests


def _bundle(verify: object, cert: object) -> str | None:
    """The file of certificates to trust; ``None`` when the caller wants something special."""
    if cert is not None:
        return None
    if verify is True:
        return DEFAULT_CA_BUNDLE_PATH
    return verify if isinstance(verify, str) and os.path.isfile(verify) else None


#: The one of this process.
POOL = Pool()
# Windows does not fork.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=POOL.renew)

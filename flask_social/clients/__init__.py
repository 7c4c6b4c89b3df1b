"""Ready-made API clients with a connection's token inside.

A provider names the module that makes its client in its attribute ``client``, such as
``"flask_social.clients.twitter"``. Such a module has one function::

    def build(context: ApiContext, *args: t.Any, **options: t.Any) -> <client>

and is imported on the first ``get_api()``, so that neither ``import flask_social`` nor a login needs a client
library. A provider that names none gets the authorised session of :mod:`flask_social.clients.session`.
"""

from __future__ import annotations

import importlib
import typing as t

from .base import ApiContext

if t.TYPE_CHECKING:
    from .session import ApiSession

__all__ = ["ApiContext", "build_api", "build_session"]


def build_api(context: ApiContext, *args: t.Any, **options: t.Any) -> t.Any:
    """The API client of the context's provider.

    :param args: as the client's module takes them: ``"drive", "v3"`` for Google.
    :param options: go before those of the provider's setting ``api``.
    :raises MissingLibrary: when the client library is not installed.
    """
    module = importlib.import_module(context.provider.client or "flask_social.clients.session")
    return module.build(context, *args, **{**context.provider.api_options, **options})


def build_session(context: ApiContext) -> ApiSession:
    """The authorised session of the context's provider, whichever client it has."""
    from .session import build

    return build(context)

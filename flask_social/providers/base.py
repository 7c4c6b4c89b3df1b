"""What a provider extends: one of the three families, OAuth 1.0a, OAuth 2 and OpenID Connect.

What a provider adds to its family is data, one mapping, and at most a hook.
"""

from __future__ import annotations

from .oauth import OAuth2Provider, TokenFacts
from .oauth1 import OAuth1Provider
from .openid import OIDCProvider
from .root import Provider
from .visit import Context, Grant, Start

__all__ = ["Context", "Grant", "OAuth1Provider", "OAuth2Provider", "OIDCProvider", "Provider", "Start", "TokenFacts"]

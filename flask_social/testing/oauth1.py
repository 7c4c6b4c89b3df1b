"""OAuth 1.0a (RFC 5849) on the provider's side, over oauthlib's server endpoints."""

from __future__ import annotations

import collections.abc as cabc
import string
import typing as t

from oauthlib.common import Request as SignedRequest
from oauthlib.oauth1 import AccessTokenEndpoint, RequestTokenEndpoint, RequestValidator, ResourceEndpoint
from werkzeug.wrappers import Request

from .consent import Asked, ConsentService
from .faults import Fault
from .httpd import Answer
from .ledger import Grant, Issued
from .pages import error_page
from .people import Person
from .service import Refused, Route, raw_url
from .world import World, default_client

#: A request token that is not used for this long is forgotten, in seconds.
REQUEST_TOKEN_LIFETIME = 300.0


class Validator(RequestValidator):
    """What oauthlib asks while it checks a request. ``found`` values of unknown keys are dummies, as it wants."""

    allowed_signature_methods = ("HMAC-SHA1",)
    safe_characters = frozenset(string.ascii_letters + string.digits + "-._~")
    client_key_length = request_token_length = access_token_length = nonce_length = verifier_length = (1, 200)
    enforce_ssl = False
    dummy_client = dummy_request_token = dummy_access_token = "nobody"

    def __init__(self, world: World, provider: str) -> None:
        super().__init__()
        self._world = world
        self._provider = provider

    def _token(self, kind: str, client_key: str, token: str) -> Issued | None:
        item = self._world.ledger.find(token, kind)
        own = item is not None and (item.grant.provider, item.grant.client_id) == (self._provider, client_key)
        return item if item is not None and own and item.is_live(self._world.now()) else None

    def validate_client_key(self, client_key: str, request: SignedRequest) -> bool:
        return self._world.client(self._provider, client_key) is not None

    def get_client_secret(self, client_key: str, request: SignedRequest) -> str:
        client = self._world.client(self._provider, client_key)
        return (client.client_secret if client is not None else None) or "nothing"

    def get_request_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        item = self._token("request", client_key, token)
        return (item.secret if item is not None else None) or "nothing"

    def get_access_token_secret(self, client_key: str, token: str, request: SignedRequest) -> str:
        item = self._token("access", client_key, token)
        return (item.secret if item is not None else None) or "nothing"

    def validate_request_token(self, client_key: str, token: str, request: SignedRequest) -> bool:
        return self._token("request", client_key, token) is not None

    def validate_access_token(self, client_key: str, token: str, request: SignedRequest) -> bool:
        return self._token("access", client_key, token) is not None

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: SignedRequest) -> bool:
        item = self._token("request", client_key, token)
        return item is not None and item.verifier is not None and item.verifier == verifier

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: SignedRequest) -> bool:
        client = self._world.client(self._provider, client_key)
        return client is not None and redirect_uri in (client.redirect_uris or (redirect_uri,))

    def validate_timestamp_and_nonce(
        self, client_key: str, timestamp: str, nonce: str, request: SignedRequest, **tokens: str
    ) -> bool:
        """RFC 5849 section 3.3: a nonce works once. oauthlib compares the timestamp itself."""
        seen = (client_key, timestamp, nonce, *map(str, tokens.values()))
        if seen in self._world.nonces:
            return False
        self._world.nonces.add(seen)
        return True

    # Realms are not used here.

    def get_default_realms(self, client_key: str, request: SignedRequest) -> list[str]:
        return []

    def get_realms(self, token: str, request: SignedRequest) -> list[str]:
        return []

    def check_realms(self, realms: cabc.Sequence[str]) -> bool:
        return True

    def validate_requested_realms(self, client_key: str, realms: t.Any, request: SignedRequest) -> bool:
        return True

    def validate_realms(self, client_key: str, token: str, request: SignedRequest, **more: t.Any) -> bool:
        return True

    # What was granted

    def save_request_token(self, token: dict[str, str], request: SignedRequest) -> None:
        grant = Grant(self._provider, request.client_key, "", params={"oauth_callback": request.redirect_uri})
        item = self._world.ledger.issue(
            "request", grant, self._world.now(), REQUEST_TOKEN_LIFETIME, value=token["oauth_token"]
        )
        item.secret = token["oauth_token_secret"]

    def save_access_token(self, token: dict[str, str], request: SignedRequest) -> None:
        item = self._world.ledger.find(request.resource_owner_key, "request")
        assert item is not None  # it was validated a moment ago, under the same lock
        access = self._world.ledger.issue("access", item.grant, self._world.now())
        person = self._world.people[item.grant.person_id]
        token.clear()
        token |= {
            "oauth_token": access.value,
            "oauth_token_secret": access.secret or "",
            "user_id": person.subject(self._provider),
            "screen_name": person.username,
        }

    def invalidate_request_token(self, client_key: str, request_token: str, request: SignedRequest) -> None:
        item = self._world.ledger.find(request_token, "request")
        assert item is not None
        item.used = True


class OAuth1Service(ConsentService):
    """An OAuth 1.0a provider. ``api_errors`` needs ``bad_authentication`` and ``no_authentication`` too."""

    request_token_path: t.ClassVar[str] = "/oauth/request_token"
    authorize_paths: t.ClassVar[tuple[str, ...]] = ("/oauth/authenticate", "/oauth/authorize")
    access_token_path: t.ClassVar[str] = "/oauth/access_token"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        validator = Validator(world, self.id)
        self._request_tokens = RequestTokenEndpoint(validator)
        self._access_tokens = AccessTokenEndpoint(validator)
        self._resources = ResourceEndpoint(validator)

    def routes(self) -> cabc.Iterable[Route]:
        yield Route(self.request_token_path, "request_token", self.request_token, ("GET", "POST"))
        for path in self.authorize_paths:
            yield Route(path, "authorize", self.authorize)
        yield Route("/choose", "choice", self.choose, ("POST",))
        yield Route(self.access_token_path, "token", self.access_token, ("GET", "POST"))

    def request_token(self, request: Request) -> Answer:
        """RFC 5849 section 2.1."""
        return self._form(self._request_tokens.create_request_token_response(*_parts(request)))

    def access_token(self, request: Request) -> Answer:
        """RFC 5849 section 2.3."""
        return self._form(self._access_tokens.create_access_token_response(*_parts(request)))

    def _form(self, result: tuple[dict[str, str], str | None, int]) -> Answer:
        _, body, status = result
        if status != 200:
            return self.api_error("bad_authentication")
        return Answer(body, content_type="text/html;charset=utf-8", headers={"Cache-Control": "no-store"})

    def authorize(self, request: Request) -> Answer:
        """RFC 5849 section 2.2."""
        token = self.world.ledger.find(request.args.get("oauth_token"), "request")
        if token is None or token.verifier is not None or not token.is_live(self.world.now()):
            text = "There is no request token for this page. That is the special key we need from an application."
            return error_page(self.name, text, 403)
        client = self.world.client(self.id, token.grant.client_id) or default_client(self.id)
        return self.ask(Asked(self, client, token.grant.params["oauth_callback"], {"oauth_token": token.value}))

    def returned(self, asked: Asked, person: Person | None, fault: Fault | None) -> dict[str, str]:
        name = asked.params["oauth_token"]
        token = self.world.ledger.find(name, "request")
        if person is None or token is None:
            return {"denied": name}
        token.grant.person_id = person.id
        token.grant.auth_time = self.world.now()
        token.verifier = f"verifier-{token.value[::-1]}"
        if fault is not None and fault.code_lifetime is not None:
            token.expires_at = self.world.now() + fault.code_lifetime
        return {"oauth_token": name, "oauth_verifier": token.verifier}

    def signed(self, request: Request) -> Issued:
        """The access token that an API call was signed with (RFC 5849 section 3).

        :raises Refused: when the signature does not hold or the token is dead.
        """
        valid, seen = self._resources.validate_protected_resource_request(*_parts(request))
        if seen is None:
            raise Refused(self.api_error("no_authentication"))
        if not valid:
            known = seen.validator_log.get("resource_owner", True)
            raise Refused(self.api_error("bad_authentication" if known else "unauthorized"))
        token = self.world.ledger.find(seen.resource_owner_key, "access")
        assert token is not None  # oauthlib has just asked for it
        return token


def _parts(request: Request) -> tuple[str, str, str, dict[str, str]]:
    """Address, method, body and headers, as oauthlib takes them."""
    headers = {name: value for name, value in request.headers.items() if name in ("Authorization", "Content-Type")}
    return raw_url(request), request.method, request.get_data(as_text=True), headers

"""Facebook: the login dialog and a corner of the Graph API (developers.facebook.com/docs/facebook-login)."""

from __future__ import annotations

import collections.abc as cabc
import hashlib
import hmac
import typing as t

from werkzeug.wrappers import Request

from ..faults import merged
from ..httpd import Answer
from ..ledger import Grant, Issued, RegisteredClient
from ..oauth2 import OAuth2Service
from ..people import Person
from ..service import Refused, Route
from ..world import default_client

#: The version in our settings; requests may name any, or none.
VERSION = "v25.0"

#: Seconds that an exchanged token lives (60 days).
LONG_LIFETIME = 5_184_000


def _error(status: int, code: int, message: str, kind: str = "OAuthException", **more: t.Any) -> tuple[int, t.Any]:
    error = {"message": message, "type": kind, "code": code, **more, "fbtrace_id": "AStandInTraceId0000000"}
    return status, {"error": error}


class Facebook(OAuth2Service):
    """No refresh tokens: a token is exchanged for one that lives sixty days. Errors are Graph's everywhere."""

    id = "facebook"
    name = "Facebook"
    colour = "#0866ff"
    authorize_path = f"/{VERSION}/dialog/oauth"
    token_path = f"/{VERSION}/oauth/access_token"
    revoke_path = None
    token_methods = ("GET", "POST")
    auth_methods = ("client_secret_post",)
    scope_separator = ","
    pkce = ()
    access_lifetime = 5400
    token_params = ("access_token",)
    api_errors: t.ClassVar = {
        "unauthorized": _error(
            400, 190, "Error validating access token: Session has expired or is not valid.", error_subcode=463
        ),
        "forbidden": _error(403, 200, "Requires a permission that the person did not give"),
        "rate_limited": _error(403, 4, "(#4) Application request limit reached"),
        "server_error": _error(500, 2, "An unexpected error has occurred. Please retry your request later."),
        "no_proof": _error(
            400, 100, "API calls from the server require an appsecret_proof argument", "GraphMethodException"
        ),
        "bad_proof": _error(400, 100, "Invalid appsecret_proof provided in the API argument", "GraphMethodException"),
        "no_object": _error(
            400, 100, "Unsupported request. The object does not exist.", "GraphMethodException", error_subcode=33
        ),
    }

    def routes(self) -> cabc.Iterable[Route]:
        for prefix in ("", "/v<int:major>.<int:minor>"):
            yield Route(f"{prefix}/dialog/oauth", "authorize", _unversioned(self.authorize))
            yield Route(f"{prefix}/oauth/access_token", "token", _unversioned(self.token), ("GET", "POST"))
            yield Route(f"{prefix}/me", "profile", _unversioned(self.me), ("GET", "POST"))
            yield Route(f"{prefix}/debug_token", "api", _unversioned(self.debug_token))
            yield Route(f"{prefix}/<node>", "api", _unversioned(self.node))
            yield Route(f"{prefix}/<node>/picture", "picture", _unversioned(self.node_picture))
            yield Route(f"{prefix}/<node>/permissions", "revoke", _unversioned(self.permissions), ("DELETE", "POST"))
            yield Route(f"{prefix}/<node>/permissions", "api", _unversioned(self.list_permissions))
        yield Route("/choose", "choice", self.choose, ("POST",))

    def settings(self) -> dict[str, t.Any]:
        return {
            **self.credentials(),
            "authorize_url": self.url(self.authorize_path),
            "access_token_url": self.url(self.token_path),
            "userinfo_url": self.url(f"/{VERSION}/me"),
            "api_base_url": self.url(f"/{VERSION}/"),
            "revoke_url": self.url(f"/{VERSION}/me/permissions"),
        }

    def limits(self, *, exhausted: bool = False) -> dict[str, str]:
        """Graph says how much of the allowance is used, in per cent."""
        used = 100 if exhausted else min(self.world.count(provider=self.id), 99)
        return {"X-App-Usage": f'{{"call_count":{used},"total_cputime":0,"total_time":0}}'}

    def denial(self) -> dict[str, str]:
        return {
            "error": "access_denied",
            "error_code": "200",
            "error_description": "Permissions error",
            "error_reason": "user_denied",
        }

    def extra(self, grant: Grant) -> dict[str, str]:
        if grant.params.get("return_scopes") != "true":
            return {}
        denied = [name for name in grant.params.get("scope", "").split(",") if name and name not in grant.scope]
        return {"granted_scopes": ",".join(grant.scope), "denied_scopes": ",".join(denied)}

    def oauth_error(self, error: str, description: str = "", status: int = 400) -> Answer:
        subcode: dict[str, t.Any] = {"error_subcode": 36007} if "expired" in description else {}
        code = 101 if error == "invalid_client" else 100
        return self.json(_error(400, code, description, "OAuthException", **subcode)[1], 400)

    # Tokens

    def exchanges(self) -> dict[str, cabc.Callable[[RegisteredClient, dict[str, str]], Answer]]:
        return {
            "authorization_code": self.exchange_code,
            "fb_exchange_token": self.exchange_token,
            "client_credentials": self.app_token,
        }

    def tokens(self, grant: Grant, *, refreshed: bool = False, rotate: bool = True) -> dict[str, t.Any]:
        lifetime = LONG_LIFETIME if refreshed else self.access_lifetime
        token = self.world.ledger.issue("access", grant, self.world.now(), lifetime)
        return {"access_token": token.value, "token_type": "bearer", "expires_in": lifetime}

    def exchange_token(self, client: RegisteredClient, params: dict[str, str]) -> Answer:
        """Sixty more days for a token that still lives. It has faults of its own, under the endpoint ``exchange``."""
        fault = self.world.faults.take("exchange", self.id)
        if fault is not None and fault.replaces:
            return self.fail(fault)
        token = self.world.ledger.find(params.get("fb_exchange_token"), "access")
        mine = token is not None and (token.grant.provider, token.grant.client_id) == (self.id, client.client_id)
        if token is None or not mine or not token.is_live(self.world.now()):
            return self.api_error("unauthorized")
        return self.token_answer(merged(self.tokens(token.grant, refreshed=True), fault.merge if fault else {}))

    def app_token(self, client: RegisteredClient, params: dict[str, str]) -> Answer:
        """The application's own token."""
        return self.token_answer({"access_token": f"{client.client_id}|{client.client_secret}", "token_type": "bearer"})

    def bearer(self, request: Request, *scopes: str) -> Issued:
        """As everywhere, and ``appsecret_proof`` is checked when it is given or demanded."""
        token = super().bearer(request, *scopes)
        proof = request.values.get("appsecret_proof")
        client = self.world.client(self.id, token.grant.client_id) or default_client(self.id)
        right = hmac.new((client.client_secret or "").encode(), token.value.encode(), hashlib.sha256).hexdigest()
        if proof is None and self.world.require_appsecret_proof:
            raise Refused(self.api_error("no_proof"))
        if proof is not None and proof != right:
            raise Refused(self.api_error("bad_proof"))
        return token

    # The graph

    def me(self, request: Request) -> Answer:
        """``fields`` chooses; without it ``id`` and ``name``."""
        token = self.bearer(request)
        return self._user(request, self.person(token), token)

    def node(self, request: Request, node: str) -> Answer:
        """The person by the id that this application knows them by."""
        token = self.bearer(request)
        self._own(token, node)
        return self._user(request, self.person(token), token)

    def _own(self, token: Issued, node: str) -> None:
        if node not in ("me", self.person(token).subject(self.id, token.grant.client_id)):
            raise Refused(self.api_error("no_object"))

    def _user(self, request: Request, person: Person, token: Issued) -> Answer:
        user: dict[str, t.Any] = {
            "id": person.subject(self.id, token.grant.client_id),
            "name": person.name,
            "first_name": person.given_name,
            "last_name": person.family_name,
            "picture": {
                "data": {"height": 50, "width": 50, "is_silhouette": False, "url": self.picture(person)},
            },
        }
        if "email" in token.grant.scope and person.email is not None:
            user["email"] = person.email
        wanted = request.values.get("fields", "id,name").split(",")
        unknown = [name for name in wanted if name.partition(".")[0] not in (*user, "email")]
        if unknown:
            message = f"(#100) Tried accessing nonexisting field ({unknown[0]}) on node type (User)"
            return self.json(_error(400, 100, message)[1], 400, self.limits())
        names = dict.fromkeys(["id", *(name.partition(".")[0] for name in wanted)])
        return self.api({name: user[name] for name in names if name in user})

    def node_picture(self, request: Request, node: str) -> Answer:
        """The avatar, by a redirect; Graph wants no token for it."""
        for person in self.world.people.values():
            if person.subject(self.id, default_client(self.id).client_id) == node:
                return Answer(status=302, headers={"Location": self.picture(person)})
        raise Refused(self.api_error("no_object"))

    def permissions(self, request: Request, node: str) -> Answer:
        """``DELETE /{user-id}/permissions``: the person's grant ends. A POST names ``method=delete``."""
        token = self.bearer(request)
        self._own(token, node)
        if request.method == "POST" and request.values.get("method") != "delete":
            raise Refused(self.api_error("no_object"))
        self.world.ledger.end_grants(self.id, token.grant.person_id, token.grant.client_id)
        return self.api({"success": True})

    def list_permissions(self, request: Request, node: str) -> Answer:
        """What was granted."""
        token = self.bearer(request)
        self._own(token, node)
        return self.api({"data": [{"permission": name, "status": "granted"} for name in token.grant.scope]})

    def debug_token(self, request: Request) -> Answer:
        """What a token is worth, for the application it belongs to (``access_token={app-id}|{app-secret}``)."""
        app_id, _, secret = request.args.get("access_token", "").partition("|")
        client = self.world.client(self.id, app_id)
        if client is None or client.client_secret != secret:
            return self.api_error("unauthorized")
        token = self.world.ledger.find(request.args.get("input_token"), "access")
        if token is None or (token.grant.provider, token.grant.client_id) != (self.id, app_id):
            return self.api({"data": {"is_valid": False, "scopes": []}})
        data = {
            "app_id": app_id,
            "type": "USER",
            "application": "An application",
            "expires_at": int(token.expires_at or 0),
            "issued_at": int(token.issued_at),
            "is_valid": token.is_live(self.world.now()),
            "scopes": list(token.grant.scope),
            "user_id": self.person(token).subject(self.id, app_id),
        }
        return self.api({"data": data})


def _unversioned(handler: cabc.Callable[..., Answer]) -> cabc.Callable[..., Answer]:
    """The handler without the version of the path, which changes nothing here."""

    def handle(request: Request, major: int = 0, minor: int = 0, **values: str) -> Answer:
        return handler(request, **values)

    return handle

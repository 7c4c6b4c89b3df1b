"""How a person with an identity but without a connection comes in: by a sign-up, or by proving a local account."""

from __future__ import annotations

import collections.abc as cabc
import secrets
import time
import typing as t

from flask.typing import ResponseReturnValue

from .. import pending, security, users
from ..errors import ConfigurationError, StoreError
from ..pending import Pending
from ..signals import connection_created, user_signed_up
from ..state import SocialState, current_config, current_sender
from ..values import Profile
from . import answers, notices, targets, unproven, waiting

if t.TYPE_CHECKING:
    from .outcomes import Visit


# Sign-up ------------------------------------------------------------------------------------------------------


def sign_up(visit: Visit) -> ResponseReturnValue:
    """Makes a user at once, or asks where something is missing."""
    state, profile = visit.state, visit.grant.profile
    if not admits(state, visit.provider, profile):
        return visit.refuse("not_admitted")
    fields = mapped_fields(state, visit.provider, profile)
    proven = proven_address(profile)
    address = proven or (users.normalized(profile.email) if users.confirmable() else None)
    unproven = state.settings.signup_domains and proven is None
    named = users.named(fields)
    if unproven or (address is None and users.needs_address()) or named is None:
        return ask(visit)
    if address not in (None, proven) and not may_mail(visit):
        return visit.refuse("mail_unavailable")
    try:
        return enrol(visit, {**named, "email": address}, proven=proven)
    except StoreError as error:
        if error.code != "user_refused":
            raise
        # Another callback of this identity or address was faster, or the model wants more than a provider says.
        faster = visit.is_known() or users.find_by_address(address) is not None
        return visit.settle() if faster else ask(visit)


def ask(visit: Visit) -> ResponseReturnValue:
    """Lets the identity wait, and sends the person to the sign-up form."""
    profile = visit.grant.profile
    if not admits(visit.state, visit.provider, profile):
        return visit.refuse("not_admitted")
    made = Pending(
        "signup",
        visit.provider.id,
        visit.grant,
        int(time.time()),
        nonce=pending.new_nonce(secrets.token_bytes),
        next_url=visit.attempt.next_url,
        fields={"email": profile.email, **mapped_fields(visit.state, visit.provider, profile)},
        proven=proven_address(profile),
    )
    waiting.keep(visit.state, made)
    page = answers.own_url(visit.state, "signup", provider_id=visit.provider.id)
    return answers.end(visit.state, visit.provider, "signup", page, attempt=visit.attempt, status=303)


def enrol(visit: Visit, fields: cabc.Mapping[str, t.Any], *, proven: str | None) -> ResponseReturnValue:
    """Makes a user with the first connection, both or neither, and logs them in if Flask-Security's gates let them.

    :param proven: the address that the provider or a mail has proven; any other has to be confirmed.
    :raises StoreError: ``user_refused``, when the database takes no such user.
    :raises DuplicateConnection: when the identity was connected meanwhile.
    """
    address = users.normalized(fields.get("email"))
    draft = users.Draft({**fields, "email": address}, confirmed=address is not None and address == proven)
    user, connection = visit.state.datastore.create_with_user(draft, **visit.new_row())
    waiting.drop_anyway(visit.state)
    connection_created.send(current_sender(), user=user, connection=connection)
    user_signed_up.send(current_sender(), user=user, connection=connection)
    users.welcome(user, fields)
    if security.gate(user) == "user_unconfirmed":
        return _ask_to_confirm(visit)
    return visit.let_in(user, connection)


def pretend(visit: Visit, form: t.Any) -> ResponseReturnValue:
    """Answers as :func:`enrol` answers to an unproven address, but makes nobody: somebody has the address or the name.

    So ``SECURITY_RETURN_GENERIC_RESPONSES`` wants it. The session holds the same as after :func:`enrol`.
    """
    waiting.drop_anyway(visit.state)
    users.decline(form, mail=current_config()["SECURITY_SEND_REGISTER_EMAIL"])
    unproven.note_sign_up(visit.state, None)
    return _ask_to_confirm(visit)


def _ask_to_confirm(visit: Visit) -> ResponseReturnValue:
    page = answers.login_page()
    return answers.end(visit.state, visit.provider, "confirm_address", page, attempt=visit.attempt, status=303)


def admits(state: SocialState, provider: t.Any, profile: Profile) -> bool:
    """Whether the application lets this person sign up: by the domain of a proven address, and by its own rule."""
    settings = state.settings
    if settings.signup_domains:
        address = proven_address(profile)
        # An address that is not proven yet has to be proven by mail, and is looked at again then.
        if address is not None and not in_domains(state, address):
            return False
    return settings.signup_admit is None or settings.signup_admit(profile, provider) is True


def may_mail(visit: Visit) -> bool:
    """Whether an address may be proven by a mail; if not, the log says what is missing."""
    if targets.may_mail_links(visit.state):
        return True
    name = visit.provider.id
    answers.logger.error("signing up through %s needs SOCIAL_APP_URL or TRUSTED_HOSTS for its mails", name)
    return False


def in_domains(state: SocialState, address: str) -> bool:
    """Whether an address is of a domain in ``SOCIAL_SIGNUP_DOMAINS``; without the setting, each is."""
    domains = state.settings.signup_domains
    return not domains or address.rpartition("@")[2].lower() in domains


def proven_address(profile: Profile) -> str | None:
    """The address in Flask-Security's normal form if the provider verified it, and its word is worth that."""
    trusted = profile.email_verified is True and profile.email_trust in ("authoritative", "verified")
    return users.normalized(profile.email) if trusted else None


def mapped_fields(state: SocialState, provider: t.Any, profile: Profile) -> dict[str, t.Any]:
    """What ``SOCIAL_SIGNUP_MAPPER`` makes of a profile.

    :raises ConfigurationError: for a field that ``SOCIAL_SIGNUP_FIELDS`` does not allow, or a value that cannot wait
        in a cookie.
    """
    mapper = state.settings.signup_mapper
    fields = dict(mapper(profile, provider)) if mapper is not None else {}
    for name, value in fields.items():
        if name not in state.settings.signup_fields:
            raise ConfigurationError("SOCIAL_SIGNUP_FIELDS", f"does not allow the field {name!r} of the mapper.")
        if value is not None and not isinstance(value, (str, int, float)):
            raise ConfigurationError("SOCIAL_SIGNUP_MAPPER", f"must give texts, numbers and booleans; see {name!r}.")
    return fields


# Linking ------------------------------------------------------------------------------------------------------


def prove_first(visit: Visit, owner: str) -> ResponseReturnValue:
    """Lets the identity wait for a login of the user whose address it has."""
    made = Pending(
        "link",
        visit.provider.id,
        visit.grant,
        int(time.time()),
        owner=owner,
        nonce=pending.new_nonce(secrets.token_bytes),
        next_url=visit.attempt.next_url,
    )
    waiting.keep(visit.state, made)
    page = answers.own_url(visit.state, "link")
    return answers.end(visit.state, visit.provider, "link", page, attempt=visit.attempt, status=303)


def link_and_log_in(visit: Visit, user: t.Any) -> ResponseReturnValue:
    """Connects the identity to the user who has proven the same address here, and logs them in."""
    store = visit.state.datastore
    with store.lock_user(user.id):
        # Only now nobody changes them: what was decided is looked at again.
        user = security.read_again(user)
        if user is None or not may_be_linked(user, visit.grant.profile):
            return visit.refuse("not_connected")
        if code := security.gate(user):
            return visit.refuse(code)
        connection = store.create_connection(user_id=user.id, **visit.new_row())
        store.commit()
    notices.tell(visit.state, user, visit.provider.name, "connected")
    connection_created.send(current_sender(), user=user, connection=connection)
    return visit.let_in(user, connection)


def may_be_linked(user: t.Any, profile: Profile) -> bool:
    """Whether an address alone may link to this user: confirmed here, and no second factor stands before it."""
    return users.has_proven(user, profile.email) and not security.has_second_factor(user)

"""The pages on which an identity waits: the sign-up form, and the link to a local account."""

from __future__ import annotations

import dataclasses as dc
import typing as t

from flask import redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField

from .. import forms, security, users
from ..errors import AnswerInvalid, AttemptsUnavailable, StoreError
from ..pending import MAX_MAILS, Pending
from ..providers.base import Provider
from ..state import SocialState
from ..values import Attempt, Intent
from . import answers, guard, joining, targets, waiting
from .outcomes import Visit, settle

#: For what a link in a mail proves an address.
_PROOF = "address"


# Sign-up ------------------------------------------------------------------------------------------------------


def signup(state: SocialState, provider_id: str) -> ResponseReturnValue:
    """The sign-up form of an identity that waits; sent, it makes the user."""
    provider = answers.provider_or_404(state, provider_id)
    try:
        return _signup(state, provider)
    except (AnswerInvalid, StoreError) as error:
        return answers.refuse_request(state, error.code, provider.name)


def _signup(state: SocialState, provider: Provider) -> ResponseReturnValue:
    found = waiting.find(state, "signup")
    if found is None or found.provider_id != provider.id or security.session_user() is not None:
        return answers.refuse_request(state, "nothing_waits", provider.name)
    if (provider.signup or state.settings.signup) == "never":  # by now
        return answers.refuse_request(state, "nothing_waits", provider.name)
    if request.method == "POST":
        if code := guard.refusal(state.settings):
            return answers.refuse_request(state, code, provider.name)
        if guard.fields().get(waiting.NONCE) != found.nonce:
            # A form of an earlier visit, in another tab: what it shows is not who waits by now.
            return answers.refuse_request(state, "link_mismatch", provider.name)
        return _sent(state, provider, found)
    if request.args.get("proof"):
        return _prove_address(state, provider, found)
    return _show_form(state, provider, found, forms.sign_up_form(found.fields, MultiDict(found.typed) or None))


def _sent(state: SocialState, provider: Provider, found: Pending) -> ResponseReturnValue:
    visit = _visit(state, provider, found, "login")
    if visit.is_known():
        return _made_already(state)
    form = forms.sign_up_form(found.fields, MultiDict(_typed(forms.sign_up_form(found.fields, None))))
    hidden = not form.validate()
    if hidden and visit.is_known():  # the first of two clicks was faster, and the address is theirs
        return _made_already(state)
    if hidden and not forms.hides_owners(form):
        return _show_form(state, provider, found, form, 400)
    # What the mapping gave and the form does not ask for.
    fields = {name: found.fields[name] for name in state.settings.signup_fields if name in found.fields}
    fields |= forms.user_fields(form)
    address = users.normalized(fields.get("email"))
    unproven = address is not None and address != found.proven
    if unproven and not joining.may_mail(visit):
        return answers.refuse_request(state, "mail_unavailable", provider.name)
    if hidden and not unproven:
        # The form would log in at once, so that nothing could be hidden.
        return _show_form(state, provider, found, form, 400)
    if unproven and (state.settings.signup_domains or not users.confirmable()):
        return _send_proof(state, provider, found, str(address), form)
    if state.settings.signup_domains and (address is None or not joining.in_domains(state, address)):
        return answers.refuse_request(state, "not_admitted", provider.name)
    if hidden:
        return joining.pretend(visit, form)
    try:
        return joining.enrol(visit, fields, proven=found.proven)
    except StoreError as error:
        if error.code == "duplicate_connection" or (error.code == "user_refused" and visit.is_known()):
            return _made_already(state)
        if error.code != "user_refused":
            raise
        form.form_errors.append(answers.text(state, "user_refused", provider.name))
        return _show_form(state, provider, found, form, 409)


def _made_already(state: SocialState) -> ResponseReturnValue:
    """A second click, whose first one made the account and logged in. It must not be a login of its own.

    An identity that waits has no one-use code: whoever finds the form, or an older cookie, could come in by it.
    """
    waiting.drop(state)
    page = security.after_login_url()
    return security.json({"next": page}) if security.wants_json() else redirect(page, 303)


def _typed(form: t.Any) -> dict[str, t.Any]:
    """What the form was sent with, as far as a form can send it: texts, and JSON's ``true`` for a box to tick."""
    given = {name: value for name, value in guard.fields().items() if name not in _NOT_SHOWN}
    boxes = {field.name for field in form if isinstance(field, BooleanField)}
    # What is no text counts as nothing, and not as what the form showed at first.
    return {
        name: value if (isinstance(value, str) and _is_text(value)) or (name in boxes and value is True) else ""
        for name, value in given.items()
    }


def _is_text(value: object) -> bool:
    """Whether UTF-8 can carry it: JSON may hold half a surrogate pair."""
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _show_form(
    state: SocialState, provider: Provider, found: Pending, form: t.Any, status: int = 200
) -> ResponseReturnValue:
    if security.wants_json():
        told = {"provider_id": provider.id, "proven": found.proven, waiting.NONCE: found.nonce}
        return security.form_json(form, told, status)
    shown = [field for field in form if field.name not in _NOT_SHOWN]
    page = render_template("social/signup.html", provider=provider, identity=found, form=form, fields=shown)
    return page, status


_NOT_SHOWN = (waiting.NONCE, "csrf_token", "next", "password", "password_confirm", "submit")


def _send_proof(
    state: SocialState, provider: Provider, found: Pending, address: str, form: t.Any
) -> ResponseReturnValue:
    """Sends a link to an address that somebody has to prove, and lets the identity wait on.

    An address that has an owner gets no link, but word of this; who sent the form sees no difference.
    """
    if not joining.in_domains(state, address):
        return answers.refuse_request(state, "not_admitted", provider.name)
    if found.mails >= MAX_MAILS:
        return answers.refuse_request(state, "too_many_mails", provider.name)
    typed = {name: value for name, value in _typed(form).items() if isinstance(value, str)}
    waiting.keep(state, dc.replace(found, typed=typed, mails=found.mails + 1))
    proof = state.vault.seal(_PROOF, f"{found.nonce} {address}".encode())
    path = answers.own_url(state, "signup", provider_id=provider.id)
    link = targets.absolute(state, f"{path}?proof={proof}")
    if form.existing_email_user is not None:
        sent = users.decline(form, mail=True)
    else:
        sent = users.send_address_proof(address, provider.name, link)
    if not sent:
        return answers.refuse_request(state, "mail_unavailable", provider.name)
    if security.wants_json():
        return security.json({"code": "proof_sent"}, 202)
    answers.say(state, "proof_sent", provider.name)
    return redirect(answers.own_url(state, "signup", provider_id=provider.id), 303)


def _prove_address(state: SocialState, provider: Provider, found: Pending) -> ResponseReturnValue:
    """Opens a link of ours in the browser where the identity waits; the form then shows the address as proven."""
    raw = state.vault.open(_PROOF, request.args["proof"]) or b""
    nonce, _, address = raw.decode().partition(" ")
    if not address or nonce != found.nonce:
        return answers.refuse_request(state, "proof_invalid", provider.name)
    typed = {**found.typed, "email": address}
    waiting.keep(state, dc.replace(found, proven=address, typed=typed))
    return answers.end(state, provider, "signup", answers.own_url(state, "signup", provider_id=provider.id), status=303)


# Linking ------------------------------------------------------------------------------------------------------


def link(state: SocialState) -> ResponseReturnValue:
    """Asks the person to prove the local account, then whether to connect the identity; only a POST connects."""
    try:
        return _link(state)
    except AttemptsUnavailable as error:
        return answers.refuse_request(state, error.code, "")


def _link(state: SocialState) -> ResponseReturnValue:
    found = waiting.find(state, "link")
    provider = state.resolve(found.provider_id) if found is not None else None
    if found is None or provider is None or (provider.link_by_email or state.settings.link_by_email) == "never":
        return answers.refuse_request(state, "nothing_waits", "")
    if request.method == "POST" and (code := guard.refusal(state.settings)):
        return answers.refuse_request(state, code, provider.name)
    user = security.session_user()
    here = answers.own_url(state, "link", **{waiting.NONCE: found.nonce})
    if user is None:
        return _show_link(provider, found, security.login_url(here))
    nonce = request.args.get(waiting.NONCE) or guard.fields().get(waiting.NONCE)
    if security.user_id(user) != found.owner or nonce != found.nonce:
        waiting.drop(state)
        return answers.refuse_request(state, "link_mismatch", provider.name)
    if request.method == "GET":
        return _show_link(provider, found, None)
    if stale := security.require_fresh(state.settings.freshness, back_to=here):
        return stale
    waiting.drop(state)
    visit = _visit(state, provider, found, "connect")
    return settle(state, provider, visit.attempt, visit.grant)


def _show_link(provider: Provider, found: Pending, login_url: str | None) -> ResponseReturnValue:
    if security.wants_json():
        profile = found.grant.profile
        account = {"display_name": profile.display_name, "email": profile.email}
        return security.json(
            {"provider_id": provider.id, "account": account, "login_url": login_url, waiting.NONCE: found.nonce}
        )
    return render_template("social/link.html", provider=provider, identity=found, login_url=login_url)


def _visit(state: SocialState, provider: Provider, found: Pending, intent: Intent) -> Visit:
    attempt = Attempt("", provider.id, intent, user_id=found.owner, next_url=found.next_url)
    return Visit(state, provider, attempt, found.grant)

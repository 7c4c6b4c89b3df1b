"""What a person is told, by stable code. ``SOCIAL_MSG_<CODE>`` overrides a text or a (text, category) pair."""

from __future__ import annotations

import collections.abc as cabc

#: A text and its flash category.
Message = tuple[str, str]

#: ``%(provider)s`` is the provider's name. The first eight are the texts of Flask-Social 1.x.
DEFAULTS: dict[str, Message] = {
    "connected": ("Connection established to %(provider)s", "success"),
    "already_connected": ("A connection is already established with %(provider)s to your account", "notice"),
    "disconnected": ("Connection to %(provider)s removed", "info"),
    "disconnected_all": ("All connections to %(provider)s removed", "info"),
    "not_disconnected": ("Unable to remove connection to %(provider)s", "error"),
    "not_connected": ("%(provider)s account not associated with an existing user", "error"),
    "access_denied": ("Access was denied by %(provider)s", "error"),
    "reconnected": ("Connection to %(provider)s renewed", "success"),
    "verified": ("You confirmed with %(provider)s that it is you", "success"),
    "connected_elsewhere": (
        "This %(provider)s account is connected to another account here. Log in with it, or disconnect it there first.",
        "error",
    ),
    "merged": ("The other account's connections are yours now. From now on, log in here with them.", "success"),
    "merge_conflict": (
        "Both accounts have a connection to the same provider. Disconnect it in one of them first.",
        "error",
    ),
    "one_per_provider": (
        "You are connected with another %(provider)s account already. Disconnect that one first.",
        "error",
    ),
    "already_logged_in": ("You are logged in already. Log out first to use another account.", "error"),
    "session_changed": ("You logged in or out meanwhile, so nothing was done. Please try again.", "error"),
    "reconnect_mismatch": (
        "That was a different %(provider)s account. Choose the account that you are connected with.",
        "error",
    ),
    "verify_mismatch": ("That %(provider)s account is not connected to you. Choose the connected one.", "error"),
    "last_login_method": (
        "This is your last way to log in. Set a password or connect another account first.",
        "error",
    ),
    "ambiguous_connection": ("This %(provider)s account has two owners here. Please contact support.", "error"),
    "email_in_use": ("The address of this %(provider)s account is in use here. Log in and connect it then.", "error"),
    "confirm_address": (
        "Your account is made. Open the link in the mail that we sent you, then log in with %(provider)s.",
        "success",
    ),
    "mail_unavailable": ("We cannot send you the mail that would prove your address. Please contact support.", "error"),
    "too_many_mails": ("We sent you several mails already. Use the newest one, or start again later.", "error"),
    "proof_sent": ("We sent you a mail. Open its link in this browser to go on.", "info"),
    "proof_invalid": ("This link belongs to another visit. Use the newest mail, in the browser you began in.", "error"),
    "not_admitted": ("Signing up here with this %(provider)s account is not possible.", "error"),
    "unproven_dropped": (
        "Your address is confirmed. Because somebody else may have set this account up, its connections and its"
        " password were removed. Choose a new password by the link for forgotten ones.",
        "warning",
    ),
    "nothing_waits": ("There is nothing to finish here, or it took too long. Please start again.", "error"),
    "link_mismatch": (
        "Nothing was connected: that was another account, or another login. Start again with %(provider)s.",
        "error",
    ),
    "user_refused": ("That name or address is in use here already. Please choose another one.", "error"),
    "user_inactive": ("Your account is disabled. Please contact support.", "error"),
    "user_locked": ("Your account is locked. Please contact support.", "error"),
    "user_unconfirmed": ("Please confirm your e-mail address first.", "error"),
    "state_missing": ("The answer of %(provider)s fits no visit you began here. Please start again.", "error"),
    "state_unknown": (
        "Your visit to %(provider)s is not known in this browser, or was finished already. Please start again.",
        "error",
    ),
    "session_doubled": (
        "Your browser sent two sessions of this site, so nothing was done. Delete its cookies here and start again.",
        "error",
    ),
    "state_expired": ("Your visit to %(provider)s took too long. Please start again.", "error"),
    "state_foreign": ("The answer belongs to another provider. Please start again.", "error"),
    "issuer_mismatch": ("The answer comes from somebody other than %(provider)s. Please start again.", "error"),
    "callback_invalid": ("The answer of %(provider)s makes no sense. Please start again.", "error"),
    "duplicate_connection": (
        "Your %(provider)s account could not be told apart from another one here. Please contact support.",
        "error",
    ),
    "store_error": ("Your %(provider)s account could not be saved here. Please contact support.", "error"),
    "attempts_unavailable": ("Logging in with %(provider)s is not possible now. Please try again later.", "error"),
    "provider_error": ("%(provider)s could not log you in. Please try again later.", "error"),
    "provider_timeout": ("%(provider)s did not answer in time. Please try again later.", "error"),
    "provider_unavailable": ("%(provider)s is not available at the moment. Please try again later.", "error"),
    "provider_refused": ("%(provider)s refused. Please try again, or use another way to log in.", "error"),
    "provider_answer_invalid": ("%(provider)s gave an answer that cannot be used. Please try again later.", "error"),
    "id_token_invalid": ("%(provider)s gave a proof of identity that does not hold. Please start again.", "error"),
    "token_refused": ("That is no proof of identity for this site, or it has expired. Please start again.", "error"),
    "csrf_required": ("This request does not come from a page of ours. Go back, reload the page, try again.", "error"),
    "origin_mismatch": ("This request comes from another site and was refused.", "error"),
    "use_a_button": ("Please use the button of the provider to log in.", "info"),
    "cannot_verify": ("%(provider)s cannot prove that it is you. Please use another way.", "error"),
    "store_busy": ("Your connections are being changed elsewhere at this moment. Please try again.", "error"),
    "scope_missing": ("%(provider)s has to be asked for more access first. Please allow it there.", "error"),
    "scope_not_allowed": ("This access may not be asked for at %(provider)s.", "error"),
    "connection_unknown": ("There is no such connection to %(provider)s.", "error"),
    "provider_unknown": ("There is no provider %(provider)s here.", "error"),
    "logged_in": ("You are logged in with %(provider)s.", "success"),
    "second_factor": ("One more step: your second factor.", "info"),
    "signup": ("You are new here. Check what %(provider)s told us, and your account is ready.", "info"),
    "link": ("There is an account with your address here. Log in to it once, to connect %(provider)s.", "info"),
    "merge": ("This %(provider)s account belongs to another account here. Do you want to merge the two?", "info"),
}

#: Every code that has a message.
CODES = frozenset(DEFAULTS)

#: Codes after which ``SOCIAL_<CODE>_VIEW`` may say where to go; the others end in the error page.
VIEW_CODES = CODES - {
    *("csrf_required", "origin_mismatch", "cannot_verify", "connection_unknown", "store_busy"),
    *(
        "provider_unknown",
        "nothing_waits",
        "link_mismatch",
        "proof_invalid",
        "too_many_mails",
        "user_refused",
        "merge_conflict",
        "scope_missing",
        "scope_not_allowed",
    ),
}


def fill(text: str, values: cabc.Mapping[str, object]) -> str:
    """The text with its ``%(name)s`` places filled; a text of an application without places stays as it is."""
    return text % values if "%(" in text else text

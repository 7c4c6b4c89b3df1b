"""What an HTTP answer says, whatever the protocol: not now, no, or these fields; and what a field may hold.

RFC 9110 section 15 (status codes), RFC 6585 section 4 (429), RFC 6749 section 5 (error codes).
"""

from __future__ import annotations

import collections.abc as cabc
import re
import typing as t
from urllib.parse import parse_qsl, urlsplit

from .errors import AnswerInvalid, ProviderRefused, ProviderUnavailable
from .values import Response, is_plain_text

#: One "@" between a local part and a dotted domain; no blanks, quotes or separators of address lists.
_EMAIL = re.compile(r"""[^\s@<>()\[\],;:"\\]{1,64}@[^\s@<>()\[\],;:"\\.]+(\.[^\s@<>()\[\],;:"\\.]+)+""")
#: Characters that turn the direction of text, and those that nobody sees: they make one name look like another.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSEEN = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_SAFE_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


def check_available(response: Response) -> None:
    """Refuses an answer that says "not now".

    :raises ProviderUnavailable: for 429 and 5xx; with ``retry_after`` when the header of that name gives seconds.
    """
    if response.status == 429 or response.status >= 500:
        after = response.headers.get("retry-after", "").strip()
        seconds = float(after) if after.isascii() and after.isdigit() and len(after) < 10 else None
        raise ProviderUnavailable("The provider is overloaded or out of order.", retry_after=seconds)


def read_object(response: Response) -> dict[str, t.Any]:
    """Reads an API's answer as a JSON object.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises ProviderRefused: for any other status but 2xx.
    :raises AnswerInvalid: when it is no JSON object.
    """
    check_available(response)
    if not response.ok:
        error = error_code(read_fields(response))
        raise ProviderRefused("The provider refused an API request.", error=error, status=response.status)
    return response.json_object()


def read_fields(response: Response) -> dict[str, t.Any]:
    """The fields of an answer, JSON or form-encoded; of an error answer that cannot be read, none.

    :raises ProviderUnavailable: for 429 and 5xx.
    :raises AnswerInvalid: when a 2xx answer is neither.
    """
    check_available(response)
    form = response.content_type == "application/x-www-form-urlencoded"
    form = form or (response.content_type == "text/plain" and not response.body.lstrip().startswith(b"{"))
    try:
        return {**read_form(response)} if form else response.json_object()
    except AnswerInvalid:
        if response.ok:
            raise
        return {}


def read_form(response: Response) -> dict[str, str]:
    """The fields of a form-encoded body, whatever its content type says.

    :raises AnswerInvalid: when it is no form, or names a field twice.
    """
    try:
        pairs = parse_qsl(response.text().strip(), keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise AnswerInvalid("The provider's answer is not a form.") from error
    if len(dict(pairs)) != len(pairs):
        raise AnswerInvalid("The provider's answer names a field twice.")
    return dict(pairs)


def error_code(data: cabc.Mapping[str, t.Any]) -> str | None:
    """The code in an error answer: a text, or the ``code`` or ``type`` of an object; ``None`` when unusable."""
    error = data.get("error")
    if isinstance(error, cabc.Mapping):
        return safe_code(error.get("code")) or safe_code(error.get("type"))
    return safe_code(error)


def safe_code(value: object) -> str | None:
    """A provider's error code when it is short and of harmless characters, else ``None``."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**12:
        value = str(value)
    return value if isinstance(value, str) and _SAFE_CODE.fullmatch(value) else None


def is_token(value: object) -> t.TypeGuard[str]:
    """Whether a value can be a token: printable ASCII and not blank (RFC 6749 appendix A.12)."""
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value.strip())


# The fields of a profile, which only decorate: what is not as it should be is left out ------------------------


def at(data: object, path: str) -> t.Any:
    """The value at a dotted path through objects and lists, such as ``emails.0.value``; ``None`` without one."""
    for step in path.split("."):
        if isinstance(data, list) and step.isascii() and step.isdigit() and len(step) < 5:
            data = data[int(step)] if int(step) < len(data) else None
        else:
            data = data.get(step) if isinstance(data, cabc.Mapping) else None
    return data


def plain_text(value: object, limit: int = 255) -> str | None:
    """A name to show: one line of at most ``limit`` characters; ``None`` when there is none.

    Control characters become blanks; those that turn the direction of text are dropped.
    """
    if not isinstance(value, str):
        return None
    shown = _TURNING.sub("", value[: 4 * limit].encode("utf-8", "ignore").decode("utf-8"))
    return " ".join("".join(char if is_plain_text(char) else " " for char in shown).split())[:limit] or None


def web_url(value: object) -> str | None:
    """An http or https address that may become a link; ``None`` for anything else."""
    if not isinstance(value, str) or len(value) > 2048 or not is_plain_text(value) or any(map(str.isspace, value)):
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname and parts.username is None else None


def email_address(value: object) -> str | None:
    """An e-mail address (RFC 5321 section 4.5.3.1 for the lengths); ``None`` for anything else."""
    if not isinstance(value, str) or len(value) > 254 or not is_plain_text(value):
        return None
    return value if _EMAIL.fullmatch(value) and not _UNSEEN.search(value) else None


def flag(value: object) -> bool | None:
    """A three-valued yes or no: a bool, or its name as text; ``None`` for anything else."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None

"""Answers of APIs: what an error among them means, and no token in what is kept of it."""

from __future__ import annotations

import collections.abc as cabc
import time
import typing as t
from urllib.parse import quote

import requests

from ..errors import ApiError
from .base import redact
from .failures import Failure, both, classify

#: The headers of a request that an exception may keep.
_HARMLESS = ("Accept", "Content-Length", "Content-Type", "User-Agent")

#: A token shorter than this is no token but somebody's test, and stands in many words.
_SHORTEST = 16


class ApiAnswer(requests.Response):
    """``requests.Response`` whose errors are of our family too."""

    def raise_for_status(self) -> None:
        """As always.

        :raises ApiError: which is a ``requests.HTTPError`` as well, with the answer and an outline of the request.
        """
        try:
            super().raise_for_status()
        except requests.HTTPError as error:
            raise failed(error, self) from None


def understood(answer: requests.Response) -> Failure:
    """What an error answer means. A body that was not read yet, of a stream, stays unread."""
    content = vars(answer).get("_content")
    return classify(answer.status_code, answer.headers, content if isinstance(content, bytes) else b"", time.time())


def failed(error: Exception, answer: requests.Response) -> ApiError:
    """A library's exception for an answer as one of both families, without the token that was sent."""
    found = both(error, understood(answer))
    kept = _outlined(answer)
    for name, value in (("response", kept), ("request", kept.request)):
        if name in vars(found):
            setattr(found, name, value)
    return found


def _outlined(answer: requests.Response) -> requests.Response:
    """The answer, with the method, the address and the harmless headers of its request, and no body."""
    sent, kept = requests.PreparedRequest(), type(answer)()
    sent.method, sent.url = answer.request.method, redact(str(answer.request.url))
    headers = answer.request.headers.items()
    sent.headers = requests.structures.CaseInsensitiveDict({k: v for k, v in headers if k.title() in _HARMLESS})
    vars(kept).update({**vars(answer), "request": sent, "history": [_outlined(each) for each in answer.history]})
    return kept


def hide(answer: requests.Response, secrets: cabc.Iterable[str | None]) -> None:
    """Takes our own tokens out of an error answer, which may quote them to say that they are wrong."""
    written = {
        form for secret in secrets if secret and len(secret) >= _SHORTEST for form in (secret, quote(secret, ""))
    }
    content: t.Any = vars(answer).get("_content")
    for form in written:
        for name, value in list(answer.headers.items()):
            answer.headers[name] = value.replace(form, "***")
        if isinstance(content, bytes):
            content = content.replace(form.encode(), b"***")
    vars(answer)["_content"] = content

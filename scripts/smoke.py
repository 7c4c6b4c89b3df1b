"""Start an application with nothing installed but Flask-Social itself, and look at its login page.

Run by ``check_package.py`` with the interpreter of an environment that holds the wheel alone: no ORM, no client
library, no hashing library.
"""

from __future__ import annotations

import importlib.util
import re
import typing as t

from flask import Flask
from flask_security import RoleMixin, Security, UserDatastore, UserMixin

from flask_social import MemoryConnectionDatastore, Social


class User(UserMixin):
    """What Flask-Security looks for on the class of users."""

    email: str
    fs_uniquifier = ""


class NoUsers(UserDatastore):
    """A user store without a user: enough for a page that nobody is logged in on."""

    def find_user(self, *args: t.Any, **kwargs: t.Any) -> None:
        return None

    def find_role(self, *args: t.Any, **kwargs: t.Any) -> None:
        return None


def main() -> None:
    for library in ("sqlalchemy", "mongoengine", "peewee", "tweepy", "facebook", "googleapiclient", "foursquare"):
        assert importlib.util.find_spec(library) is None, f"{library} came along"
    app = Flask("smoke")
    app.config.update(
        SECRET_KEY="a secret for this run",
        SECURITY_PASSWORD_SALT="salt",
        SOCIAL_APP_URL="https://app.example",
        SOCIAL_GOOGLE={"consumer_key": "key", "consumer_secret": "secret"},
    )
    Security(app, NoUsers(User, RoleMixin))
    Social(app, MemoryConnectionDatastore())
    client = app.test_client()
    page = client.get("/login").get_data(as_text=True)
    assert 'action="/login/google"' in page, page
    sheets = re.findall(r'href="([^"]+/social\.css[^"]*)"', page)
    assert sheets, page
    assert client.get(sheets[0]).status_code == 200, sheets
    importlib.import_module("flask_social.testing")


if __name__ == "__main__":
    main()

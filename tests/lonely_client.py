"""An API client whose library is not installed."""

from __future__ import annotations

from flask_social.errors import MissingLibrary

raise MissingLibrary("tweepy", "twitter")

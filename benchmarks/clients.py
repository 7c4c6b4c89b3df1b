"""What building an API client costs, beside the client library's own constructor.

    python benchmarks/clients.py [--rounds N]

Nothing is sent. ``ours`` is what ``get_api()`` does once it has the token. The two take turns, and the fastest of all
rounds counts, so that a busy moment of the machine meets neither alone.
"""

from __future__ import annotations

import argparse
import collections.abc as cabc
import sys
import time
import typing as t

import facebook
import foursquare
import requests
import tweepy
from google.oauth2.credentials import Credentials
from googleapiclient import discovery

from flask_social.clients import ApiContext, build_api
from flask_social.providers import load
from flask_social.values import Client, ConnectionKey, Token

Make = cabc.Callable[[], t.Any]

#: How many clients are built in a round.
BATCH = 20


#: What a provider has to be told that is nobody in particular.
ADDRESSES = ("authorize_url", "access_token_url", "userinfo_url")


def ours(provider_id: str, secret: str | None = None, **options: t.Any) -> Make:
    """What ``get_api()`` builds."""
    addresses = {} if provider_id != "oauth2" else dict.fromkeys(ADDRESSES, "https://provider.example/")
    provider = load(provider_id)(id=provider_id, client=Client("id", "client-secret"), **addresses)
    context = ApiContext(provider, Token("token", secret), ConnectionKey(provider_id, "7"), (3.05, 5.0))
    return lambda: build_api(context, **options)


def oauth1() -> tweepy.OAuth1UserHandler:
    return tweepy.OAuth1UserHandler("id", "client-secret", "token", "secret")


#: Name, the library's own way, ours.
CLIENTS: dict[str, tuple[Make, Make]] = {
    "tweepy.Client": (lambda: tweepy.Client("token"), ours("x")),
    "tweepy.Client, OAuth 1.0a": (
        lambda: tweepy.Client(None, "id", "client-secret", "token", "secret"),
        ours("twitter", "secret"),
    ),
    "tweepy.API": (lambda: tweepy.API(oauth1()), ours("twitter", "secret", version="1.1")),
    "facebook.GraphAPI": (lambda: facebook.GraphAPI("token"), ours("facebook")),
    "googleapiclient, oauth2 v2": (
        lambda: discovery.build("oauth2", "v2", credentials=Credentials("token"), static_discovery=True),
        ours("google"),
    ),
    "foursquare.Foursquare": (lambda: foursquare.Foursquare(access_token="token"), ours("foursquare")),
    "requests.Session": (requests.Session, ours("oauth2")),
}


def fastest(makes: cabc.Sequence[Make], rounds: int) -> list[float]:
    """Microseconds for one client of each kind, in the fastest round."""
    best = [float("inf")] * len(makes)
    for _ in range(rounds):
        for index, make in enumerate(makes):
            begun = time.perf_counter()
            for _ in range(BATCH):
                make()
            best[index] = min(best[index], (time.perf_counter() - begun) / BATCH * 1e6)
    return best


def main() -> int:
    """Measures, and prints the table."""
    parser = argparse.ArgumentParser(description="Measures what building an API client costs.")
    parser.add_argument("--rounds", type=int, default=100, help=f"rounds of {BATCH} clients each (default: 100)")
    options = parser.parse_args()
    print(f"{'':28} {'library µs':>11} {'ours µs':>9} {'ratio':>6}")
    for name, makes in CLIENTS.items():
        own, built = fastest(makes, options.rounds)
        print(f"{name:28} {own:11.1f} {built:9.1f} {built / own:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

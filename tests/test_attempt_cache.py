"""``SOCIAL_ATTEMPT_CACHE``: an attempt works once, whatever cookies are shown, on real caches."""

from __future__ import annotations

import collections.abc as cabc
import concurrent.futures
import importlib.util
import pathlib
import sys
import typing as t

import pytest
from cachelib import FileSystemCache, MemcachedCache, NullCache, RedisCache, SimpleCache

from flask_social.attempts import stash, take
from flask_social.errors import AttemptsUnavailable, ConfigurationError
from flask_social.settings import Settings
from flask_social.values import Attempt
from flask_social.vault import Vault

from .appkit import JSON, make_kit
from .servers import free_port, unavailable

NOW = 1_800_000_000
VAULT = Vault(["secret"])


#: pylibmc has no wheels for Python 3.12 and later; where it is there all the same, it is tested.
MEMCACHED = sys.version_info < (3, 12) or importlib.util.find_spec("pylibmc") is not None


@pytest.fixture(params=["simple", "redis", *(["memcached"] if MEMCACHED else [])])
def connect(request: pytest.FixtureRequest) -> cabc.Callable[[], t.Any]:
    """Gives the cache as one worker sees it: a new client of the same server, or the one of this process."""
    if request.param == "simple":
        one = SimpleCache()
        return lambda: one
    if request.param == "memcached" and importlib.util.find_spec("pylibmc") is None:
        unavailable("pylibmc", "pip install pylibmc")
    port = request.getfixturevalue(f"{request.param}_port")
    if request.param == "redis":
        return lambda: RedisCache("127.0.0.1", port)
    return lambda: MemcachedCache([f"127.0.0.1:{port}"])


def put(cache: t.Any, state: str) -> str:
    attempt = Attempt(state, "google", "login", created_at=NOW)
    return stash(VAULT, None, attempt, now=NOW, lifetime=600, limit=5, cache=cache)


def get(cache: t.Any, sealed: str, state: str, provider_id: str = "google", now: float = NOW) -> t.Any:
    return take(VAULT, sealed, state, provider_id=provider_id, now=now, lifetime=600, cache=cache)[1]


def test_of_many_workers_one_takes_the_attempt(connect: cabc.Callable[[], t.Any]) -> None:
    workers = [connect() for _ in range(8)]
    for turn in range(20):
        sealed = put(workers[0], f"state {turn}")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda cache: get(cache, sealed, f"state {turn}"), workers))  # noqa: B023
        assert sorted(isinstance(one, Attempt) for one in found) == [False] * 7 + [True]
        assert {one.code for one in found if not isinstance(one, Attempt)} == {"state_unknown"}


@pytest.mark.parametrize(
    ("first", "code"), [({"provider_id": "facebook"}, "state_foreign"), ({"now": NOW + 601}, "state_expired")]
)
def test_it_is_struck_out_before_it_is_compared(
    connect: cabc.Callable[[], t.Any], first: dict[str, t.Any], code: str
) -> None:
    sealed = put(connect(), "compared")
    assert get(connect(), sealed, "compared", **first).code == code
    assert get(connect(), sealed, "compared").code == "state_unknown"


def test_a_stranger_cannot_strike_it_out(connect: cabc.Callable[[], t.Any]) -> None:
    sealed = put(connect(), "mine")
    assert get(connect(), put(connect(), "another"), "mine").code == "state_unknown"
    assert isinstance(get(connect(), sealed, "mine"), Attempt)


def test_a_cache_that_forgot_lets_nobody_in(connect: cabc.Callable[[], t.Any]) -> None:
    cache = connect()
    sealed = put(cache, "forgotten")
    cache.clear()
    assert get(cache, sealed, "forgotten").code == "state_unknown"


def test_an_old_cookie_with_another_worker(
    connect: cabc.Callable[[], t.Any], social_provider: t.Any, social_begin: t.Any, tmp_path: pathlib.Path
) -> None:
    """The callback and the cookie of before, shown to another worker: without the cache, the provider has to say no."""
    for cached, code in ((False, "provider_refused"), (True, "state_unknown")):
        config = {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'test.db'}"}
        one, two = (
            make_kit(
                {"google": social_provider.settings("google")},
                SOCIAL_ATTEMPT_CACHE=connect() if cached else None,
                **config,
            )
            for _ in range(2)
        )
        client, replaying = one.app.test_client(), two.app.test_client()
        url = social_begin(client, "google", "ada")
        cookie = client.get_cookie("session")
        assert cookie is not None
        replaying.set_cookie("session", cookie.value)
        client.get(url)
        replaying.get(url)
        assert one.events[-1][1].get("oauth_response") or one.events[-1][1]["code"] == "not_connected"
        assert two.events[-1][1]["code"] == code


def test_a_cache_that_is_down(social_provider: t.Any, social_begin: t.Any) -> None:
    """Nobody begins and nobody comes back, and both are told."""
    dead = RedisCache("127.0.0.1", free_port())
    living = make_kit({"google": social_provider.settings("google")})
    kit = make_kit({"google": social_provider.settings("google")}, SOCIAL_ATTEMPT_CACHE=dead)
    client = kit.app.test_client()
    answer = client.post("/login/google", headers=JSON)
    assert (answer.status_code, answer.get_json()["response"]["code"]) == (503, "attempts_unavailable")
    assert client.get_cookie("session") is None
    other = living.app.test_client()
    url = social_begin(other, "google", "ada")
    cookie = other.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value)
    answer = client.get(url)
    assert (answer.status_code, answer.location) == (302, "/login")
    assert [values["code"] for name, values in kit.events if name == "attempt_refused"] == ["attempts_unavailable"] * 2
    assert "not possible now" in client.get("/login").get_data(as_text=True)


class Full(SimpleCache):
    """A cache that does not take the entry, as Memcached says it."""

    def set(self, key: str, value: t.Any, timeout: t.Any = None) -> bool:
        return False


def test_a_cache_that_does_not_take_the_attempt() -> None:
    with pytest.raises(AttemptsUnavailable):
        put(Full(), "state")


class Lying(SimpleCache):
    def delete(self, key: str) -> bool:
        return True


class OtherClient:
    """Any other client of Memcached; python-memcached's ``delete`` is true for everybody."""


@pytest.mark.parametrize(
    "make",
    [
        NullCache,
        Lying,
        object,
        list,
        lambda: "redis://127.0.0.1",
        lambda: RedisCache,
        lambda: MemcachedCache(OtherClient()),
        lambda: FileSystemCache("unused"),
    ],
)
def test_caches_that_cannot_tell_are_refused(
    make: cabc.Callable[[], object], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a FileSystemCache makes its folder
    with pytest.raises(ConfigurationError, match="who removed") as caught:
        Settings.read({"SOCIAL_ATTEMPT_CACHE": make()})
    assert caught.value.key == "SOCIAL_ATTEMPT_CACHE"


def test_what_the_cache_holds_is_no_state(redis_port: int) -> None:
    cache = RedisCache("127.0.0.1", redis_port)
    put(cache, "the state itself")
    client = cache._read_client
    for name in client.keys("*"):
        assert b"the state itself" not in name
        assert 0 < client.ttl(name) <= 600

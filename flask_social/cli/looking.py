"""``providers`` and ``check``: what is set up, and whether it is right."""

from __future__ import annotations

import dataclasses as dc
import typing as t

import click
from flask import Flask
from flask.cli import with_appcontext

from .. import doctor
from ..legacy import LegacyProvider
from ..providers import CATALOGUE
from ..providers.base import Provider
from ..readers import base_url
from ..state import SocialState, current_sender, current_state
from .output import emit, json_option, table, told, visible

_LEGACY_CALLBACKS = ("login_callback", "connect_callback")


@click.command("providers")
@click.option("--url", metavar="URL", help="Public address of the application, instead of SOCIAL_APP_URL.")
@json_option
@with_appcontext
@told
def providers(url: str | None, as_json: bool) -> None:
    """List the providers, with the redirect URIs to register at each."""
    app, state = current_sender(), current_state()
    base = base_url("--url", url) or state.settings.app_url
    found = [_describe(app, state, provider, base) for provider in state.providers.values()]
    off = [key.removeprefix("SOCIAL_").lower() for key, value in app.config.items() if _is_off(key, value)]
    found += [{"id": name, "state": "off"} for name in off]
    emit(as_json, {"providers": found}, (line for it in found for line in _lines(it)))
    if base is None and state.providers:
        click.echo("Give --url or set SOCIAL_APP_URL: these are paths only.", err=True)
    if state.settings.provider_resolver is not None:
        click.echo("SOCIAL_PROVIDER_RESOLVER may know more providers, which cannot be listed.", err=True)


@click.command("check")
@click.option("--offline", is_flag=True, help="Ask no provider anything.")
@click.option("--strict", is_flag=True, help="Exit with 2 when there are warnings.")
@click.option("--sample", type=click.IntRange(0, 100_000), default=doctor.SAMPLE, help="Connections to look at.")
@json_option
@click.pass_context
@with_appcontext
@told
def check(context: click.Context, offline: bool, strict: bool, sample: int, as_json: bool) -> None:
    """Look for everything that can be wrong. Exits with 1 when there are errors."""
    found = []
    for finding in doctor.examine(offline=offline, sample=sample):
        found.append(finding)
        if not as_json:
            colour = {"ok": "green", "warning": "yellow", "error": "red"}[finding.level]
            click.echo(f"{click.style(finding.level.ljust(7), fg=colour)}  {visible(finding.text)} [{finding.code}]")
            if finding.cure:
                click.echo(f"         {visible(finding.cure)}")
    levels = [finding.level for finding in found]
    counts = {"errors": levels.count("error"), "warnings": levels.count("warning")}
    summary = f"{counts['errors']} errors, {counts['warnings']} warnings."
    emit(as_json, {"findings": [dc.asdict(finding) for finding in found], **counts}, [summary])
    context.exit(1 if counts["errors"] else 2 if strict and counts["warnings"] else 0)


def redirect_uris(app: Flask, state: SocialState, provider_id: str, base: str | None) -> list[str]:
    """The callback addresses of a provider, to the letter as a visit sends them; paths, when nobody knows the host."""
    endpoints = _LEGACY_CALLBACKS if state.settings.legacy_callbacks else ("callback",)
    paths = app.url_map.bind("localhost")
    name = state.settings.blueprint_name
    return [(base or "") + paths.build(f"{name}.{it}", {"provider_id": provider_id}) for it in endpoints]


def _describe(app: Flask, state: SocialState, provider: Provider, base: str | None) -> dict[str, t.Any]:
    cls = type(provider)
    return {
        "id": provider.id,
        "state": "on",
        "name": provider.name,
        "module": provider.module if isinstance(provider, LegacyProvider) else f"{cls.__module__}:{cls.__qualname__}",
        "console_url": provider.console_url,
        "redirect_uris": redirect_uris(app, state, provider.id, base),
    }


def _lines(it: dict[str, t.Any]) -> t.Iterator[str]:
    yield from table([(it["id"], it["state"], it.get("name", ""), it.get("module", ""))], (16, 4, 16))
    if it.get("console_url"):
        yield f"    register at     {it['console_url']}"
    for uri in it.get("redirect_uris", ()):
        yield f"    redirect URI    {uri}"


def _is_off(key: str, value: object) -> bool:
    return key.startswith("SOCIAL_") and value is None and key.removeprefix("SOCIAL_").lower() in CATALOGUE

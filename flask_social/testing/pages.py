"""The web pages of the stand-in: choose a person, carry an answer by form, say what is wrong. No scripts but one."""

from __future__ import annotations

import collections.abc as cabc
import typing as t

import jinja2

from .httpd import Answer

_STYLE = """
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:#eef1f5;color:#1b2430;
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:25rem;background:#fff;border-radius:14px;overflow:hidden;
box-shadow:0 1px 2px rgba(20,30,50,.08),0 12px 32px rgba(20,30,50,.10)}
header{padding:1.5rem 1.5rem 1.1rem;border-top:6px solid var(--brand)}
h1{margin:0;font-size:1.25rem;line-height:1.3;letter-spacing:-.01em}
p{margin:.45rem 0 0;color:#4d5a6b;font-size:.94rem;overflow-wrap:anywhere}
form{padding:0 .75rem .75rem}
button{font:inherit;cursor:pointer;border-radius:10px}
button:focus-visible{outline:3px solid #2563eb;outline-offset:2px}
.person{display:flex;gap:.85rem;align-items:center;width:100%;text-align:left;border:1px solid transparent;
background:none;padding:.6rem .75rem;color:inherit}
.person:hover{background:#f3f6fa;border-color:#d9e0e8}
.person img{width:44px;height:44px;border-radius:50%;flex:none;background:#dde4ec}
.person span{min-width:0}
.person b{display:block;font-weight:600}
.person small{display:block;color:#586476;font-size:.86rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.plain{display:block;width:100%;margin-top:.5rem;padding:.65rem;border:1px solid #c9d2dc;background:#fff;color:#1b2430}
.plain:hover{background:#f3f6fa}
footer{border-top:1px solid #e4e9ef;padding:.8rem 1.5rem;font-size:.82rem;color:#5a6676}
ul{margin:.3rem 0 0;padding-left:1.1rem}
@media (prefers-color-scheme:dark){body{background:#11161d;color:#e6ebf2}
main{background:#1a212b;box-shadow:0 0 0 1px #2f3a48}
p,.person small,footer{color:#a3afbf}.person:hover,.plain:hover{background:#232c38;border-color:#33404f}
.plain{background:none;color:inherit;border-color:#3c4958}footer{border-color:#2a3441}}
"""

_LAYOUT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><link rel="icon" href="data:,">\
<title>{{ title }}</title><style>{{ style|safe }}</style></head>
<body style="--brand:{{ colour }}"><main>{% block main %}{% endblock %}</main></body></html>"""

_LOGIN = """{% extends "layout" %}{% block main %}
<header><h1>{{ title }}</h1>
<p>Choose who you are. <b>{{ client }}</b> wants to know you{% if scope %}, \
and asks for: {{ scope }}{% endif %}.</p></header>
<form method="post" action="{{ action }}"><input type="hidden" name="request" value="{{ request }}">
{% for person, picture in people %}<button class="person" name="person" value="{{ person.id }}" \
data-testid="person-{{ person.id }}"><img src="{{ picture }}" alt=""><span><b>{{ person.name }}</b>\
<small>{{ person.email or "no e-mail address" }}</small></span></button>
{% endfor %}<button class="plain" name="person" value="" data-testid="deny">Deny</button></form>
<footer>This is not {{ name }}: it plays the part on this machine, for tries and tests. No password needed.</footer>
{% endblock %}"""

_ERROR = """{% extends "layout" %}{% block main %}<header><h1>{{ title }}</h1><p>{{ text }}</p></header>
<footer>Real providers stop here too, and send nobody back to the application.</footer>{% endblock %}"""

_FORM_POST = """{% extends "layout" %}{% block main %}<header><h1>{{ title }}</h1></header>
<form method="post" action="{{ action }}">{% for name, value in values %}\
<input type="hidden" name="{{ name }}" value="{{ value }}">{% endfor %}
<noscript><button class="plain">Continue</button></noscript></form>
<script>document.forms[0].submit()</script>{% endblock %}"""

_HOME = """{% extends "layout" %}{% block main %}<header><h1>{{ title }}</h1>
<p>A provider for tries and tests, at <b>{{ url }}</b>. Its people:</p><ul>{% for person in people %}
<li>{{ person.name }} ({{ person.id }})</li>{% endfor %}</ul></header>
<footer>{{ providers }}</footer>{% endblock %}"""

_pages = jinja2.Environment(
    autoescape=True,
    loader=jinja2.DictLoader(
        {"layout": _LAYOUT, "login": _LOGIN, "error": _ERROR, "form_post": _FORM_POST, "home": _HOME}
    ),
)

#: No script and nothing from elsewhere. Where the form may lead is left open: the answer is a redirect to the app.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src * data:; frame-ancestors 'none'; base-uri 'none'"


def page(
    template: str, title: str, *, status: int = 200, colour: str = "#334155", script: bool = False, **context: t.Any
) -> Answer:
    """One of the pages above as an answer that no cache keeps."""
    html = _pages.get_template(template).render(title=title, style=_STYLE, colour=colour, **context)
    answer = Answer(html, status, content_type="text/html; charset=utf-8")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Content-Security-Policy"] = _POLICY + ("; script-src 'unsafe-inline'" if script else "")
    return answer


def error_page(name: str, text: str, status: int = 400) -> Answer:
    """A request that cannot be answered by sending the person back (RFC 6749 section 4.1.2.1)."""
    return page("error", f"Stand-in for {name}: that will not do", status=status, text=text)


def form_post(action: str, values: cabc.Iterable[tuple[str, str]]) -> Answer:
    """OAuth 2.0 Form Post Response Mode, section 2."""
    return page("form_post", "One moment …", script=True, action=action, values=values)

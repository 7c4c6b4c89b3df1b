"""What people write into ``next`` to send a browser elsewhere; ``evil.example`` is where they want to get."""

from __future__ import annotations

import re

#: ``safe_next`` gives ``None``.
REFUSED: tuple[str, ...] = (
    # Nothing to go to.
    "", " ", "\t", "\r\n", "\x00", ".", "?", "#",
    # An address in full.
    "http://evil.example", "https://evil.example/", "hTtP://evil.example", "ftp://evil.example/",
    "http://evil.example?/", "http://127.0.0.1.evil.example/",
    # Slashes that are missing, or too many.
    "http:evil.example", "http:/evil.example", "https:evil.example", "https:/evil.example", "http:///evil.example",
    "http:", "://evil.example", "evil.example", "evil.example:80",
    # No scheme, so it is the one of the page.
    "//evil.example", "///evil.example", "////evil.example", "/////evil.example/%2f..", "//EVIL.EXAMPLE",
    "//evil.example/../a", "//evil.example?a=/", "//evil.example#/a", "//", "//./evil.example",
    # Backslashes, which a browser takes for slashes.
    "\\evil.example", "\\\\evil.example", "/\\evil.example", "\\/evil.example", "/\\/evil.example", "//\\evil.example",
    "/\\\\evil.example", "http:\\\\evil.example", "http:/\\evil.example", "/..\\\\evil.example", "/a?\\\\evil.example",
    # Control characters: a browser takes some of them out, and a header ends at others.
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\r\n/evil.example", "/\t\\evil.example",
    "\t//evil.example", "\n//evil.example", "//evil\t.example", "//evil.example\n", "h\ttt\np://evil.example",
    "\x00//evil.example", "/\x00/evil.example", "\x01//evil.example", "\x0b//evil.example", "/\x0c/evil.example",
    "\x1f//evil.example", "/\x7f/evil.example", "/\x85/evil.example", "\x19https://evil.example",
    # Spaces in front, inside and behind.
    " //evil.example", "  http://evil.example", "/ /evil.example", "//evil.example ", "\xa0//evil.example",
    "/\u2028/evil.example", "\ufeff//evil.example", "+//evil.example",
    # A name and a password, and hosts that begin or end like ours.
    "//app@evil.example", "//app:pass@evil.example", "/\\@evil.example", "//127.0.0.1:80@evil.example",
    "http:@evil.example", "//127.0.0.1\\@evil.example", "//evil.example\\@127.0.0.1", "//evil.example#@127.0.0.1",
    "//evil.example;@127.0.0.1:1", "//127.0.0.1%40evil.example", "//127.0.0.1%2eevil.example", "@evil.example",
    "//@evil.example",
    # Ports, whole and broken.
    "//evil.example:80/", "//evil.example:443", "//evil.example:", "//evil.example:a", "//evil.example:99999", "//:80",
    "//127.0.0.1:", "//127.0.0.1:1",
    # Other spellings of this machine: another origin all the same.
    "//localhost", "//127.1", "//2130706433", "//0x7f000001", "//[::1]/", "//[::ffff:127.0.0.1]/",
    # Brackets that hold no IPv6 address; Python raises at some.
    "//[::1", "//[evil", "//]", "//[]", "http://[evil.example]/", "//[::1]evil.example", "//[::1%25evil]/",
    "//[v1.evil]/",
    # Unicode that looks like ASCII, becomes it (NFKC, IDNA), is not seen, or turns the text round.
    "\uff0f\uff0fevil.example", "/\uff0fevil.example", "/\u2044evil.example", "/\uff3cevil.example",
    "//evil\u3002example", "//evil\uff0eexample", "//\uff45vil.example", "//\u24d4vil.example",
    "http\uff1a//evil.example", "//\xe9vil.example", "/\u202e//evil.example", "/\u200b/evil.example",
    "\u200b//evil.example", "//ev\xadil.example", "/\xad/evil.example", "/\u2100evil.example",
    "/\U000e002f/evil.example",
    # Half a pair, characters that are none, and UTF-8 or UTF-16 read as something else.
    "/\ud800", "//evil\udfff.example", "/\udcff/evil.example", "\ufffe//evil.example", "/\ufffd/evil.example",
    "/\xc0\xaf/evil.example", "/\u012f/evil.example",
    # Percent signs where a path would begin, or in the host.
    "%2f%2fevil.example", "%2F/evil.example", "%5c%5cevil.example", "%09//evil.example", "%20//evil.example",
    "http:%2f%2fevil.example", "http%3a//evil.example", "//%65vil.example", "//evil%2eexample", "//%5cevil.example",
    "%252f%252fevil.example", "//evil%E3%80%82example",
    # Names of endpoints, which are not looked up, and paths without a slash in front.
    "index", "security.login", "security.logout", "social.callback", "social.login", ".index", "login", "./a",
    "..//evil.example", "?next=//evil.example", ";//evil.example",
    # Not a place but a program, or a place that no web page may send to.
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://evil.example/%0aalert(1)", "java\tscript:alert(1)",
    "\x01javascript:alert(1)", "javascript&colon;alert(1)", "vbscript:msgbox(1)",
    "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "blob:http://evil.example/1", "filesystem:http://evil.example/temporary/a", "view-source:http://evil.example",
    "about:blank", "file:///etc/passwd", "intent://evil.example#Intent;scheme=http;end", "ws://evil.example",
    # More headers, or a page, behind the address.
    "/\r\nSet-Cookie: evil=1", "/\nSet-Cookie: evil=1", "/\u560d\u560aSet-Cookie: evil=1",
    "/a\r\nLocation: http://evil.example", "/\r\n\r\n<script>alert(1)</script>", "/ \"><script>alert(1)</script>",
    # Too long.
    f"/{'a' * 200}", f"//evil.example/{'a' * 5000}", f"{'/' * 300}evil.example", f"{' ' * 300}//evil.example",
    f"/{'../' * 100}/evil.example",
)  # fmt: skip

#: ``safe_next`` gives them back unchanged, because a browser that follows them stays with the application.
KEPT: tuple[str, ...] = (
    # Encoded: a browser has found the host before it would decode anything.
    "/%2Fevil.example", "/%2f%2fevil.example", "/%252f%252fevil.example", "/%5Cevil.example", "/%5c/evil.example",
    "/%09/evil.example", "/%0a/evil.example", "/%00/evil.example", "/%E3%80%82/evil.example", "/%EF%BC%8Fevil.example",
    "/%C0%AFevil.example", "/%ED%A0%80//evil.example", "/%", "/%zz/evil.example", "/%u002f/evil.example",
    # Encoded line ends, which no header ends at.
    "/%0d%0aSet-Cookie:evil=1", "/%E5%98%8D%E5%98%8ASet-Cookie:evil=1", "/%0d%0a%0d%0a<script>alert(1)</script>",
    # Up and down: a path never leads above its host. What is left may begin with two slashes and is a path still.
    "/..//evil.example", "/.//evil.example", "/a/..//evil.example", "/%2e%2e//evil.example", "/.%2e//evil.example",
    "/a//evil.example", "/..;//evil.example", "/..//app@evil.example", "/.//[::1", f"/{'../' * 60}/evil.example",
    # A name, a port, a scheme or brackets behind the first slash are parts of the path.
    "/@evil.example", "/;@evil.example", "/:80@evil.example", "/.evil.example", "/http://evil.example",
    "/javascript:alert(1)", "/~//evil.example", "/[::1]", "/[evil",
    # Behind the question mark or the hash nothing is looked for.
    "/?//evil.example", "/?next=http://evil.example", "/#//evil.example", "/#javascript:alert(1)", "/#@evil.example",
    # Markup, which our pages escape.
    "/\"><script>alert(1)</script>", "/<svg/onload=alert(1)>", "/'-alert(1)-'", "/{{7*7}}",
    # Pages of ours and of Flask-Security that have a `next` of their own: they refuse it.
    "/logout?next=//evil.example", "/logout?next=http://evil.example", "/logout?next=/%5Cevil.example",
    "/logout?next=%5C%5Cevil.example", "/logout?next=/%09/evil.example", "/logout?next=http:evil.example",
    "/logout?next=%01//evil.example", "/login?next=//evil.example", "/login?next=/%5Cevil.example",
    "/login?next=%09//evil.example", "/login?next=javascript:alert(1)", "/login/google?next=//evil.example",
    "/callback/google?next=//evil.example", "/callback/google?social_bounced=1&next=//evil.example",
    "/verify?next=//evil.example",
)  # fmt: skip

NEXT_TRICKS: tuple[str, ...] = REFUSED + KEPT


def shown(trick: str) -> str:
    """A trick as the id of a test."""
    return ascii(trick)[:50]


def may_leave(target: str) -> bool:
    """Whether a browser that follows this may leave the host, by the URL standard of the WHATWG.

    In doubt it says yes: ``http:a`` stays with a page that came by ``http``.
    """
    text = target.strip("".join(map(chr, range(33)))).translate(dict.fromkeys(map(ord, "\t\r\n")))
    before_query = re.split("[?#]", text, maxsplit=1)[0].replace("\\", "/")
    return before_query.startswith("//") or re.match("[a-zA-Z][a-zA-Z0-9+.-]*:", before_query) is not None

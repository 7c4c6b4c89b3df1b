"""The words in other languages: complete, in step with the code, and shown where Flask-Babel says so."""

from __future__ import annotations

import collections.abc as cabc
import gettext
import importlib.util
import pathlib
import re
import shutil
import types
import typing as t

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, get_flashed_messages, render_template, request
from flask_babel import Babel, force_locale

from flask_social import translation, users
from flask_social.errors import ConfigurationError
from flask_social.messages import CODES, DEFAULTS
from flask_social.settings import Settings
from flask_social.views import answers

from .appkit import JSON, Kit
from .pagekit import Page, connect, make_page_kit

ROOT = pathlib.Path(__file__).resolve().parents[1]
LANGUAGES = ("de", "es", "fr", "ja", "pt", "zh")

#: What each language calls a thing that everybody sees: a flash, a page, a button, the error page.
SHOWN = {
    "de": ("Sie sind bereits angemeldet", "Verbundene Konten", "Trennen", "Das hat nicht geklappt"),
    "es": ("Ya ha iniciado sesión", "Cuentas vinculadas", "Desvincular", "No ha funcionado"),
    "fr": (
        "Une session est déjà ouverte",
        "Comptes associés",
        "Dissocier",
        "Cela n\N{RIGHT SINGLE QUOTATION MARK}a pas fonctionné",
    ),
    "ja": ("すでにログインしています", "連携アカウント", "連携を解除", "うまくいきませんでした"),
    "pt": ("A sua sessão já está iniciada", "Contas associadas", "Desassociar", "Não funcionou"),
    "zh": ("您已登录", "已绑定的账号", "解除绑定", "操作未成功"),
}
ENGLISH = ("You are logged in already", "Connected accounts", "Disconnect", "That did not work")

#: What an application may choose, the language that is shown for it, and the language tag of the page.
LOCALES = [
    *((language, language, language) for language in LANGUAGES),
    ("de_DE", "de", "de-DE"),
    ("de_AT", "de", "de-AT"),
    ("pt_BR", "pt", "pt-BR"),
    ("pt_PT", "pt", "pt-PT"),
    ("zh_CN", "zh", "zh-Hans-CN"),
    ("zh_Hans", "zh", "zh-Hans"),
    ("zh_Hans_CN", "zh", "zh-Hans-CN"),
    ("es_MX", "es", "es-MX"),
    ("ja_JP", "ja", "ja-JP"),
    ("en", "en", "en"),
    ("en_GB", "en", "en"),
    ("fi", "en", "en"),
]
#: What Babel knows nothing of, or refuses.
STRANGE = ["xx", "xx_YY", "", "de-DE", "../../etc", "de/DE", "\x00", "d" * 5000]


def load_script() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("catalogues", ROOT / "scripts" / "catalogues.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


catalogues = load_script()
TEXTS: dict[str, list[str]] = catalogues.texts()


def choose() -> str | None:
    """The language that a test asks for."""
    return request.headers.get("X-Locale")


def make_babel_kit(**config: t.Any) -> Kit:
    kit = make_page_kit(**config)
    Babel(kit.app, locale_selector=choose)
    return kit


@pytest.fixture
def kit() -> Kit:
    return make_babel_kit()


# The catalogues


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_complete_and_in_step(language: str) -> None:
    assert list(catalogues.faults(language, catalogues.languages()[language])) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogue_is_written_as_the_script_writes_it(language: str, tmp_path: pathlib.Path) -> None:
    shutil.copytree(catalogues.languages()[language].parent, tmp_path / "LC_MESSAGES")
    assert not catalogues.update(language, tmp_path / "LC_MESSAGES" / "flask_social.po")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_the_other_language(language: str) -> None:
    with catalogues.languages()[language].with_suffix(".mo").open("rb") as file:
        found = gettext.GNUTranslations(file)
    assert [text for text in TEXTS if found.gettext(text) == text] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_button_stays_short(language: str) -> None:
    said = catalogues.entries(catalogues.read(catalogues.languages()[language], language))
    short = [text for text in TEXTS if len(text) <= 30 and "." not in text]
    assert [said[text] for text in short if len(said[text]) > 40] == []


def test_all_languages_are_there() -> None:
    assert tuple(catalogues.languages()) == LANGUAGES


def test_every_message_is_a_text() -> None:
    assert set(TEXTS) >= {text for text, _ in DEFAULTS.values()}


def test_every_text_of_a_template_is_found() -> None:
    templates = [path for path in (ROOT / "flask_social" / "templates").rglob("*") if path.is_file()]
    written = {
        text
        for path in templates
        for _, text in re.findall(r"""\b_\(\s*(["'])(.+?)\1\s*[,)]""", path.read_text(encoding="utf-8"), re.S)
    }
    assert written <= TEXTS.keys()
    assert len(written) > 50


def test_a_catalogue_in_the_making(tmp_path: pathlib.Path) -> None:
    po = tmp_path / "nl" / "LC_MESSAGES" / "flask_social.po"
    assert catalogues.update("nl", po)
    assert len(list(catalogues.faults("nl", po))) == len(TEXTS)
    text = next(text for text in TEXTS if "%(provider)s" in text)
    source = po.read_text(encoding="utf-8")
    for wrong, fault in (
        ("Kapot", "other places"),
        ("%(provider)s %(provider)s", "other places"),
        ("100 % %(provider)s", "percent sign"),
        ("Verbonden met %(provider)s", "differs from its .po"),
    ):
        po.write_text(
            source.replace(f'msgid "{text}"\nmsgstr ""', f'msgid "{text}"\nmsgstr "{wrong}"'), encoding="utf-8"
        )
        assert fault in " | ".join(catalogues.faults("nl", po))
    # What is translated stays, and what is used no more goes.
    with po.open("a", encoding="utf-8") as file:
        file.write('\nmsgid "Gone"\nmsgstr "Weg"\n\n#, fuzzy\nmsgid "Unsure"\nmsgstr "Twijfel"\n')
    assert {"keeps", "translates", "sure"} & set(" ".join(catalogues.faults("nl", po)).split())
    assert catalogues.update("nl", po)
    assert not catalogues.update("nl", po)
    assert catalogues.entries(catalogues.read(po, "nl")) == {text: "Verbonden met %(provider)s"}
    assert catalogues.compiled(po) == {text: "Verbonden met %(provider)s"}


def test_the_script_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert catalogues.main(["--check"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(TEXTS)} texts, complete in de, ")


# What is shown


def flash_of(kit: Kit, **headers: str) -> str:
    """What is flashed to somebody who logs in twice."""
    with kit.app.test_request_context(headers=headers):
        answers.say(kit.app.extensions["social"], "already_logged_in", "Google")
        (message,) = get_flashed_messages()
    return str(message)


def pages_of(kit: Kit, **headers: str) -> tuple[Page, str, str, str]:
    """The page of connections, its HTML, the HTML of an error page, and an error in JSON, of one visit."""
    client = kit.app.test_client()
    kit.log_in(client)
    page = client.get("/connections", headers=headers)
    error = client.post("/disconnect/google", headers=headers)
    refused = client.post("/disconnect/google", headers=headers | {"Accept": "application/json"})
    assert (page.status_code, error.status_code, refused.status_code) == (200, 400, 400)
    assert refused.get_json()["response"]["code"] == "csrf_required"
    return Page(page.text), page.text, error.text, refused.get_json()["response"]["errors"][0]


@pytest.mark.parametrize(("locale", "language", "tag"), LOCALES)
def test_everything_is_in_the_language_of_the_request(kit: Kit, locale: str, language: str, tag: str) -> None:
    connect(kit)
    flashed, title, button, failed = SHOWN.get(language, ENGLISH)
    headers = {"X-Locale": locale}
    assert flash_of(kit, **headers).startswith(flashed)
    page, source, error, refused = pages_of(kit, **headers)
    assert f"<h1>{title}</h1>" in source
    assert button in page.texts()
    assert f'lang="{tag}"' in source
    assert f"<h1>{failed}</h1>" in error
    assert f'lang="{tag}"' in error
    said = catalogues.entries(catalogues.read(catalogues.languages()[language], language)) if language != "en" else {}
    text = DEFAULTS["csrf_required"][0]
    assert refused == said.get(text, text)


@pytest.mark.parametrize("locale", STRANGE)
def test_a_locale_that_nobody_knows_is_english(kit: Kit, locale: str) -> None:
    kit.app.extensions["babel"].locale_selector = lambda: locale
    with kit.app.test_request_context():
        assert translation.translate("Connected accounts") == "Connected accounts"
        assert translation.language() == "en"
    assert flash_of(kit).startswith(ENGLISH[0])


@pytest.mark.parametrize("locale", ["", "de"])
def test_without_flask_babel_all_is_english(locale: str) -> None:
    kit = make_page_kit()
    connect(kit)
    headers = {"X-Locale": locale, "Accept-Language": "de"}
    assert flash_of(kit, **headers).startswith(ENGLISH[0])
    page, source, error, refused = pages_of(kit, **headers)
    assert f"<h1>{ENGLISH[1]}</h1>" in source
    assert ENGLISH[2] in page.texts()
    assert ENGLISH[3] in error
    assert 'lang="en"' in source
    assert refused == DEFAULTS["csrf_required"][0]


def test_without_an_application_all_is_english() -> None:
    assert translation.translate("Disconnect") == "Disconnect"
    assert translation.language() == "en"
    app = Flask("other")
    Babel(app, default_locale="de")
    with app.app_context():
        assert translation.translate("Disconnect") == "Disconnect"


def test_outside_a_request(kit: Kit) -> None:
    """A selector that reads the request fails there; a language may be forced, as for a mail sent by a worker."""
    with kit.app.app_context():
        assert translation.translate("Disconnect") == "Disconnect"
        with force_locale("de"):
            assert translation.translate("Disconnect") == "Trennen"
            assert translation.language() == "de"


def test_a_selector_that_fails_does_not_end_a_visit(kit: Kit) -> None:
    def fail() -> str:
        raise KeyError("user")

    kit.app.extensions["babel"].locale_selector = fail
    assert flash_of(kit).startswith(ENGLISH[0])


def test_one_visitor_does_not_change_the_language_of_the_next(kit: Kit) -> None:
    seen = [flash_of(kit, **{"X-Locale": locale}) for locale in ("de", "ja", "de", "fi", "ja")]
    assert [text[:3] for text in seen] == ["Sie", "すでに", "Sie", "You", "すでに"]


def test_the_default_locale_of_flask_babel() -> None:
    kit = make_page_kit(BABEL_DEFAULT_LOCALE="fr")
    Babel(kit.app)
    assert flash_of(kit).startswith(SHOWN["fr"][0])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_filled(kit: Kit, language: str) -> None:
    name = 'A&B "%(x)s" %'
    with kit.app.test_request_context(headers={"X-Locale": language}):
        told = {code: answers.text(kit.app.extensions["social"], code, name) for code in CODES}
    for code, text in told.items():
        english = DEFAULTS[code][0]
        assert text != english % {"provider": name}, code
        assert (name in text) == ("%(provider)s" in english), code


def test_a_code_without_a_message(kit: Kit) -> None:
    with kit.app.test_request_context(headers={"X-Locale": "de"}):
        assert answers.text(kit.app.extensions["social"], "no_such_code", "Google").startswith("Google konnte")


@pytest.mark.parametrize(
    ("path", "values", "sentences"),
    [
        ("connection_changed", {"connected": True}, 3),
        ("connection_changed", {"connected": False}, 3),
        ("prove_address", {}, 3),
    ],
)
@pytest.mark.parametrize("kind", ["html", "txt"])
def test_mails_are_in_the_language_of_the_request(
    kit: Kit, path: str, kind: str, values: dict[str, t.Any], sentences: int
) -> None:
    template = f"social/email/{path}.{kind}"
    used = [text for text, places in TEXTS.items() if f"flask_social/templates/{template}" in places]
    provider = "&lt;b&gt;" if kind == "html" else "<b>"
    for language in LANGUAGES:
        said = catalogues.entries(catalogues.read(catalogues.languages()[language], language))
        with kit.app.test_request_context(headers={"X-Locale": language}):
            mail = render_template(template, provider="<b>", link="https://app.example/?a&b", **values)
        assert len([text for text in used if said[text] % {"provider": provider} in mail]) == sentences
        assert [text for text in used if text % {"provider": provider} in mail] == []


@pytest.mark.parametrize(
    ("locale", "subjects"),
    [
        ("de", ["Bitte bestätigen Sie Ihre E-Mail-Adresse", "Ein Konto wurde verbunden", "Ein Konto wurde getrennt"]),
        ("fi", ["Please prove your e-mail address", "An account was connected", "An account was disconnected"]),
    ],
)
def test_subjects_of_mails(kit: Kit, locale: str, subjects: list[str]) -> None:
    with kit.app.test_request_context(headers={"X-Locale": locale}):
        users.send_address_proof("new@example.org", "Google", "https://app.example/x")
        user = kit.users()[0]
        users.send_connection_notice(user, "Google", connected=True)
        users.send_connection_notice(user, "Google", connected=False)
        assert [mail.subject for mail in kit.mails] == subjects


# Texts of the application


def write_catalogue(folder: pathlib.Path, language: str, texts: dict[str, str]) -> None:
    catalogue = Catalog(language)
    for text, translated in texts.items():
        catalogue.add(text, translated)
    path = folder / language / "LC_MESSAGES" / "flask_social.mo"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)


def german(kit: Kit, text: str, **values: object) -> str:
    with kit.app.test_request_context(headers={"X-Locale": "de"}):
        return str(kit.app.jinja_env.globals["social"].text(text, **values))  # type: ignore[attr-defined]


Arrange = cabc.Callable[[str], "str | list[str]"]


@pytest.mark.parametrize(
    "arrange",
    [lambda own: ["builtin", own], lambda own: [own, "builtin"], lambda own: (own, "builtin")],
    ids=["after", "before", "tuple"],
)
def test_a_folder_of_the_application_wins(tmp_path: pathlib.Path, arrange: Arrange) -> None:
    write_catalogue(tmp_path, "de", {"Disconnect": "Lösen"})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=arrange(str(tmp_path)))
    assert german(kit, "Disconnect") == "Lösen"
    assert german(kit, "Connected accounts") == "Verbundene Konten"


def test_the_last_of_several_folders_wins(tmp_path: pathlib.Path) -> None:
    for name in "one", "two":
        write_catalogue(tmp_path / name, "de", {"Disconnect": name})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=[str(tmp_path / "one"), "builtin", str(tmp_path / "two")])
    assert german(kit, "Disconnect") == "two"


def test_a_folder_instead_of_ours(tmp_path: pathlib.Path) -> None:
    write_catalogue(tmp_path, "de", {"Disconnect": "Lösen"})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=str(tmp_path))
    assert german(kit, "Disconnect") == "Lösen"
    assert german(kit, "Connected accounts") == "Connected accounts"


def test_a_relative_folder_is_one_of_the_application(tmp_path: pathlib.Path) -> None:
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", "words"])
    kit.app.root_path = str(tmp_path)
    write_catalogue(tmp_path / "words", "de", {"Disconnect": "Lösen"})
    assert german(kit, "Disconnect") == "Lösen"


def test_a_new_language_of_the_application(tmp_path: pathlib.Path) -> None:
    write_catalogue(tmp_path, "fi", {"Disconnect": "Katkaise"})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", str(tmp_path)])
    with kit.app.test_request_context(headers={"X-Locale": "fi_FI"}):
        assert translation.translate("Disconnect") == "Katkaise"
        assert translation.language() == "fi-FI"


def test_no_folder_is_english() -> None:
    assert german(make_babel_kit(SOCIAL_I18N_DIRNAME=[]), "Disconnect") == "Disconnect"


def test_two_applications_do_not_share_folders(tmp_path: pathlib.Path) -> None:
    write_catalogue(tmp_path, "de", {"Disconnect": "Lösen"})
    kits = [make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", str(tmp_path)]), make_babel_kit()]
    assert [german(kit, "Disconnect") for kit in kits * 2] == ["Lösen", "Trennen"] * 2


@pytest.mark.parametrize(
    "wrong", ["%(nobody)s", "%(provider)", "%(provider)d", "100 % %(provider)s", "%(provider)s %s"]
)
def test_a_slip_in_a_catalogue_of_the_application_is_english(tmp_path: pathlib.Path, wrong: str) -> None:
    write_catalogue(tmp_path, "de", {"Connect %(provider)s": wrong})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", str(tmp_path)])
    assert german(kit, "Connect %(provider)s", provider="Google") == "Connect Google"


@pytest.mark.parametrize("content", [b"", b"\xde\x12\x04\x95", b"no catalogue at all", b"\xff" * 100])
def test_a_broken_file_of_the_application_is_english(tmp_path: pathlib.Path, content: bytes) -> None:
    write_catalogue(tmp_path, "de", {})
    (tmp_path / "de" / "LC_MESSAGES" / "flask_social.mo").write_bytes(content)
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", str(tmp_path)])
    assert german(kit, "Disconnect") == "Disconnect"


@pytest.mark.parametrize("value", ["", 1, None, [""], [1], {"a": 1}.values()])
def test_what_is_no_folder(value: object) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.read({"SOCIAL_I18N_DIRNAME": value})
    assert caught.value.key == "SOCIAL_I18N_DIRNAME"


def test_the_folders_are_read() -> None:
    for value, expected in (("words", ("words",)), (["builtin", "words"], ("builtin", "words")), ((), ())):
        assert Settings.read({"SOCIAL_I18N_DIRNAME": value}).i18n_dirname == expected
    assert Settings().i18n_dirname == (translation.BUILTIN,)


def test_a_message_of_the_application_is_its_own() -> None:
    """Also where it happens to be a text of ours."""
    kit = make_babel_kit(
        SOCIAL_MSG_CONNECTED="Disconnect",
        SOCIAL_MSG_DISCONNECTED=DEFAULTS["disconnected"][0],
        SOCIAL_MSG_VERIFIED=DEFAULTS["already_logged_in"][0],
    )
    with kit.app.test_request_context(headers={"X-Locale": "de"}):
        state = kit.app.extensions["social"]
        assert answers.text(state, "connected", "Google") == "Disconnect"
        assert answers.text(state, "disconnected", "Google") == "Die Verbindung mit Google wurde entfernt."
        assert answers.text(state, "verified", "Google") == DEFAULTS["already_logged_in"][0]


# What a stranger chose

HOSTILE = "\"><script>alert(1)</script>' onerror=x %(provider)s %s {{ 7*7 }}"


@pytest.mark.parametrize("locale", ["en", *LANGUAGES])
def test_a_hostile_name_is_text(kit: Kit, locale: str) -> None:
    connect(kit, display_name=HOSTILE, status="needs_reconnect")
    with kit.app.app_context():
        subject = kit.rows()[0].provider_user_id
    client = kit.app.test_client()
    kit.log_in(client)
    for path in "/connections", f"/connect/google/{subject}":
        source = client.get(path, headers={"X-Locale": locale}).text
        assert "<script" not in source
        assert "49" not in Page(source).text
        labels = [button.attributes.get("aria-label") or "" for button in Page(source).buttons]
        assert len([label for label in labels if HOSTILE in label]) == 2
        assert HOSTILE in Page(source).text


@pytest.mark.parametrize("name", ["__class__", "provider", "message", "self"])
def test_a_text_takes_any_value(kit: Kit, name: str) -> None:
    """Names that a function of ours uses for itself."""
    with kit.app.test_request_context(headers={"X-Locale": "de"}):
        assert translation.words(f"%({name})s!", {name: HOSTILE}) == f"{HOSTILE}!"


def test_a_translation_with_markup_is_text(tmp_path: pathlib.Path) -> None:
    write_catalogue(tmp_path, "de", {"Connected accounts": "<b>Konten</b>"})
    kit = make_babel_kit(SOCIAL_I18N_DIRNAME=["builtin", str(tmp_path)])
    client = kit.app.test_client()
    kit.log_in(client)
    source = client.get("/connections", headers={"X-Locale": "de"}).text
    assert "<h1>&lt;b&gt;Konten&lt;/b&gt;</h1>" in source


def test_json_errors_are_translated_at_every_route(kit: Kit) -> None:
    answer = kit.app.test_client().post("/login/nobody", headers=JSON | {"X-Locale": "ja"})
    assert answer.get_json()["response"]["errors"] == ["nobody というプロバイダーはありません。"]

"""Every catalogue is read into one: a text has one English, whoever ships it, or one page's word appears on another's."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

import core
from core.app import create_app
from core.config import load
from core.web import i18n
from plugin_sdk.api import Plugin, Registry

ROOT = Path(str(core.__file__)).parent.parent
CATALOGUES = sorted([*ROOT.glob("core/translations/en/**/*.po"), *ROOT.glob("plugins/*/translations/en/**/*.po")])


def test_no_text_has_two_english_words() -> None:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in CATALOGUES:
        with path.open("rb") as file:
            for message in read_po(file):
                if message.id and isinstance(message.id, str):
                    found[message.id].setdefault(str(message.string), path.stem)
    assert len(found) > 1000
    assert {text: words for text, words in found.items() if len(words) > 1} == {}


class Loud(Plugin):
    """Ships a catalogue that says something else for one of core's words."""

    name = "loud"

    def register(self, reg: Registry) -> None:
        pass


def test_a_plugin_from_outside_changes_no_word_of_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "loud.po"
    source.write_text('msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\nmsgid "设置"\nmsgstr "LOUD"\n\n'
                      'msgid "只有它说"\nmsgstr "Only mine"\n', "utf-8")
    folder = tmp_path / "translations" / "en" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with source.open("rb") as file, (folder / "loud.mo").open("wb") as out:
        write_mo(out, read_po(file))
    (tmp_path / "loud_words.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(Loud, "__module__", "loud_words")
    app = create_app(load({}, data=tmp_path, testing=True), extra=(Loud,))
    with app.test_request_context("/login"):
        from flask import session

        session["language"] = "en"
        assert (i18n._translate("设置"), i18n._translate("只有它说")) == ("Settings", "Only mine")

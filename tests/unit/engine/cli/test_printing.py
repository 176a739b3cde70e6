"""What reaches a terminal: no control character, nothing that turns the direction of writing."""

import json

import pytest

from chainbell.engine.cli.printing import json_text, marked, plain

HOSTILE = "a\x1b[31mb\x07c\x7fd\x9be\u202ef\u2066g\nh\u2028i\tj"


def test_control_characters_are_spelt_out() -> None:
    assert plain(HOSTILE) == "a\\x1b[31mb\\x07c\\x7fd\\x9be\\u202ef\\u2066g\\x0ah\\u2028i\\x09j"
    assert plain("Käse 東京 🙂") == "Käse 東京 🙂"


def test_what_looks_like_markup_is_text() -> None:
    assert marked("[red]\x1b") == "\\[red]\\x1b"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\u2028", "\ufeff"])
def test_json_means_the_same_and_shows_no_control_character(character: str) -> None:
    text = json_text({"name": f"a{character}b"})
    assert character not in text
    assert json.loads(text) == {"name": f"a{character}b"}

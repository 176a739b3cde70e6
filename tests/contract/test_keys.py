"""Keys: wrong or missing ones refuse to start, and a rotation seals what is there anew."""

from pathlib import Path

import pytest

from chainbell.engine import Engine, InvalidInputError
from chainbell.storage import generate_key
from tests.e2e.commands import chainbell

URL = "https://example.com/hook"


def test_keys_that_open_nothing_refuse_to_start_and_name_the_variable(database_url: str) -> None:
    first = generate_key()
    with Engine(database_url, keys=[first]) as engine:
        engine.webhooks.add(7, URL)
    with pytest.raises(InvalidInputError, match="CHAINBELL_KEYS") as refused:
        Engine(database_url, keys=[generate_key()])
    assert refused.value.field == "keys"
    Engine(database_url, keys=[generate_key(), first]).close()


def test_the_environment_has_the_keys(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINBELL_KEYS", f"{generate_key()}, {generate_key()}")
    with Engine(database_url) as engine:
        engine.webhooks.add(7, URL)
    monkeypatch.setenv("CHAINBELL_KEYS", generate_key())
    with pytest.raises(InvalidInputError, match="CHAINBELL_KEYS"):
        Engine(database_url)
    monkeypatch.setenv("CHAINBELL_KEYS", "not a key")
    with pytest.raises(InvalidInputError, match="32 bytes"):
        Engine(database_url)


def test_sealing_again_leaves_nothing_that_only_an_old_key_opens(database_url: str) -> None:
    old, new = generate_key(), generate_key()
    with Engine(database_url, keys=[old]) as engine:
        webhook, secret = engine.webhooks.add(7, URL)
        rotated = engine.webhooks.rotate(7, webhook.id)
        engine.webhooks.add(8, URL)
    with Engine(database_url, keys=[new, old]) as engine:
        assert engine.portfolio.seal_again() == 2
    with Engine(database_url, keys=[new]) as engine:
        kept = engine.webhooks.get(7, webhook.id)
        assert engine.core.keys.open(kept.sealed_secret) == rotated
        assert engine.core.keys.open(str(kept.sealed_previous_secret)) == secret


def test_a_key_file_is_rotated_from_the_command_line(tmp_path: Path) -> None:
    database, key = tmp_path / "chainbell.db", tmp_path / "chainbell.db.key"
    assert chainbell("webhooks", "add", URL, "--account", "7", database=database).returncode == 0
    old = key.read_text().split()
    run = chainbell("keys", "rotate", database=database)
    assert (run.stdout, key.stat().st_mode & 0o777) == ("1 webhook sealed with the newest key\n", 0o600)
    new, *rest = key.read_text().split()
    assert rest == old
    key.write_text(new)
    assert chainbell("webhooks", "list", database=database).returncode == 0
    key.write_text("\n".join(old))
    refused = chainbell("webhooks", "list", database=database)
    assert (refused.returncode, "chainbell.db.key" in refused.stderr) == (2, True)
    before = key.read_bytes()
    key.write_text(generate_key())
    wrong = key.read_bytes()
    assert chainbell("keys", "rotate", database=database).returncode == 2
    assert key.read_bytes() == wrong  # what is refused changes nothing
    key.write_bytes(b"\xff\xfe")
    assert "no key file" in chainbell("webhooks", "list", database=database).stderr
    key.write_bytes(before)
    assert len(chainbell("keys", "new").stdout.strip()) == 44

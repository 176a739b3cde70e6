"""Webhook secrets sealed at rest with a rotatable key ring (cryptography's MultiFernet)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from chainbell.rules.errors import FieldError


class KeyRingError(FieldError):
    """Keys that are missing, malformed, or not those that sealed the secret to be opened."""

    def __init__(self, reason: str) -> None:
        super().__init__("keys", reason)


class KeyRing:
    """Seals with the first key, opens with any of them; raises KeyRingError for a key that is malformed."""

    def __init__(self, keys: list[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise KeyRingError("each must be 32 bytes in URL-safe base64, as Fernet.generate_key gives") from None

    def seal(self, secret: str) -> str:
        """Encrypts a secret with the first key, as a Fernet token; the same secret gives another token each time."""
        return self._fernet.encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypts a sealed secret; raises KeyRingError if none of the keys sealed it."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise KeyRingError("none of them sealed this secret") from None

    def opens(self, sealed: str) -> bool:
        """Whether one of the keys sealed this secret."""
        try:
            self.open(sealed)
        except KeyRingError:
            return False
        return True

    def seal_again(self, sealed: str) -> str:
        """The same secret sealed with the first key; raises KeyRingError where no key opens it."""
        return self.seal(self.open(sealed))

    def __repr__(self) -> str:
        return "KeyRing(...)"


def generate_key() -> str:
    """A new random key for a `KeyRing`: 32 bytes in URL-safe base64."""
    return Fernet.generate_key().decode()


def key_file_of(database: Path) -> Path:
    """Where the keys of a SQLite database are: `<database>.key` beside it."""
    return database.with_name(database.name + ".key")


@contextmanager
def with_new_key(path: Path) -> Iterator[None]:
    """Puts a new key before those of a key file, which is replaced whole; another rotation waits until this is done.

    A link is followed, and the file keeps its owner.
    """
    import fcntl  # where there is none, keys are rotated by hand

    real = path.resolve()
    folder = os.open(real.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        keys = [generate_key(), *_keys_in(real)]
        with NamedTemporaryFile("w", dir=real.parent, prefix=real.name, delete=False) as file:  # made with mode 0600
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        owner = real.stat()
        with suppress(PermissionError):
            os.chown(file.name, owner.st_uid, owner.st_gid)
        os.replace(file.name, real)
        yield
    finally:
        os.close(folder)


def _keys_in(path: Path) -> list[str]:
    try:
        keys = path.read_text().split()
    except UnicodeDecodeError:
        raise KeyRingError(f"{path.name} is no key file") from None
    if not keys:
        raise KeyRingError(f"{path.name} is empty")
    return keys


def key_file_beside(database: Path, *, creates: bool) -> KeyRing:
    """The key ring in the file `<database>.key`.

    A missing file is made with one new key, readable by its owner only, where it `creates`; otherwise the database has
    secrets that another key has sealed, and KeyRingError says so.
    """
    path = key_file_of(database)
    if not path.exists():
        if not creates:
            raise KeyRingError(f"{path.name} is missing, and {database.name} has secrets that only its key opens")
        _write_new(path, generate_key() + "\n")
    return KeyRing(_keys_in(path))


def _write_new(path: Path, text: str) -> None:
    """Writes a private file that appears whole or not at all; one that another process has made meanwhile stays."""
    with NamedTemporaryFile("w", dir=path.parent, prefix=path.name) as file:  # made with mode 0600
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(file.name, path)

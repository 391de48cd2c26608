"""Secrets that lie in files, as Docker, Kubernetes and systemd hand them over."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

# Setting that a file may hold -> setting that names the file; each by its alias or field name in pydantic.
FILE_OF = {
    "DATABASE_URL": "DATABASE_URL_FILE",
    "api_token": "api_token_file",
    "ping_url": "ping_url_file",
    "pii_key": "pii_key_file",
}


def read_secrets(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secrets in the files that the environment and `.env` name.

    A fault takes the place of the file's name: SecretFile raises it, so that it is reported together with all others.
    """
    values: dict[str, Any] = {}
    for secret, file in FILE_OF.items():
        if file in found:
            try:
                values[secret] = _content(found[file], is_set=secret in found)
            except ValueError as fault:
                values[file] = fault
    return values


def _content(path: str, *, is_set: bool) -> str:
    """Return what a file holds, without the line's end. A fault names the path, and repeats nothing of the content."""
    if is_set:
        raise ValueError("is set, and so is the variable without _FILE: leave one of them out")
    try:
        content = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not in UTF-8") from None
    if not content:
        raise ValueError(f"the file {path} is empty")
    return content


def is_open_to_others(file: Path) -> bool:
    """Return whether other users of this machine may read a file."""
    try:
        return bool(file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False


def _raise_fault(value: object) -> object:
    if isinstance(value, ValueError):
        raise value
    return value


SecretFile = Annotated[Path | None, BeforeValidator(_raise_fault)]

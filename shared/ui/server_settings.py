"""Settings of the server from environment variables."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerSettings:
    """Address, access and load of the suite's server.

    Attributes:
        host: Address to listen on.
        port: Port to listen on.
        root_path: Path, or whole address, under which a proxy serves the suite.
        accounts: Pairs of user and password; without any, access is free.
    """

    host: str
    port: int
    root_path: str
    accounts: tuple[tuple[str, str], ...]

    @classmethod
    def from_environment(cls) -> "ServerSettings":
        """Read the settings from `IMAGE_SPACES_*`, else from Gradio's variables.

        Raises:
            SystemExit: A variable has another form than `app.py` documents.
        """
        return cls(
            _variable("HOST", "GRADIO_SERVER_NAME") or "127.0.0.1",
            read_number("PORT", 7860, "GRADIO_SERVER_PORT"),
            _variable("ROOT_PATH", "GRADIO_ROOT_PATH"),
            _read_accounts(),
        )

    @property
    def local_url(self) -> str:
        """Address at which the process reaches its own server, without a proxy."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def url(self) -> str:
        """Address of the suite for a browser on this machine."""
        if "://" in self.root_path:
            return self.root_path.rstrip("/")
        return self.local_url + self.root_path.rstrip("/")


def _variable(name: str, gradio_name: str = "") -> str:
    return os.environ.get(f"IMAGE_SPACES_{name}") or os.environ.get(gradio_name, "")


def read_number(name: str, default: int, gradio_name: str = "") -> int:
    """Return a whole number from the variable `IMAGE_SPACES_<name>`, else from Gradio's, else the default.

    Raises:
        SystemExit: The variable is no whole number.
    """
    text = _variable(name, gradio_name)
    if text and not text.isdecimal():
        raise SystemExit(f"IMAGE_SPACES_{name} must be a whole number, such as {default}, not {text!r}.")
    return int(text or default)


def _read_accounts() -> tuple[tuple[str, str], ...]:
    accounts = []
    for number, entry in enumerate(filter(None, _variable("AUTH").split(",")), 1):
        user, _, password = entry.partition(":")
        if not user or not password:  # which is not repeated here, since it may be half of a password
            raise SystemExit(
                "IMAGE_SPACES_AUTH must be user:password, several separated by commas, and none with a comma "
                f"inside; entry {number} has no {'password' if user else 'user'}."
            )
        accounts.append((user, password))
    return tuple(accounts)

"""Who a client says it is: a password, a token or a certificate; and TLS."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, TypedDict, Union

import grpc

from warren import _rpc

#: A token, or what gives the current one; it is asked for each call, so that tokens can be renewed.
Token = Union[str, Callable[[], str]]


@dataclass(frozen=True)
class Tls:
    """Files in PEM.

    Attributes:
        ca: authorities that may vouch for the broker. Default: those of the system.
        certificate: the client's own, for a broker that knows users by theirs; needs `key`.
        key: of `certificate`.

    """

    ca: Union[str, Path, None] = None
    certificate: Union[str, Path, None] = None
    key: Union[str, Path, None] = None

    def credentials(self) -> grpc.ChannelCredentials:
        """What grpc takes."""
        ca, key, certificate = (
            None if path is None else Path(path).read_bytes()
            for path in (self.ca, self.key, self.certificate)
        )
        return grpc.ssl_channel_credentials(ca, key, certificate)


class LoginOptions(TypedDict, total=False):
    """Optional arguments of `connect` that say who connects, and how.

    Keys:
        user, password: a login by password. Without TLS both can be read on the way.
        token: a JSON Web Token instead, or a function that gives the current one.
        tls: True for TLS with the system's authorities, or `Tls` with files. Default: plain text.
    """

    user: Optional[str]
    password: Optional[str]
    token: Optional[Token]
    tls: Union[bool, Tls, None]


class Login:
    """What goes with every call, and with the channel."""

    def __init__(
        self,
        options: LoginOptions,
        credentials: Optional[grpc.ChannelCredentials],
        metadata: _rpc.Metadata,
    ) -> None:
        user, password = options.get("user"), options.get("password")
        self._token = options.get("token")
        tls = options.get("tls")
        if (user is None) != (password is None):
            raise ValueError("user and password go together")
        if user is not None and self._token is not None:
            raise ValueError("give a password or a token, not both")
        if user is not None and ":" in user:
            raise ValueError("a user's name has no colon")
        if tls and credentials is not None:
            raise ValueError("give tls or credentials, not both")
        self.credentials = (
            (Tls() if tls is True else tls).credentials() if tls else credentials
        )
        self._fixed = tuple(metadata)
        if user is not None:
            pair = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._fixed += (("authorization", f"Basic {pair}"),)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Of a call that is made now."""
        if self._token is None:
            return self._fixed
        token = self._token() if callable(self._token) else self._token
        return (*self._fixed, ("authorization", f"Bearer {token}"))

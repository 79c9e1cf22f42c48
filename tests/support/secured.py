"""Users, tokens and certificates for brokers that take logins."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import json
import os
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Optional

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from warren_process import WarrenProcess, binary

PASSWORD = "correct horse"
EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


@cache
def password_hash(password: str = PASSWORD) -> str:
    """As the broker's own command makes it."""
    return subprocess.run(
        [binary(), "hash-password"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()


def basic(user: str, password: str = PASSWORD) -> tuple[str, str]:
    """The header of a login by password."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return ("authorization", f"Basic {pair}")


def bearer(token: str) -> tuple[str, str]:
    return ("authorization", f"Bearer {token}")


def user(
    virtual_hosts: Optional[Mapping[str, Mapping[str, str]]] = None,
    *,
    certificates: Sequence[str] = (),
    tags: Sequence[str] = (),
) -> dict[str, Any]:
    """Of the users file; by default one who may do everything in "/"."""
    return {
        "password_hash": password_hash(),
        "certificates": list(certificates),
        "tags": list(tags),
        "virtual_hosts": {"/": EVERYTHING} if virtual_hosts is None else dict(virtual_hosts),
    }


def write_users(path: Path, **users: dict[str, Any]) -> Path:
    """At once: a broker that looks meanwhile sees the old file or the new one."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"users": users}))  # JSON is YAML
    os.replace(new, path)
    return path


class Issuer:
    """Signs tokens with keys of both kinds."""

    def __init__(self) -> None:
        self.rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def write_keys(self, path: Path) -> Path:
        keys = [
            json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key())) | {"kid": "rsa", "use": "sig"},
            json.loads(ECAlgorithm.to_jwk(self.ec.public_key())) | {"kid": "ec", "use": "sig"},
        ]
        path.write_text(json.dumps({"keys": keys}))
        return path

    def token(self, algorithm: str = "ES256", key: Any = None, **claims: Any) -> str:
        """A good one for anna, but for what `claims` say; None leaves one out."""
        content = {"sub": "anna", "aud": "warren", "exp": int(time.time()) + 300} | claims
        content = {name: value for name, value in content.items() if value is not None}
        if key is None:
            key = self.rsa if algorithm == "RS256" else self.ec
        return jwt.encode(content, key, algorithm)


class Authority:
    """Issues certificates."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._build(self._name, self._key.public_key(), is_authority=True)
        self.path = directory / f"{name}.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, file: str, *, days: int = 30) -> tuple[Path, Path]:
        """Certificate and key, put into place at once, for localhost and `common_name`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        made = self._build(subject, key.public_key(), days=days)
        certificate_path = self._directory / f"{file}.crt"
        key_path = self._directory / f"{file}.key"
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        for path, content in (
            (key_path, pem),
            (certificate_path, made.public_bytes(serialization.Encoding.PEM)),
        ):
            new = path.with_suffix(".new")
            new.write_bytes(content)
            os.replace(new, path)
        return certificate_path, key_path

    def _build(
        self, subject: x509.Name, key: Any, *, is_authority: bool = False, days: int = 30
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if not is_authority:
            names = [
                x509.DNSName("localhost"),
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def audit(broker: WarrenProcess, message: str, **fields: str) -> list[dict[str, str]]:
    """Lines of the log with this message and these fields."""
    found = []
    for line in list(broker.output):
        if not line.startswith("{"):
            continue
        entry = json.loads(line)
        if entry["message"] == message and all(
            str(entry.get(name)) == value for name, value in fields.items()
        ):
            found.append(entry)
    return found


def presented(address: str, authority: Authority) -> int:
    """The serial number of the certificate that a handshake at "HOST:PORT" shows."""
    host, port = address.rsplit(":", 1)
    pem = ssl.get_server_certificate((host, int(port)), ca_certs=str(authority.path))
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def serial_of(certificate: Path) -> int:
    """The serial number of a certificate's file."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number

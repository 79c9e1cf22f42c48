"""TLS: strangers' certificates, none where one is required, and certificates that change."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import warren
from health import metric
from secured import PASSWORD, Authority, audit, presented, serial_of, user, write_users
from warren import Tls
from warren_process import WarrenProcess

EXPIRY = 'warren_tls_certificate_expiry_timestamp_seconds{listener="grpc"}'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca", "warren-test")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "stranger", "warren-test")  # of the same name


@pytest.fixture
def start(new_broker, authority: Authority, tmp_path: Path):
    """A broker with TLS, whose user anna has a certificate, too."""

    def make(*arguments: str) -> WarrenProcess:
        certificate, key = authority.issue("broker", "broker")
        users = write_users(tmp_path / "users.yaml", anna=user(certificates=["cn:anna"]))
        return new_broker(
            "memory:", f"--users={users}", f"--tls-certificate={certificate}",
            f"--tls-key={key}", f"--tls-client-ca={authority.path}", "--drain-timeout=0s",
            *arguments,
        ).start()  # fmt: skip

    return make


def declares(broker: WarrenProcess, **login: object) -> None:
    with warren.connect(broker.grpc, timeout=10, **login) as connection:
        connection.declare_queue("q")


def fails(broker: WarrenProcess, **login: object) -> warren.WarrenError:
    with warren.connect(broker.grpc, timeout=1, **login) as connection:
        with pytest.raises(warren.WarrenError) as failure:
            connection.declare_queue("q")
    return failure.value


def test_certificates_log_in_their_users_and_no_others(
    start, authority: Authority, stranger: Authority
) -> None:
    broker = start()
    ca = authority.path
    declares(broker, tls=Tls(ca, *authority.issue("anna", "anna")))
    declares(broker, tls=Tls(ca), user="anna", password=PASSWORD)
    assert fails(broker, tls=Tls(ca)).reason == "CREDENTIALS_MISSING"
    mallory = Tls(ca, *authority.issue("mallory", "mallory"))
    assert fails(broker, tls=mallory).reason == "LOGIN_REFUSED"
    # A certificate doesn't help a wrong password.
    own = Tls(ca, *authority.issue("anna", "anna"))
    assert fails(broker, tls=own, user="anna", password="wrong").reason == "LOGIN_REFUSED"
    # Of another authority: the handshake fails, so nobody is asked.
    assert isinstance(fails(broker, tls=Tls(ca, *stranger.issue("anna", "anna"))),
                      warren.Unavailable)
    expired = Tls(ca, *authority.issue("anna", "expired", days=-1))
    assert isinstance(fails(broker, tls=expired), warren.Unavailable)
    # In plain text, and a client that trusts somebody else.
    assert isinstance(fails(broker, user="anna", password=PASSWORD), warren.Unavailable)
    assert isinstance(fails(broker, tls=Tls(stranger.path)), warren.Unavailable)
    assert len(audit(broker, "login refused", mechanism="certificate")) == 1
    declares(broker, tls=Tls(ca), user="anna", password=PASSWORD)


def test_where_a_certificate_is_required_a_password_is_not_enough(
    start, authority: Authority
) -> None:
    broker = start("--tls-client-certificates=required")
    login = {"user": "anna", "password": PASSWORD}
    assert isinstance(fails(broker, tls=Tls(authority.path), **login), warren.Unavailable)
    declares(broker, tls=Tls(authority.path, *authority.issue("anna", "anna")))


def test_without_authorities_of_clients_none_is_asked_for(
    new_broker, authority: Authority, stranger: Authority
) -> None:
    certificate, key = authority.issue("broker", "broker")
    flags = [f"--tls-certificate={certificate}", f"--tls-key={key}"]
    broker = new_broker("memory:", *flags).start()
    declares(broker, tls=Tls(authority.path))
    # One that is shown all the same isn't looked at.
    declares(broker, tls=Tls(authority.path, *stranger.issue("anna", "anna")))
    declares(broker, tls=Tls(authority.path, *authority.issue("anna", "anna")))


def test_a_changed_certificate_is_presented_without_a_restart(start, authority: Authority) -> None:
    broker = start()
    ca = Tls(authority.path)
    with warren.connect(broker.grpc, tls=ca, user="anna", password=PASSWORD) as before:
        before.declare_queue("q")
        certificate, key = authority.issue("broker", "broker", days=90)
        assert presented(broker.grpc, authority) == serial_of(certificate)
        assert metric(broker, EXPIRY) > time.time() + 89 * 86400
        # One that is no good is not taken.
        serial = serial_of(certificate)
        key.write_text("no key")
        assert presented(broker.grpc, authority) == serial
        broker.wait_output("certificates can't be read anew")
        authority.issue("broker", "broker", days=-1)
        assert presented(broker.grpc, authority) == serial
        certificate, _ = authority.issue("broker", "broker")
        assert presented(broker.grpc, authority) == serial_of(certificate) != serial
        before.declare_queue("q")  # connections that are there go on


def test_a_certificate_that_is_no_good_stops_the_start(
    new_broker, authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.issue("broker", "broker")
    other_key = stranger.issue("broker", "broker")[1]
    late = authority.issue("broker", "late", days=-1)
    for files, what in (
        ((certificate, other_key), "the key is not the certificate's"),
        (late, "it has expired"),
        ((certificate, tmp_path / "absent"), "can't read"),
        ((key, key), "no certificate in PEM"),
    ):
        broker = new_broker("memory:", f"--tls-certificate={files[0]}", f"--tls-key={files[1]}")
        broker.launch()
        assert broker.wait_ended(30) not in (None, 0)
        broker.wait_output(what)

"""Values that are refused, and what is said: before anything reaches a cluster."""

from __future__ import annotations

import pytest
from chart import LEAST, template

POSTGRESQL = ("storage.kind=postgresql", "storage.postgresql.url=postgres://warren@db/warren")
DIGEST = "image.digest=sha256:" + "0" * 63
# Name: the settings on top of the least, and words of the message.
REFUSED = {
    "two_embedded": (("replicas=2",), "the embedded store belongs to one broker"),
    "no_replicas": (("replicas=0",), "replicas"),
    "many_replicas": (("replicas=6", *POSTGRESQL), "replicas"),
    "grace_below_drain": (("drainTimeoutSeconds=70",), "too short for drainTimeoutSeconds 70"),
    "short_grace": (("terminationGracePeriodSeconds=30",), "terminationGracePeriodSeconds"),
    "long_grace": (("terminationGracePeriodSeconds=600",), "terminationGracePeriodSeconds"),
    "no_url": (("storage.kind=postgresql",), "set url, or existingSecret and urlKey"),
    "two_urls": ((*POSTGRESQL, "storage.postgresql.urlKey=url"), "only one can count"),
    "key_without_secret": (("storage.kind=postgresql", "storage.postgresql.urlKey=url"),
                           "needs existingSecret"),
    "password_in_url": (("storage.kind=postgresql",
                         "storage.postgresql.url=postgres://warren:guess@db/warren"),
                        "holds a password; keep it in existingSecret"),
    "password_as_parameter": (("storage.kind=postgresql",
                               "storage.postgresql.url=postgres://w@db/w?password=guess"),
                              "holds a password"),
    "other_database": (("storage.kind=postgresql", "storage.postgresql.url=mysql://db"), "url"),
    "unknown_store": (("storage.kind=mongodb",), "storage"),
    "latest": (("image.tag=latest",), "image"),
    "short_digest": ((DIGEST,), "digest"),
    "tag_in_repository": (("image.repository=warren:1",), "repository"),
    "no_certificate": (("tls.enabled=true",), "set existingSecret or certManager.enabled"),
    "two_certificates": (("tls.enabled=true", "tls.existingSecret=a",
                          "tls.certManager.enabled=true"), "exclude each other"),
    "no_issuer": (("tls.enabled=true", "tls.certManager.enabled=true"), "name the issuer"),
    "client_ca_without_tls": (("tls.clientCA.existingSecret=a",), "take tls.enabled=true"),
    "open_unasked": (("auth.insecure=false",), "or auth.insecure=true"),
    "users_over_plain_text": (("auth.insecure=false", "auth.users.existingSecret=a"),
                              "set auth.users.existingSecret and tls"),
    "tokens_without_users": (("auth.tokenKeys.existingSecret=a",), "must be in the users file"),
    "unknown_value": (("replica=2",), "replica"),
    "unknown_inner_value": (("storage.rocksdb.sise=1Gi",), "sise"),
    "word_for_a_number": (("replicas=two",), "replicas"),
    "size_without_unit": (("storage.rocksdb.size=10",), "size"),
    "no_memory_limit": (("resources.limits.memory=null",), "memory"),
    "small_memory": (("resources.limits.memory=64Mi",), "128Mi is the least"),
    "config_of_the_charts": (("config.server.listen=127.0.0.1:1",),
                             "config.server.listen: the chart sets this"),
    "secret_in_plain_text": (("extraEnv[0].name=PGPASSWORD", "extraEnv[0].value=guess"),
                             "PGPASSWORD has a value in plain text"),
    "no_such_service": (("service.type=ExternalName",), "service"),
    "no_such_pull_policy": (("image.pullPolicy=Sometimes",), "pullPolicy"),
    "runbook_without_slash": (("prometheusRule.runbookUrl=runbooks",), "runbookUrl"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_says_why(helm: str, name: str) -> None:
    settings, said = REFUSED[name]
    done = template(helm, settings=[*LEAST, *settings])
    assert done.returncode != 0, done.stdout
    assert said in done.stderr


def test_the_least_is_not_refused(helm: str) -> None:
    """So that what is above is refused for its own sake."""
    assert template(helm, settings=LEAST).returncode == 0
    assert template(helm, settings=[*LEAST, *POSTGRESQL, "replicas=2"]).returncode == 0


def test_the_defaults_alone_are_refused(helm: str) -> None:
    """They are safe, so they lack what only its owner can give."""
    assert "set existingSecret or certManager.enabled" in template(helm).stderr

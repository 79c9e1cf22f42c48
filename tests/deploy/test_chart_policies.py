"""What holds for each set of values: security, probes, life, storage, names. One rule a test."""

from __future__ import annotations

import re

import yaml
from chart import NAMESPACE, Release, mebibytes, seconds, strings

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def test_pods_run_as_no_root(release: Release) -> None:
    for pod in release.pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 10000


def test_root_folders_are_read_only(release: Release) -> None:
    for container in release.containers:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True


def test_containers_have_no_capabilities(release: Release) -> None:
    for container in release.containers:
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_containers_gain_no_privileges(release: Release) -> None:
    for container in release.containers:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert "privileged" not in container["securityContext"]


def test_seccomp_is_the_runtimes(release: Release) -> None:
    for pod in release.pods:
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_pods_share_nothing_with_the_node(release: Release) -> None:
    for pod in release.pods:
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert all("hostPath" not in volume for volume in pod["volumes"])


def test_no_token_is_mounted(release: Release) -> None:
    for pod in release.pods:
        assert pod["automountServiceAccountToken"] is False
    for account in release.of_kind("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_nobody_gets_rights_in_the_cluster(release: Release) -> None:
    assert not [kind for manifest in release.manifests
                if "Role" in (kind := manifest["kind"])]


def test_probes_ask_by_http_and_run_no_command(release: Release) -> None:
    for probe in PROBES:
        assert "exec" not in release.container[probe]
        assert release.container[probe]["httpGet"]["port"] == "http"


def test_each_probe_asks_its_own_page(release: Release) -> None:
    asked = [release.container[probe]["httpGet"]["path"] for probe in PROBES]
    assert asked == ["/startupz", "/readyz", "/livez"]


def test_probes_wait_longer_than_the_page_for_a_stuck_loop_takes(release: Release) -> None:
    assert all(release.container[probe]["timeoutSeconds"] > 2 for probe in PROBES)


def test_recovery_has_minutes(release: Release) -> None:
    probe = release.container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 600


def test_a_busy_broker_is_not_killed_at_once(release: Release) -> None:
    probe = release.container["livenessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 30


def test_the_grace_is_longer_than_the_drain(release: Release) -> None:
    drain = seconds(release.configuration["server"]["drain_timeout"])
    assert release.pod["terminationGracePeriodSeconds"] >= drain + 15


def test_the_grace_is_60_to_90_seconds(release: Release) -> None:
    assert 60 <= release.pod["terminationGracePeriodSeconds"] <= 90


def test_no_hook_delays_sigterm(release: Release) -> None:
    assert "lifecycle" not in release.container


def test_a_drain_of_a_node_is_never_blocked(release: Release) -> None:
    budget = release.one("PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert "minAvailable" not in budget


def test_the_budget_selects_the_brokers_alone(release: Release) -> None:
    selector = release.one("PodDisruptionBudget")["spec"]["selector"]
    assert selector == release.workload["spec"]["selector"]


def test_pods_are_spread(release: Release) -> None:
    assert release.pod["topologySpreadConstraints"]


def test_no_secret_is_made(release: Release) -> None:
    assert not release.of_kind("Secret")


def test_no_secret_is_a_value(release: Release) -> None:
    url = re.compile(r"://[^/@\s]+:[^/@\s]+@")
    for text in strings(release.manifests):
        assert not url.search(text)
        assert "-----BEGIN" not in text and "$argon2" not in text


def test_environment_that_names_a_secret_takes_it_from_one(release: Release) -> None:
    for container in release.containers:
        for variable in container["env"]:
            if re.search("PASSWORD|TOKEN|SECRET|KEY", variable["name"]):
                value = variable.get("value", "")
                assert "valueFrom" in variable or value.startswith("/etc/warren/"), variable


def test_secret_files_are_not_for_others(release: Release) -> None:
    for pod in release.pods:
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o440


def test_secrets_are_mounted_whole_so_that_changes_arrive(release: Release) -> None:
    assert all("subPath" not in mount for mount in release.container["volumeMounts"])


def test_secrets_and_configuration_are_mounted_read_only(release: Release) -> None:
    volumes = {volume["name"]: volume for volume in release.pod["volumes"]}
    for mount in release.container["volumeMounts"]:
        if {"secret", "configMap"} & volumes.get(mount["name"], {}).keys():
            assert mount["readOnly"] is True


def test_whatever_the_configuration_names_is_mounted(release: Release) -> None:
    mounts = [mount["mountPath"] for mount in release.container["volumeMounts"]]
    for text in strings(release.configuration):
        if text.startswith("/"):
            assert any(text == mount or text.startswith(f"{mount}/") for mount in mounts), text


def test_images_are_never_the_latest(release: Release) -> None:
    for container in release.containers:
        assert re.search(r":(?!latest$)[\w.-]+$|@sha256:[0-9a-f]{64}$", container["image"])


def test_all_containers_have_one_image(release: Release) -> None:
    assert len({container["image"] for container in release.containers}) == 1


def test_containers_have_a_memory_limit_and_requests(release: Release) -> None:
    for container in release.containers:
        assert mebibytes(container["resources"]["limits"]["memory"]) > 0
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


def test_the_brokers_memory_limit_is_below_the_containers(release: Release) -> None:
    limit = mebibytes(release.configuration["memory"]["limit"].removesuffix("B"))
    container = mebibytes(release.container["resources"]["limits"]["memory"])
    assert 0.5 * container < limit <= 0.6 * container


def test_folders_in_memory_or_on_the_node_are_bounded(release: Release) -> None:
    for pod in release.pods:
        for volume in pod["volumes"]:
            if "emptyDir" in volume:
                assert mebibytes(volume["emptyDir"]["sizeLimit"]) > 0


def test_a_change_of_the_configuration_starts_pods_anew(release: Release) -> None:
    annotations = release.workload["spec"]["template"]["metadata"]["annotations"]
    assert re.fullmatch("[0-9a-f]{64}", annotations["checksum/config"])


def test_the_embedded_store_has_a_volume_and_one_broker(release: Release) -> None:
    claims = release.workload["spec"].get("volumeClaimTemplates", [])
    embedded = any(variable.get("value", "").startswith("rocksdb:")
                   for variable in release.container["env"])
    assert len(claims) == (1 if embedded else 0)
    if embedded:
        assert release.workload["spec"]["replicas"] == 1


def test_brokers_on_postgresql_tell_each_other_their_address(release: Release) -> None:
    told = [variable["value"] for variable in release.container["env"]
            if variable["name"] == "WARREN_ADVERTISE"]
    if release.workload["spec"]["replicas"] > 1:
        service = release.workload["spec"]["serviceName"]
        assert told == [f"$(POD_NAME).{service}.{NAMESPACE}.svc:7171"]


def test_a_variable_stands_behind_those_that_it_is_made_of(release: Release) -> None:
    seen: set[str] = set()
    for variable in release.container["env"]:
        assert set(re.findall(r"\$\((\w+)\)", variable.get("value", ""))) <= seen
        seen.add(variable["name"])


def test_pods_have_names_before_they_are_ready(release: Release) -> None:
    [headless] = [service for service in release.of_kind("Service")
                  if service["spec"].get("clusterIP") == "None"]
    assert headless["spec"]["publishNotReadyAddresses"] is True
    assert headless["metadata"]["name"] == release.workload["spec"]["serviceName"]


def test_clients_are_not_given_the_plain_text_port(release: Release) -> None:
    [service] = [service for service in release.of_kind("Service")
                 if service["spec"].get("clusterIP") != "None"]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["grpc"]


def test_services_select_the_brokers(release: Release) -> None:
    labels = release.workload["spec"]["template"]["metadata"]["labels"]
    for service in release.of_kind("Service"):
        assert service["spec"]["selector"].items() <= labels.items()


def test_the_tests_pod_is_no_broker(release: Release) -> None:
    selector = release.workload["spec"]["selector"]["matchLabels"]
    for job in release.of_kind("Job"):
        labels = job["spec"]["template"]["metadata"]["labels"]
        assert not selector.items() <= labels.items()


def test_what_reaches_the_pods_is_restricted(release: Release) -> None:
    policy = release.one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert all(rule.get("from") for rule in policy["ingress"])
    assert all(rule.get("ports") for rule in policy["ingress"] + policy["egress"])


def test_brokers_reach_each_other(release: Release) -> None:
    if release.workload["spec"]["replicas"] > 1:
        policy = release.one("NetworkPolicy")["spec"]
        own = {"podSelector": release.workload["spec"]["selector"]}
        assert any(own in rule.get("to", []) for rule in policy["egress"])


def test_without_tls_and_users_it_says_that_this_is_meant(release: Release) -> None:
    configuration = release.configuration
    if not ("tls" in configuration and "users" in configuration.get("auth", {})):
        assert configuration["auth"]["insecure"] is True


def test_resources_say_whose_they_are(release: Release) -> None:
    for manifest in release.manifests:
        if not manifest["metadata"]["name"].endswith("-more"):  # an example's own
            assert manifest["metadata"]["namespace"] == NAMESPACE
            assert manifest["metadata"]["labels"]["app.kubernetes.io/instance"] == "warren"


def test_names_are_unique(release: Release) -> None:
    names = [(manifest["kind"], manifest["metadata"]["name"]) for manifest in release.manifests]
    assert len(names) == len(set(names))


def test_what_cannot_change_has_no_version_in_it(release: Release) -> None:
    """A StatefulSet refuses changes of these, and with them the upgrade."""
    spec = release.workload["spec"]
    fixed = yaml.safe_dump([spec["selector"], spec.get("volumeClaimTemplates"),
                            spec["serviceName"]])
    assert "helm.sh/chart" not in fixed and "app.kubernetes.io/version" not in fixed

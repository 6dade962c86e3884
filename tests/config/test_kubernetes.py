"""The kustomization and the chart, rendered by kubectl and helm themselves and held to the schemas of Kubernetes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import kubernetes_validate
import pytest
import yaml

from tests.config.kubernetes import (
    CHART,
    KUSTOMIZE,
    Programs,
    Thing,
    component,
    containers,
    matches,
    names_of,
    of_kind,
    pods,
)
from webui import __version__

API_VERSIONS = ("1.25", "1.37")
"""The oldest that the chart names, and a new one."""
FULL: Thing = {
    "url": "https://chat.example.org:8443",
    "trustedProxies": ["10.0.0.0/8", "fd00::/8"],
    "admin": {"email": "root@example.org"},
    "settings": {"HEARTH_MAX_IMPORT_MB": 100000, "HEARTH_PICTURES": False, "HEARTH_SIGNUP": "closed"},
    "existingSecret": "site",
    "imagePullSecrets": [{"name": "registry"}],
    "web": {
        "podAnnotations": {"example.org/team": "chat"},
        "extraVolumes": [{"name": "handbook", "hostPath": {"path": "/srv/handbook"}}],
        "extraVolumeMounts": [{"name": "handbook", "mountPath": "/srv/handbook", "readOnly": True}],
    },
    "inference": {
        "settings": {"OLLAMA_MAX_QUEUE": 64},
        "resources": {"limits": {"memory": "16Gi"}},
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"key": "models", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    },
    "service": {"type": "NodePort", "port": 8000},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "certificate"},
    "persistence": {"data": {"storageClass": "fast"}, "models": {"existingClaim": "models"}},
    "networkPolicy": {"enabled": False},
}
SEVERAL: Thing = {
    "web": {"replicas": 3},
    "existingSecret": "site",
    "inference": {"existingSecret": "model-server"},
    "settings": {"HEARTH_VECTOR_STORE": "pgvector"},
    "persistence": {"data": {"accessModes": ["ReadWriteMany"]}},
}
KUSTOMIZATIONS = sorted(str(path.parent.relative_to(KUSTOMIZE)) for path in KUSTOMIZE.rglob("kustomization.yaml"))
CHARTS: dict[str, Thing] = {"the chart": {}, "the chart, all given": FULL, "the chart, several": SEVERAL}
GIVEN = {"hearth", "site", "model-server", "certificate", "models"}
"""What people bring along."""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("kubernetes"))


@pytest.fixture(scope="module", params=[*KUSTOMIZATIONS, *CHARTS])
def things(programs: Programs, request: pytest.FixtureRequest) -> list[Thing]:
    name: str = request.param
    return programs.chart(CHARTS[name]) if name in CHARTS else programs.kustomized(name)


def test_there_is_a_kustomization_to_apply() -> None:
    assert {"base", "overlays/ingress", "overlays/replicas"} <= set(KUSTOMIZATIONS)


@pytest.mark.parametrize("version", API_VERSIONS)
def test_everything_is_what_the_api_expects(things: list[Thing], version: str) -> None:
    for thing in things:
        kubernetes_validate.validate(thing, version, strict=True)


def test_site_and_model_server_run_with_volumes_of_their_own(things: list[Thing]) -> None:
    claims = [
        volume["persistentVolumeClaim"]["claimName"]
        for name in ("web", "inference")
        for volume in component(things, "Deployment", name)["spec"]["template"]["spec"]["volumes"]
        if "persistentVolumeClaim" in volume
    ]

    assert len(claims) == len(set(claims)) == 2
    assert set(claims) <= names_of(things, "PersistentVolumeClaim") | GIVEN


def test_one_process_at_a_time_owns_a_folder(things: list[Thing]) -> None:
    for deployment in of_kind(things, "Deployment"):
        assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_pods_may_do_nothing_that_they_need_not(things: list[Thing]) -> None:
    """The profile "restricted" of the Pod Security Standards, and beyond it a file system that is only read."""
    for pod in pods(things):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_variables_that_kubernetes_makes_of_services_stay_out(things: list[Thing]) -> None:
    # Of a service named `hearth` it would make HEARTH_PORT=tcp://10.0.0.1:80.
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in pods(things))


def test_only_the_volume_and_a_place_for_drafts_can_be_written(things: list[Thing]) -> None:
    for deployment in of_kind(things, "Deployment"):
        for container in containers(deployment["spec"]["template"]):
            writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
            assert writable == ["/data", "/tmp"]  # noqa: S108  (compared)


def test_every_container_says_what_it_needs(things: list[Thing]) -> None:
    for deployment in of_kind(things, "Deployment"):
        for container in containers(deployment["spec"]["template"]):
            assert container["resources"].get("requests", container["resources"].get("limits"))


def test_a_service_finds_the_pods_of_one_deployment(things: list[Thing]) -> None:
    for service in of_kind(things, "Service"):
        found = [
            deployment
            for deployment in of_kind(things, "Deployment")
            if matches(service["spec"]["selector"], deployment["spec"]["template"]["metadata"]["labels"])
        ]
        assert len(found) == 1
        (port,) = service["spec"]["ports"]
        (container,) = found[0]["spec"]["template"]["spec"]["containers"]
        assert port["targetPort"] in {named["name"] for named in container["ports"]}


def test_deployments_select_their_own_pods_alone(things: list[Thing]) -> None:
    for deployment in of_kind(things, "Deployment"):
        selector = deployment["spec"]["selector"]["matchLabels"]
        assert [pod for pod in pods(things) if matches(selector, pod["metadata"]["labels"])] == [
            deployment["spec"]["template"]
        ]


def test_the_site_alone_reaches_the_model_server(things: list[Thing]) -> None:
    for policy in of_kind(things, "NetworkPolicy"):
        guarded = [p for p in pods(things) if matches(policy["spec"]["podSelector"]["matchLabels"], labels_of(p))]
        ((source,),) = (rule["from"] for rule in policy["spec"]["ingress"])
        let_in = [p for p in pods(things) if matches(source["podSelector"]["matchLabels"], labels_of(p))]
        assert guarded == [component(things, "Deployment", "inference")["spec"]["template"]]
        assert let_in == [component(things, "Deployment", "web")["spec"]["template"]]


def labels_of(pod: Thing) -> Thing:
    labels: Thing = pod["metadata"]["labels"]
    return labels


def test_without_a_policy_or_beside_it_the_model_server_asks_for_a_key_or_is_told_not_to(things: list[Thing]) -> None:
    (container,) = component(things, "Deployment", "inference")["spec"]["template"]["spec"]["containers"]
    key = next(entry for entry in container["env"] if entry["name"] == "HEARTH_API_KEY")["valueFrom"]["secretKeyRef"]
    open_to_all = any(settings["data"].get("HEARTH_API_OPEN") == "yes" for settings in of_kind(things, "ConfigMap"))

    assert not key.get("optional") or open_to_all
    assert not open_to_all or of_kind(things, "NetworkPolicy")


def test_whatever_a_pod_names_is_there_or_may_be_missing(things: list[Thing]) -> None:
    for pod in pods(things):
        for container in containers(pod):
            for kind, reference in references(container):
                there = names_of(things, kind) | (GIVEN if kind == "Secret" else set())
                assert reference.get("optional") or reference["name"] in there, reference


def references(container: Thing) -> Iterator[tuple[str, Thing]]:
    for source in container.get("envFrom", []):
        yield from (("ConfigMap" if key == "configMapRef" else "Secret", named) for key, named in source.items())
    for entry in container.get("env", []):
        if "valueFrom" in entry:
            yield "Secret", entry["valueFrom"]["secretKeyRef"]


def test_of_the_secrets_the_model_server_is_given_its_own(things: list[Thing]) -> None:
    (container,) = component(things, "Deployment", "inference")["spec"]["template"]["spec"]["containers"]

    assert {entry["name"] for entry in container["env"] if "valueFrom" in entry} == {"HEARTH_API_KEY", "HF_TOKEN"}
    assert not [source for source in container["envFrom"] if "secretRef" in source]


def test_a_web_socket_outlives_the_time_outs_of_an_ingress(things: list[Thing]) -> None:
    for ingress in of_kind(things, "Ingress"):
        annotations = ingress["metadata"]["annotations"]
        assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= 3600
        (backend,) = [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]
        service = component(things, "Service", "web")
        assert backend["name"] == service["metadata"]["name"]
        assert backend["port"]["name"] == service["spec"]["ports"][0]["name"]


def test_the_site_answers_under_the_host_of_its_ingress(things: list[Thing]) -> None:
    for ingress in of_kind(things, "Ingress"):
        (host,) = [rule["host"] for rule in ingress["spec"]["rules"]]
        addresses = {settings["data"].get("HEARTH_URL", "") for settings in of_kind(things, "ConfigMap")}
        assert any(host in address for address in addresses)
        assert [hosts["hosts"] for hosts in ingress["spec"]["tls"]] == [[host]]


# ---- several web processes --------------------------------------------------------------------------------


@pytest.mark.parametrize("render", [lambda p: p.kustomized("overlays/replicas"), lambda p: p.chart(SEVERAL)])
def test_of_several_web_processes_one_at_a_time_prepares_the_database(
    programs: Programs, render: Callable[[Programs], list[Thing]]
) -> None:
    rendered = render(programs)
    deployment = component(rendered, "Deployment", "web")
    (prepare,) = deployment["spec"]["template"]["spec"]["initContainers"]
    (web,) = deployment["spec"]["template"]["spec"]["containers"]

    assert deployment["spec"]["replicas"] > 1
    assert (prepare["args"], web["args"]) == (["prepare"], ["web"])
    assert prepare["envFrom"][0] == web["envFrom"][0]
    assert component(rendered, "PersistentVolumeClaim", "web")["spec"]["accessModes"] == ["ReadWriteMany"]


# ---- the chart alone ----------------------------------------------------------------------------------------


def test_helm_finds_nothing_to_complain_about(programs: Programs) -> None:
    linted = programs.helm("lint", "--strict", str(CHART))

    assert linted.returncode == 0, linted.stdout
    assert "[WARNING]" not in linted.stdout


def test_the_chart_is_of_the_version_of_the_program() -> None:
    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == __version__


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"web": {"replicas": 2}}, "needs existingSecret with DATABASE_URL"),
        ({**SEVERAL, "settings": {}}, "needs settings.HEARTH_VECTOR_STORE"),
        ({**SEVERAL, "persistence": {}}, "needs persistence.data.accessModes: [ReadWriteMany]"),
        ({"ingress": {"enabled": True}}, "ingress.enabled needs url"),
        ({"url": "chat.example.org"}, "/url"),
        ({"url": "https://chat.example.org/hearth"}, "/url"),
        # Secrets come from Secrets.
        ({"settings": {"HEARTH_SECRET_KEY": "x"}}, "HEARTH_SECRET_KEY"),
        ({"settings": {"OPENAI_API_KEYS": "x"}}, "OPENAI_API_KEYS"),
        ({"settings": {"HEARTH_ADMIN_PASSWORD": "x"}}, "HEARTH_ADMIN_PASSWORD"),
        ({"settings": {"DATABASE_URL": "x"}}, "DATABASE_URL"),
        # These the chart needs for itself.
        ({"settings": {"HEARTH_PORT": 80}}, "HEARTH_PORT"),
        ({"settings": {"HEARTH_PICTURES": ["no"]}}, "/settings/HEARTH_PICTURES"),
        ({"replicas": 2}, "replicas"),
        ({"persistence": {"data": {"size": "much"}}}, "/persistence/data/size"),
    ],
)
def test_what_cannot_work_is_refused_in_words(programs: Programs, values: Thing, said: str) -> None:
    assert said in programs.refusal(values)


def test_settings_arrive_as_they_were_written(programs: Programs) -> None:
    rendered = programs.chart({"settings": {"HEARTH_MAX_IMPORT_MB": 1000000, "HEARTH_PICTURES": False}})

    data = component(rendered, "ConfigMap", "web")["data"]
    assert (data["HEARTH_MAX_IMPORT_MB"], data["HEARTH_PICTURES"]) == ("1000000", "false")


def test_other_programs_of_the_cluster_may_ask_the_site_by_the_names_of_its_service(programs: Programs) -> None:
    rendered = programs.chart({}, release="chat", namespace="talk")

    service = component(rendered, "Service", "web")["metadata"]["name"]
    names = component(rendered, "ConfigMap", "web")["data"]["HEARTH_ALLOWED_HOSTS"].split(",")
    assert names == [service, f"{service}.talk", f"{service}.talk.svc"]


@pytest.mark.parametrize(("changed", "kept"), [("web", "inference"), ("inference", "web")])
def test_a_changed_setting_starts_anew_whom_it_concerns(programs: Programs, changed: str, kept: str) -> None:
    settings = {
        "web": {"settings": {"HEARTH_SIGNUP": "open"}},
        "inference": {"inference": {"settings": {"OLLAMA_KEEP_ALIVE": "1h"}}},
    }
    # Without the key that is made anew where there is no cluster.
    own_key = {"existingSecret": "model-server"}
    before = programs.chart({"inference": own_key})
    after = programs.chart({**settings[changed], "inference": {**settings[changed].get("inference", {}), **own_key}})

    def template(things: list[Thing], name: str) -> Thing:
        found: Thing = component(things, "Deployment", name)["spec"]["template"]
        return found

    assert template(before, changed) != template(after, changed)
    assert template(before, kept) == template(after, kept)


def test_no_secret_is_made_where_all_are_given(programs: Programs) -> None:
    given = {
        "admin": {"email": "root@example.org", "existingSecret": "site"},
        "inference": {"existingSecret": "model-server"},
    }

    assert of_kind(programs.chart(given), "Secret") == []


def test_what_is_on_the_volumes_outlives_the_release(programs: Programs) -> None:
    claims = of_kind(programs.chart({}), "PersistentVolumeClaim")

    assert len(claims) == 2
    for claim in claims:
        assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def secret_values(rendered: list[Thing]) -> dict[str, str]:
    return {name: value for secret in of_kind(rendered, "Secret") for name, value in secret["data"].items()}


def test_secrets_are_made_at_random(programs: Programs) -> None:
    values = {"admin": {"email": "root@example.org"}}
    first, second = secret_values(programs.chart(values)), secret_values(programs.chart(values))

    assert first.keys() == second.keys() == {"HEARTH_API_KEY", "HEARTH_ADMIN_PASSWORD"}
    assert not set(first.values()) & set(second.values())
    assert all(len(base64.b64decode(value)) >= 24 for value in first.values())


KINDS = {
    "v1": {"ConfigMap": "configmaps", "PersistentVolumeClaim": "persistentvolumeclaims", "Pod": "pods",
           "Secret": "secrets", "Service": "services"},
    "apps/v1": {"Deployment": "deployments"},
    "networking.k8s.io/v1": {"Ingress": "ingresses", "NetworkPolicy": "networkpolicies"},
}  # fmt: skip


class Cluster(BaseHTTPRequestHandler):
    """As much of a cluster's API as helm asks in order to look Secrets up: which kinds there are, and the Secrets."""

    secrets: dict[str, Thing] = {}

    def do_GET(self) -> None:  # noqa: N802  (http.server's name)
        body = self._answer(self.path.partition("?")[0])
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body or {"kind": "Status", "apiVersion": "v1", "code": 404}).encode())

    def _answer(self, path: str) -> Thing | None:
        if path == "/version":
            return {"major": "1", "minor": "35", "gitVersion": "v1.35.0"}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = [{"groupVersion": version, "version": "v1"} for version in KINDS if "/" in version]
            groups = [{"name": v["groupVersion"][:-3], "versions": [v], "preferredVersion": v} for v in versions]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in KINDS:
            kinds = [
                {"name": plural, "namespaced": True, "kind": kind, "verbs": ["get"]}
                for kind, plural in KINDS[version].items()
            ]
            return {"kind": "APIResourceList", "groupVersion": version, "resources": kinds}
        return self.secrets.get(path.removeprefix("/api/v1/namespaces/default/secrets/"))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Cluster) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_what_was_made_at_the_first_installation_is_kept_by_an_upgrade(
    programs: Programs, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"admin": {"email": "root@example.org"}}
    asked = ("--dry-run=server", "--kube-apiserver", cluster, "--disable-openapi-validation")
    installed = programs.chart(values, *asked)
    for secret in of_kind(installed, "Secret"):
        # As helm itself marks what it has installed.
        marks = {"meta.helm.sh/release-name": "hearth", "meta.helm.sh/release-namespace": "default"}
        secret["metadata"]["annotations"] = marks
        monkeypatch.setitem(Cluster.secrets, secret["metadata"]["name"], secret)

    upgraded = programs.chart(values, *asked)

    assert secret_values(upgraded) == secret_values(installed)
    assert len(secret_values(installed)) == 2

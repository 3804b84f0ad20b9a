# SPDX-License-Identifier: Apache-2.0
"""The chart: rendered in each of its shapes and taken strictly by the API server; its rights; test, drain, install again."""
import json

import pytest
import yaml

import rig

CHART = rig.ROOT / "charts" / "stereo-operator"
SHAPES = {
    "default": [],
    "namespace": ["scope=namespace", "watchNamespaces={chart-a,chart-b}"],
    "watched": ["watchNamespaces={chart-a}"],
    "external-redis": ["redis.bundled=false", "redis.url=rediss://redis.example:6380", "redis.existingSecret=r"],
    "all": ["imagePullSecrets={pull}", "caConfigMap=ca", "worker.caConfigMap=ca", "priorityClassName=p",
            "redis.persistence.enabled=true", "proxy.http=http://proxy:3128", "proxy.no=a\\,b",
            "nodeSelector.disk=ssd", "podLabels.team=films", "podAnnotations.note=x", "key.existingSecret=k"],
}


def render(node, shape, *more):
    sets = [word for value in SHAPES[shape] for word in ("--set", value)]
    version = json.loads(node.kubectl("get", "--raw", "/version"))
    return node.helm("template", "x", CHART, "-n", "chart-a", "--include-crds", "--kube-version",
                     version["gitVersion"], *sets, *more).stdout


def test_lint(node):
    assert "0 chart(s) failed" in node.helm("lint", "--strict", CHART).stdout


def test_crd_is_the_one_of_the_fields():
    ours = sorted(path.name for path in (rig.ROOT / "crds").glob("*.yaml"))
    assert ours and ours == sorted(path.name for path in (CHART / "crds").glob("*.yaml"))
    for name in ours:
        assert (rig.ROOT / "crds" / name).read_bytes() == (CHART / "crds" / name).read_bytes()


@pytest.mark.parametrize("values, word", [
    ("wrker.image=x", "wrker"), ("scope=all", "scope"), ("redis.bundled=false", "url"), ("replicas=0", "replicas"),
    ("log.level=loud", "level"), ("worker.image=https://x/y", "image"), ("leaderElection.enabled=false", "enabled")])
def test_wrong_values_are_named(node, values, word):
    done = node.helm("template", "x", CHART, "--kube-version", "1.36", "--set", values, check=False)
    assert done.returncode != 0 and word in done.stderr, done.stderr


@pytest.mark.parametrize("shape", SHAPES)
def test_api_server_takes_it(node, shape):
    """Strictly: an unknown or doubled field is an error."""
    for space in ("chart-a", "chart-b"):
        node.namespace(space)
    docs = [doc for doc in yaml.safe_load_all(render(node, shape)) if doc]
    assert len(docs) > 12
    spaces = {}
    for doc in docs:
        if doc["kind"] == "Pod":
            doc["spec"].pop("serviceAccountName")  # it is only made by the test itself
        spaces.setdefault(doc["metadata"].get("namespace", "chart-a"), []).append(doc)
    for space, items in spaces.items():
        node.kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-n", space,
                     "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


@pytest.mark.parametrize("url, port", [("redis://10.0.0.17", 6379), ("redis://10.0.0.17/2", 6379),
                                       ("rediss://redis.example:6380/2", 6380)])
def test_the_way_to_an_external_redis_is_open(node, url, port):
    text = render(node, "external-redis", "--set", "redis.url=" + url)
    policy, = [doc for doc in yaml.safe_load_all(text) if doc and doc["kind"] == "NetworkPolicy"]
    assert [{"port": port}] in [rule["ports"] for rule in policy["spec"]["egress"]]


def test_pods_are_restricted(node):
    """All the chart's pods under enforced restricted Pod Security."""
    node.namespace("chart-restricted")
    node.kubectl("label", "namespace", "chart-restricted", "--overwrite", "pod-security.kubernetes.io/enforce=restricted")
    pods = []
    for doc in yaml.safe_load_all(render(node, "default")):
        if doc and doc["kind"] in ("Deployment", "StatefulSet", "Job"):
            pods.append((doc["kind"], doc["spec"]["template"]["spec"]))
        elif doc and doc["kind"] == "Pod":
            pods.append(("Pod", doc["spec"]))
    assert sorted(kind for kind, _ in pods) == ["Deployment", "Job", "Pod", "StatefulSet"]
    for kind, spec in pods:
        spec.pop("serviceAccountName", None)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": kind.lower()}, "spec": spec}
        if kind == "StatefulSet":
            spec.setdefault("volumes", [])
        node.kubectl("apply", "--dry-run=server", "-n", "chart-restricted", "-f", "-", stdin=json.dumps(pod))


def test_every_setting_is_in_the_chart(operator):
    """What `stereo-operator --table` lists for the chart can be set by it."""
    pod = operator.operator_pods()[0]["metadata"]["name"]
    table = json.loads(operator.kubectl("exec", "-n", rig.SYSTEM, pod, "--", "/usr/bin/stereo-operator", "--table"))
    text = (CHART / "templates" / "_helpers.tpl").read_text(encoding="utf-8")
    wanted = [row["env"].removeprefix("STEREO_") for row in table if row["value"]]
    assert len(wanted) > 20
    assert not [name for name in wanted if '"%s"' % name not in text]
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    for row in table:
        at = values
        for part in row["value"].split(".") if row["value"] else []:
            if part in ("passwordFile", "file"):
                break  # the chart's own paths
            assert isinstance(at, dict) and part in at, row["value"]
            at = at[part]


def test_upgrade_keeps_key_and_passwords(operator):
    names = [rig.RELEASE + "-key", rig.RELEASE + "-redis"]
    before = [operator.get("secret", "-n", rig.SYSTEM, name)["data"] for name in names]
    operator.install()
    assert before == [operator.get("secret", "-n", rig.SYSTEM, name)["data"] for name in names]

# SPDX-License-Identifier: Apache-2.0
"""helm test, no request refused to the operator, and an uninstall after which nothing hangs. Runs after test_first."""
import subprocess

import pytest
import yaml

import rig
from test_first import submit, fetch_and_check

pytestmark = pytest.mark.alone

ACCOUNT = "system:serviceaccount:%s:%s" % (rig.SYSTEM, rig.RELEASE)


def test_helm_test(operator):
    """Without an S3 it converts a film all the same. Its pod is gone at once when all went well, and its log with it."""
    test = subprocess.Popen(["helm", "test", rig.RELEASE, "-n", rig.SYSTEM, "--timeout", "180s"], env=operator.env,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = rig.until("a log of the test", lambda: operator.kubectl(
        "logs", "-f", "-n", rig.SYSTEM, rig.RELEASE + "-test", check=False, timeout=180), 60, every_s=0.1)
    said, _ = test.communicate(timeout=200)
    assert test.returncode == 0, said + log
    assert "50 frames" in log and "wrote its status" in log, log


@pytest.mark.own_node("its audit log is read")
def test_rights_are_enough_and_few(operator):
    """From the audit log: nothing was refused, and no right was given that no test needed."""
    asked, allowed, refused = set(), set(), []
    for entry in operator.audit():
        if entry["user"].get("username") != ACCOUNT or "objectRef" not in entry:
            continue
        ref = entry["objectRef"]
        resource = ref.get("resource", "") + ("/" + ref["subresource"] if ref.get("subresource") else "")
        request = (ref.get("apiGroup", ""), resource, entry["verb"])
        asked.add(request)
        answer = entry.get("responseStatus", {})
        if entry["requestReceivedTimestamp"] < operator.since:
            continue  # of a kept cluster: its uninstall takes the rights before the pods
        if answer.get("code") != 403:
            allowed.add(request)
        elif "it is being terminated" not in answer.get("message", ""):
            refused.append((request, answer.get("message", "")))
    assert asked, "the operator asked nothing"
    # A right that is missing is refused each time; an API server that was just started does not know its roles yet.
    refused = [(request, message) for request, message in refused if request not in allowed]
    assert not refused
    given = set()
    rules = operator.get("clusterrole", rig.RELEASE)["rules"]
    for rule in rules:
        given |= {(group, resource, verb) for group in rule["apiGroups"] for resource in rule["resources"]
                  for verb in rule["verbs"]}
    # Seldom, or checked by admission and not a request: blockOwnerDeletion, claims, a repeated event, an object that
    # was changed meanwhile; lists by servers that do not stream them; the pods of four segments or more at once.
    seldom = {("stereojob.io", "stereojobs/finalizers", "update"), ("", "persistentvolumeclaims", "get"),
              ("", "pods", "list"), ("stereojob.io", "stereojobs", "list"), ("events.k8s.io", "events", "patch"), ("", "pods", "get"),
              ("stereojob.io", "stereojobs", "get"), ("", "pods", "deletecollection")}
    assert not given - asked - seldom


def test_uninstall_and_install_again(operator, space, bucket, film, tmp_path):
    """A job under way outlives its operator: no finalizer is left, and the next operator finishes it."""
    name = submit(space, bucket, film, seconds=1, parallelism=1)
    rig.until("a segment is done", lambda: space.status(name).get("completed", 0) >= 1, 90, every_s=0.2)
    operator.helm("uninstall", rig.RELEASE, "-n", rig.SYSTEM, "--wait", "--timeout", "150s")
    for kind in ("stereojobs", "pods"):
        left = [item["metadata"]["name"] for item in operator.get(kind, "-A")["items"]
                if any(f.startswith("stereojob.io/") for f in item["metadata"].get("finalizers", []))]
        assert not left, "%s with our finalizer: %s" % (kind, left)
    operator.install()
    space.wait(name, "Completed")
    fetch_and_check(space, bucket, film, tmp_path)


def test_examples_are_valid(operator):
    for path in sorted((rig.ROOT / "examples").glob("*.yaml")):
        if yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]["source"]["uri"].startswith(("s3:", "pvc:")):
            operator.kubectl("apply", "--dry-run=server", "--validate=strict", "-n", "default", "-f", str(path))

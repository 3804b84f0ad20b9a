# SPDX-License-Identifier: Apache-2.0
"""What a job depends on goes away in the middle of it: Redis with all it knew, the API server, the node."""
import base64
import time

import pytest

import rig
from test_faults import running
from test_first import fetch_and_check, submit

pytestmark = pytest.mark.alone

REDIS = rig.RELEASE + "-redis"


def one_is_done(space, name):
    rig.until(lambda: "a segment is done: %s" % space.status(name),
              lambda: space.status(name).get("completed", 0) >= 1, 120, every_s=0.1)


def redis_cli(node, *words):
    password = base64.b64decode(node.get("secret", "-n", rig.SYSTEM, REDIS)["data"]["operator-password"]).decode()
    return node.kubectl("exec", "-n", rig.SYSTEM, REDIS + "-0", "--", "redis-cli", "--no-auth-warning", "--user",
                        "operator", "--pass", password, *words).strip()


def finish(space, bucket, film, folder, name, live, segments):
    """Completed, the film as it should be, nothing counted as failed and nothing done by two at a time."""
    status = space.wait(name, "Completed", 300)["status"]
    assert status["completed"] == segments, status
    assert status["failedPods"] == 0, status
    assert live.seen and not live.doubles
    rig.until("no finalizer is left", lambda: not [
        pod for pod in space.pods(name) if pod["metadata"].get("finalizers")], 30)
    fetch_and_check(space, bucket, film, folder)


def test_redis_loses_all(space, bucket, film, tmp_path):
    """First what it knew of the job, then its pod and its data. It is the authority on nothing."""
    name = submit(space, bucket, film, seconds=1, parallelism=2, cpu="200m")
    uid = space.job(name)["metadata"]["uid"]
    keys = ["sj:{%s}:done" % uid, "sj:{%s}:beat" % uid]
    with rig.LivePods(space) as live:
        one_is_done(space, name)
        rig.until("Redis knows of the job", lambda: redis_cli(space.node, "exists", *keys) != "0", 30)
        assert redis_cli(space.node, "del", *keys) != "0"
        before = space.node.get("pod", "-n", rig.SYSTEM, REDIS + "-0")["metadata"]["uid"]
        space.node.kubectl("delete", "pod", "-n", rig.SYSTEM, REDIS + "-0", "--grace-period=0", "--force")
        assert space.status(name)["phase"] == "Converting", space.status(name)
        finish(space, bucket, film, tmp_path, name, live, 6)
    space.node.kubectl("rollout", "status", "-n", rig.SYSTEM, "statefulset/" + REDIS, "--timeout=60s")
    assert space.node.get("pod", "-n", rig.SYSTEM, REDIS + "-0")["metadata"]["uid"] != before


@pytest.mark.own_node("its API server is killed")
def test_the_api_server_is_killed(space, bucket, film, tmp_path):
    """kill -9; the workers go on meanwhile, and the operator finds what they did."""
    name = submit(space, bucket, film, seconds=1, parallelism=2, cpu="200m")
    with rig.LivePods(space) as live:
        one_is_done(space, name)
        space.node.kill("kube-apiserver")
        with pytest.raises(AssertionError):
            space.node.kubectl("get", "--raw", "/readyz")
        time.sleep(3)
        space.node.up()
        assert space.status(name)["phase"] == "Converting", space.status(name)
        finish(space, bucket, film, tmp_path, name, live, 6)


@pytest.mark.own_node("a second one is started beside it")
def test_a_node_is_drained(space, bucket, film, tmp_path):
    """By eviction, as PodDisruptionBudgets allow: the job, the operator and Redis go on on the other node."""
    space.node.second("up")
    try:
        name = submit(space, bucket, film, seconds=1, parallelism=2, cpu="200m")
        with rig.LivePods(space) as live:
            one_is_done(space, name)
            rig.until("a pod runs on node1", lambda: [
                pod for pod in running(space, name) if pod["spec"]["nodeName"] == "node1"], 60, every_s=0.1)
            space.node.kubectl("drain", "node1", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
            left = [pod["metadata"]["name"] for pod in space.node.get(
                "pods", "-A", "--field-selector", "spec.nodeName=node1")["items"]]
            assert not left, left
            finish(space, bucket, film, tmp_path, name, live, 6)
        assert live.ended, "no pod of the job was drained"
    finally:
        space.node.kubectl("uncordon", "node1")
        space.node.kubectl("drain", "node2", "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s")
        space.node.second("leave")

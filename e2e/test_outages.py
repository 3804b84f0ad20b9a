# SPDX-License-Identifier: Apache-2.0
"""What a job depends on goes away in the middle of it: Redis with all it knew, the API server, the node."""
import base64
import subprocess
import time

import pytest

import rig
from test_faults import running
from test_first import fetch_and_check, submit

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
    return status


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
        relists = live.relists
        space.node.kill("kube-apiserver")
        with pytest.raises(AssertionError):
            space.node.kubectl("get", "--raw", "/readyz")
        time.sleep(3)
        space.node.up()
        assert space.status(name)["phase"] == "Converting", space.status(name)
        finish(space, bucket, film, tmp_path, name, live, 6)
        assert live.relists > relists


@pytest.mark.own_node("its only node is drained, of the operator too")
def test_the_node_is_drained(space, bucket, film, tmp_path):
    """All pods of all namespaces, as for a new kernel; what cannot be anywhere else waits for the node to come back."""
    name = submit(space, bucket, film, seconds=1, parallelism=2, cpu="200m")
    node = space.node.get("nodes")["items"][0]["metadata"]["name"]
    with rig.LivePods(space) as live:
        one_is_done(space, name)
        running(space, name)
        # The pods of the job keep our finalizer until an operator runs again: so the drain itself does not end here.
        drain = subprocess.Popen(["kubectl", "drain", node, "--force", "--disable-eviction", "--ignore-daemonsets",
                                  "--delete-emptydir-data"], env=space.node.env, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        try:
            rig.until("nothing runs on the node", lambda: not [
                pod for pod in space.node.get("pods", "-A")["items"]
                if pod["spec"].get("nodeName") == node and pod["status"]["phase"] == "Running"], 90)
        finally:
            drain.terminate()
            print(drain.communicate(timeout=20)[0])
            space.node.kubectl("uncordon", node)
        status = finish(space, bucket, film, tmp_path, name, live, 6)
    assert status["interruptedPods"] >= 1, status

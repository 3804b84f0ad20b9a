# SPDX-License-Identifier: Apache-2.0
"""What nodes, images and administrators do to a running job."""
import json
import os
import signal

import yaml

import rig
from test_first import example, fetch_and_check, submit


def running(space, name, stage="convert", timeout_s=90):
    """The pods of a stage that run now."""
    return rig.until("a %s pod of %s runs" % (stage, name), lambda: [
        pod for pod in space.pods(name) if pod["metadata"]["labels"]["stereojob.io/stage"] == stage and
        pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")], timeout_s, every_s=0.1)


def condition(space, name, kind):
    """Its message while it is True."""
    for one in space.status(name).get("conditions", []):
        if one["type"] == kind and one["status"] == "True":
            return one["message"] or "-"
    return None


def test_no_node_has_such_a_gpu(space, bucket, film, tmp_path):
    """It waits with the scheduler's words, and ends when the user says how long."""
    space.s3.upload_file(str(film.path), bucket, "big-buck-bunny.mp4")
    job = yaml.safe_load(example("s3.yaml"))
    job["spec"]["resources"]["gpu"] = {"name": "example.com/none", "count": 1}
    job["spec"]["pendingDeadlineSeconds"] = 20
    space.apply(job)
    words = rig.until("WaitingForGPU", lambda: condition(space, "big-buck-bunny", "WaitingForGPU"), 60)
    assert "example.com/none" in words, words
    letter = space.wait("big-buck-bunny", "Failed", 90)["status"]["deadLetters"][0]
    assert "pendingDeadlineSeconds" in letter["message"], letter


def test_evicted_it_is_no_failure(space, bucket, film, tmp_path):
    """As a drain does it, pod by pod."""
    name = submit(space, bucket, film, seconds=2, parallelism=1, cpu="200m")
    pod = running(space, name)[0]["metadata"]["name"]
    space.node.kubectl("create", "-f", "-", "--raw", "/api/v1/namespaces/%s/pods/%s/eviction" % (space.name, pod),
                       stdin=json.dumps({"apiVersion": "policy/v1", "kind": "Eviction",
                                         "metadata": {"name": pod, "namespace": space.name}}))
    space.wait(name, "Completed", 300)
    status = space.status(name)
    assert status["failedPods"] == 0, status
    assert status["interruptedPods"] >= 1, status
    fetch_and_check(space, bucket, film, tmp_path)


def test_a_worker_is_killed(space, bucket, film, tmp_path):
    name = submit(space, bucket, film, seconds=2, parallelism=1, cpu="100m")
    pids = rig.until("a process that converts", lambda: [
        pid for pod in running(space, name) for pid in space.node.processes(pod)], 120, every_s=0.05)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    space.wait(name, "Completed", 300)
    assert space.status(name)["failedPods"] + space.status(name)["interruptedPods"] >= 1
    fetch_and_check(space, bucket, film, tmp_path)


def test_an_upgrade_under_a_job(space, bucket, film, tmp_path):
    name = submit(space, bucket, film, seconds=0.5, parallelism=1)
    running(space, name)
    before = {pod["metadata"]["name"] for pod in space.node.operator_pods()}
    space.node.install("--set", "log.level=debug")
    space.wait(name, "Completed", 300)
    assert before.isdisjoint(pod["metadata"]["name"] for pod in space.node.operator_pods())
    fetch_and_check(space, bucket, film, tmp_path)

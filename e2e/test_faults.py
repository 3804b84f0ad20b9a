# SPDX-License-Identifier: Apache-2.0
"""What nodes, images and administrators do to a running job."""
import contextlib
import json
import os
import signal
import time

import pytest
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
    job = yaml.safe_load(example("s3.yaml", bucket))
    job["spec"]["resources"]["gpu"] = {"name": "example.com/none", "count": 1}
    job["spec"]["pendingDeadlineSeconds"] = 20
    space.apply(job)
    words = rig.until("WaitingForGPU", lambda: condition(space, "big-buck-bunny", "WaitingForGPU"), 60)
    assert "example.com/none" in words, words
    letter = space.wait("big-buck-bunny", "Failed", 90)["status"]["deadLetters"][0]
    assert "pendingDeadlineSeconds" in letter["message"], letter


def test_evicted_it_is_no_failure(space, bucket, film, tmp_path):
    """As a drain does it, pod by pod."""
    name = submit(space, bucket, film, seconds=3, parallelism=1, cpu="200m")
    pod = running(space, name)[0]["metadata"]["name"]
    time.sleep(1.5)  # before it listens to it a container's first process does not hear SIGTERM
    space.node.kubectl("create", "-f", "-", "--raw", "/api/v1/namespaces/%s/pods/%s/eviction" % (space.name, pod),
                       stdin=json.dumps({"apiVersion": "policy/v1", "kind": "Eviction",
                                         "metadata": {"name": pod, "namespace": space.name}}))
    space.wait(name, "Completed", 300)
    status = space.status(name)
    assert status["failedPods"] == 0, status
    assert status["interruptedPods"] >= 1, status
    fetch_and_check(space, bucket, film, tmp_path)


@pytest.mark.own_node("its processes are killed")
def test_a_worker_of_each_stage_is_killed(space, bucket, film, tmp_path):
    """kill -9: each is counted and tried again, and the film is the same."""
    name = submit(space, bucket, film, seconds=2, parallelism=1, cpu="200m", auxiliary="50m")
    with rig.LivePods(space) as live:
        for stage in ("plan", "convert", "assemble"):
            pids = rig.until("a process that does " + stage, lambda wanted=stage: [
                pid for pod in space.pods(name) if pod["metadata"]["labels"]["stereojob.io/stage"] == wanted
                for pid in space.node.processes(pod)], 120, every_s=0.02)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):  # the child of one that was just killed
                    os.kill(pid, signal.SIGKILL)
        space.wait(name, "Completed", 300)
    status = space.status(name)
    assert status["failedPods"] + status["interruptedPods"] >= 3, status
    assert not live.doubles
    fetch_and_check(space, bucket, film, tmp_path)


@pytest.mark.alone
def test_an_image_that_is_not_there(space, bucket, film, tmp_path):
    """The condition names it. The job waits, and goes on by what the runbook says."""
    missing = rig.IMAGES["worker"].replace(":dev", ":is-missing")
    space.node.install("--set", "worker.image=" + missing)
    try:
        name = submit(space, bucket, film, seconds=6, parallelism=1)
        words = rig.until("ImagePullFailed", lambda: condition(space, name, "ImagePullFailed"), 60)
        assert missing in words, words
        assert space.status(name)["phase"] not in rig.OVER
    finally:
        space.node.install()
    space.node.kubectl("delete", "pod", "-n", space.name, "-l", "stereojob.io/job=" + name,
                       "--field-selector", "status.phase=Pending")
    space.wait(name, "Completed")
    assert not condition(space, name, "ImagePullFailed")
    fetch_and_check(space, bucket, film, tmp_path)


@pytest.mark.alone
@pytest.mark.own_node("an image is put into it")
def test_an_image_that_comes_late(space, bucket, film, tmp_path):
    """As when a push to the registry, or its password, comes late: nobody has to touch the job."""
    late = "localhost/stereo-worker:late"
    space.node.ctr("image", "rm", late)
    space.node.install("--set", "worker.image=" + late)
    try:
        name = submit(space, bucket, film, seconds=6, parallelism=1)
        rig.until("ImagePullFailed", lambda: condition(space, name, "ImagePullFailed"), 60)
        space.node.ctr("image", "tag", rig.IMAGES["worker"], late)
        space.wait(name, "Completed")
    finally:
        space.node.install()
    assert space.status(name)["failedPods"] == 0
    fetch_and_check(space, bucket, film, tmp_path)


def test_a_secret_that_is_not_there(space, bucket, film):
    """The job fails within its deadline and names it. Its cleaning waits for a minute, in which the Secret may come."""
    job = yaml.safe_load(example("s3.yaml", bucket))
    job["metadata"]["name"] = "nameless"
    job["spec"]["source"]["secretName"] = job["spec"]["output"]["secretName"] = "no-such-secret"
    job["spec"]["pendingDeadlineSeconds"] = 15
    begin = time.monotonic()
    space.apply(job)
    letter = space.wait("nameless", "Failed", 60)["status"]["deadLetters"][0]
    assert time.monotonic() - begin < 45
    assert "no-such-secret" in letter["message"], letter
    space.node.kubectl("delete", "stereojob", "nameless", "-n", space.name, "--wait=false")
    space.secret_for_s3("no-such-secret")
    space.node.kubectl("wait", "--for=delete", "stereojob/nameless", "-n", space.name, "--timeout=45s")


@pytest.mark.soak
def test_a_secret_that_was_taken_away(space, bucket, film):
    """The cleaning cannot read its keys: it is given up after a minute, an event says what is left, and the job is gone."""
    name = submit(space, bucket, film, seconds=2, parallelism=1, cpu="200m")
    running(space, name)
    space.node.kubectl("delete", "secret", "films-s3", "-n", space.name)
    space.node.kubectl("delete", "stereojob", name, "-n", space.name, "--timeout=150s")
    assert not [pod for pod in space.pods() if pod["metadata"].get("finalizers")]
    notes = [event["message"] for event in space.node.get("events", "-n", space.name)["items"]
             if event["involvedObject"]["kind"] == "StereoJob"]
    assert [note for note in notes if "films-s3" in note], notes


@pytest.mark.alone
def test_an_upgrade_under_a_job(space, bucket, film, tmp_path):
    name = submit(space, bucket, film, seconds=1, parallelism=1)
    running(space, name)
    before = {pod["metadata"]["name"] for pod in space.node.operator_pods()}
    space.node.install("--set", "log.level=debug")
    space.wait(name, "Completed", 300)
    assert before.isdisjoint(pod["metadata"]["name"] for pod in space.node.operator_pods())
    fetch_and_check(space, bucket, film, tmp_path)

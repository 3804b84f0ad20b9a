# SPDX-License-Identifier: Apache-2.0
"""What a user does first: apply an example, get the film, stop and go on, delete, lose the operator."""
import time

import pytest
import yaml

import rig
from conftest import FRAMES

OUTPUT = "big-buck-bunny_LRF_Full_SBS.mp4"


def example(name, bucket=None):
    """Its text; with bucket, with its films there."""
    text = (rig.ROOT / "examples" / name).read_text(encoding="utf-8")
    return text.replace("s3://films/", "s3://%s/" % bucket) if bucket else text


def submit(space, bucket, film, seconds, parallelism, name="film", cpu=None, auxiliary=None):
    """The S3 example with another cut; cpu, auxiliary: no more than this for a pod, to make it slow."""
    space.s3.upload_file(str(film.path), bucket, "big-buck-bunny.mp4")
    job = yaml.safe_load(example("s3.yaml", bucket))
    job["metadata"]["name"] = name
    job["spec"]["segment"]["seconds"] = seconds
    job["spec"]["parallelism"] = parallelism
    if cpu:
        job["spec"]["resources"] = {"requests": {"cpu": cpu}, "limits": {"cpu": cpu}}
    if auxiliary:
        job["spec"]["auxiliary"] = {"resources": {"requests": {"cpu": auxiliary}, "limits": {"cpu": auxiliary}}}
    space.apply(job)
    return name


def fetch_and_check(space, bucket, film, folder):
    path = folder / "out.mp4"
    space.s3.download_file(bucket, OUTPUT, str(path))
    rig.check_film(film.path, path, FRAMES)


def work_objects(s3, bucket):
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=".stereojob/").get("Contents", [])
    return [item["Key"] for item in listed]


def test_s3_example(films_bucket, space, film, tmp_path):
    """As it is."""
    space.s3.upload_file(str(film.path), films_bucket, "big-buck-bunny.mp4")
    space.apply(example("s3.yaml"))
    job = space.wait("big-buck-bunny", "Completed")
    assert job["status"]["completedIndexes"] == "0-2"
    assert job["status"]["progress"] == "100%"
    assert job["status"]["failedPods"] == 0
    reasons = {event["reason"] for event in space.node.get("events", "-n", space.name)["items"]
               if event["involvedObject"]["kind"] == "StereoJob"}
    assert "Completed" in reasons
    assert "Degraded" not in reasons  # Redis was there and its users may what they need
    fetch_and_check(space, films_bucket, film, tmp_path)


@pytest.mark.own_node("the volume is a folder of it")
def test_pvc_example(space, film, tmp_path):
    folder = space.node.folder / "volumes" / space.name
    space.claim("films", folder)
    (folder / "film.mp4").write_bytes(film.path.read_bytes())
    space.apply(example("pvc.yaml"))
    space.wait("film-on-a-volume", "Completed")
    rig.check_film(film.path, folder / "3d" / "film_LRF_Full_SBS.mp4", FRAMES)
    space.node.kubectl("delete", "pv", space.name + "-films", "--wait=false")


def test_gpu_is_asked_for(space, bucket, film, tmp_path):
    if not any("nvidia.com/gpu" in one["status"]["allocatable"] for one in space.node.get("nodes")["items"]):
        pytest.skip("no node of the cluster has nvidia.com/gpu")
    space.s3.upload_file(str(film.path), bucket, "big-buck-bunny.mp4")
    job = yaml.safe_load(example("s3.yaml", bucket))
    job["spec"]["resources"]["limits"] = {"nvidia.com/gpu": 1}
    space.apply(job)
    seen = {}

    def look():
        for pod in space.pods("big-buck-bunny"):
            limits = pod["spec"]["containers"][0]["resources"].get("limits", {})
            seen[pod["metadata"]["name"]] = (pod["metadata"]["labels"]["stereojob.io/stage"], limits)
        return space.status("big-buck-bunny").get("phase") in rig.OVER
    rig.until("the end", look, 240, every_s=0.2)
    space.wait("big-buck-bunny", "Completed")
    for stage, limits in seen.values():
        assert limits.get("nvidia.com/gpu") == ("1" if stage == "convert" else None), seen
    assert {stage for stage, _ in seen.values()} >= {"convert"}, seen
    fetch_and_check(space, bucket, film, tmp_path)


def test_suspend_and_resume(space, bucket, film, tmp_path):
    name = submit(space, bucket, film, seconds=1, parallelism=1)
    rig.until("a segment is done", lambda: space.status(name).get("completed", 0) >= 1, 90, every_s=0.2)
    space.patch(name, {"spec": {"suspend": True}})
    job = space.wait(name, "Suspended", timeout_s=60)
    done = job["status"]["completed"]
    assert 1 <= done < 6
    rig.until("no pod runs", lambda: not [pod for pod in space.pods(name)
                                          if pod["status"]["phase"] in ("Pending", "Running")], 60)
    time.sleep(5)
    assert not [pod for pod in space.pods(name) if pod["status"]["phase"] in ("Pending", "Running")]
    assert space.status(name)["phase"] == "Suspended"
    space.patch(name, {"spec": {"suspend": False}})
    space.wait(name, "Completed")
    assert space.status(name)["completed"] == 6
    fetch_and_check(space, bucket, film, tmp_path)


def test_delete_leaves_nothing(space, bucket, film):
    name = submit(space, bucket, film, seconds=0.5, parallelism=1)
    rig.until("a segment is done", lambda: space.status(name).get("completed", 0) >= 1, 90, every_s=0.2)
    assert work_objects(space.s3, bucket)
    space.node.kubectl("delete", "stereojob", name, "-n", space.name, "--timeout=90s")
    rig.until(lambda: "no pods: %s" % [pod["metadata"]["name"] for pod in space.pods()],
              lambda: not space.pods(), 60)
    rig.until(lambda: "no work objects: %s" % work_objects(space.s3, bucket),
              lambda: not work_objects(space.s3, bucket), 60)
    assert "big-buck-bunny.mp4" in [item["Key"] for item in space.s3.list_objects_v2(Bucket=bucket)["Contents"]]


def test_namespace_ends_under_a_job(space, bucket, film):
    """Kubernetes deletes the pods of a namespace before its StereoJobs and waits for their finalizers."""
    name = submit(space, bucket, film, seconds=6, parallelism=1, cpu="50m")
    rig.until("a segment is being converted", lambda: [
        pod for pod in space.pods(name) if pod["metadata"]["labels"]["stereojob.io/stage"] == "convert" and
        pod["status"]["phase"] == "Running"], 60, every_s=0.1)
    space.node.kubectl("delete", "namespace", space.name, "--wait=false")
    try:
        rig.until("the namespace is gone",
                  lambda: not space.node.kubectl("get", "namespace", space.name, "--ignore-not-found"), 60)
    finally:
        for pod in space.pods():
            space.node.kubectl("patch", "pod", "-n", space.name, pod["metadata"]["name"], "--type=merge", "-p",
                               '{"metadata":{"finalizers":null}}', check=False)


@pytest.mark.alone
@pytest.mark.own_node("its process is killed, its audit log is read")
@pytest.mark.parametrize("kills", [3])
def test_operator_killed(space, bucket, film, tmp_path, kills):
    """kill -9 of the leader again and again: every frame is there once, and no attempt was made twice at a time."""
    name = submit(space, bucket, film, seconds=0.5, parallelism=2)
    uid = space.job(name)["metadata"]["uid"]
    for kill in range(kills):
        rig.until("%d segments are done" % (kill + 1),
                  lambda wanted=kill + 1: space.status(name).get("completed", 0) >= wanted or
                  space.status(name).get("phase") in rig.OVER, 120, every_s=0.1)
        if space.status(name).get("phase") in rig.OVER:
            break
        space.node.kill_leader()
    else:
        kill = kills
    assert kill >= 1, "the job was over before the first kill"
    space.wait(name, "Completed", timeout_s=300)
    fetch_and_check(space, bucket, film, tmp_path)
    created = [entry["objectRef"]["name"] for entry in space.node.audit()
               if entry["verb"] == "create" and entry["objectRef"].get("resource") == "pods" and
               not entry["objectRef"].get("subresource") and entry["objectRef"].get("namespace") == space.name and
               entry["responseStatus"].get("code") == 201]
    assert len(created) == len(set(created)), "a pod's name was created twice"
    left = [pod["metadata"]["name"] for pod in space.pods(name) if pod["metadata"].get("finalizers")]
    assert not left, "pods of %s with our finalizer: %s" % (uid, left)

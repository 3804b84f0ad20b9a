#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator, whole jobs: what a user does, and what breaks. See control_world.py."""
import os
import re
import shutil
import signal
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_world import Missing, World, check, until  # noqa: E402

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/asan")
FRAMES = 100


class PodWatch:
    """Who was alive when: two live pods of one slot are remembered."""

    def __init__(self, world):
        self.world, self.live, self.doubles, self.seen = world, {}, [], set()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        api = self.world.api.clone()
        while True:
            try:
                for kind, pod in api.watch("/api/v1/namespaces/%s/pods" % self.world.space, 600):
                    self._see(kind, pod)
            except Exception:  # pylint: disable=broad-except
                time.sleep(0.2)

    def _see(self, kind, pod):
        meta = pod["metadata"]
        labels = meta.get("labels", {})
        slot = tuple(labels.get("stereojob.io/" + key) for key in ("job-uid", "stage", "index"))
        over = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        live = self.live.setdefault(slot, set())
        self.seen.add(meta["name"])
        if kind == "DELETED" or over or meta.get("deletionTimestamp"):
            live.discard(meta["name"])
            return
        live.add(meta["name"])
        if len(live) > 1:
            self.doubles.append((slot, sorted(live)))


class ControlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.world.__enter__()
        cls.film = cls.world.film(frames=FRAMES)
        cls.operator = cls.world.operator()
        cls.watch = PodWatch(cls.world)

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__()

    def setUp(self):
        self.name = re.sub("[^a-z]+", "-", self._testMethodName[5:])[:40].strip("-")

    def tearDown(self):
        self.world.delete(self.name)
        self.world.until_gone(self.name)
        self.assertEqual(self.watch.doubles, [])
        uid = getattr(self, "uid", None)
        if uid:
            self.assertEqual(self.world.s3.keys("films", ".stereojob/%s/" % uid), [], "work is left")
        self.assertEqual([pod["metadata"]["name"] for pod in self.world.pods() if pod["metadata"].get("finalizers")], [])

    def start(self, **how):
        job = self.world.job(self.name, **how)
        self.uid = job["metadata"]["uid"]
        return job

    def finish(self, seconds=90):
        job = self.world.until_phase(self.name, "Completed", seconds)
        self.world.check(self.film, self.name + ".mp4")
        return job["status"]

    def running(self, stage="convert", seconds=60):
        return until(lambda: "a %s pod runs\n%s" % (stage, self.world.why(self.name)),
                     lambda: self.world.kubelet.running(stage), seconds, 0.02)

    # what a user does

    def test_a_job_runs_to_its_film(self):
        self.start()
        status = self.finish()
        self.assertEqual(status["segments"], "4/4")
        self.assertEqual(status["completedIndexes"], "0-3")
        self.assertEqual(status["observedGeneration"], self.world.get(self.name)["metadata"]["generation"])
        until("its pods go", lambda: not self.world.pods())
        reasons = {event["reason"] for event in self.world.api.get(
            "/apis/events.k8s.io/v1/namespaces/%s/events" % self.world.space)["items"]
            if event["regarding"]["uid"] == self.uid}
        self.assertLessEqual({"Planning", "Converting", "Assembling", "Completed"}, reasons)

    def test_writes_are_few(self):
        """A pod for a segment is made and patched out of its finalizer, and all are deleted at once; of many changes
        of the job one write tells. Nothing is written because time passes."""
        self.start(segment={"seconds": FRAMES / 25 / 12}, parallelism=3)
        status = self.finish()
        self.assertEqual(status["segments"], "12/12")
        until("its pods go", lambda: not self.world.pods())
        writes = self.world.writes(self.name)
        before = sum(writes.values())
        self.assertEqual([writes.pop(what) for what in ("create pods", "delete pods", "deletecollection pods")],
                         [14, 2, 1], "plan and assemble alone, twelve segments together")
        for what, most in (("patch pods", 14 + 3), ("update stereojobs/status", 12 + 6), ("patch stereojobs", 1)):
            self.assertLessEqual(writes.pop(what), most, what)
        self.assertFalse(writes, "of no other kind")
        time.sleep(3)
        self.assertEqual(sum(self.world.writes(self.name).values()), before, "a finished job is left alone")

    def test_deleting_many_at_once_leaves_the_pods_of_another_job(self):
        """Its done pods stay a minute while it converts: in the same namespace, of the same stage and indexes."""
        def done(uid):
            return {pod["metadata"]["uid"] for pod in self.world.pods(**{"job-uid": uid, "stage": "convert"})
                    if pod["status"].get("phase") == "Succeeded"}
        other = "other-" + self.name
        uid = self.world.job(other, segment={"seconds": 0.1}, parallelism=1)["metadata"]["uid"]
        try:
            before = until("some of its pods are done", lambda: len(done(uid)) >= 2 and done(uid), 60)
            self.start(segment={"seconds": FRAMES / 25 / 6}, parallelism=6)
            self.finish()
            until("its pods go", lambda: not self.world.pods(**{"job-uid": self.uid}))
            self.assertEqual(self.world.writes(self.name)["deletecollection pods"], 1)
            self.assertLessEqual(before, done(uid), "its pods are still there")
            self.assertFalse(self.world.writes(other)["deletecollection pods"])
        finally:
            self.world.delete(other)
            self.world.until_gone(other)

    def test_suspended_it_stops_and_goes_on_where_it_was(self):
        self.start(parallelism=1)
        until("one segment is done", lambda: self.world.get(self.name)["status"].get("completed"), 60)
        self.world.patch(self.name, {"spec": {"suspend": True}})
        self.world.until_phase(self.name, "Suspended")
        until("no pod is left", lambda: not self.world.pods())
        done = self.world.get(self.name)["status"]["completed"]
        self.world.patch(self.name, {"spec": {"suspend": False}})
        status = self.finish()
        self.assertGreaterEqual(done, 1)
        self.assertEqual(status["epoch"], 1)
        again = [name for name in self.watch.seen if self.uid[:8] in name and re.search(r"-c\d{5}-e1-", name)]
        self.assertEqual(len(again), 4 - done, "%s of %s: %s" % (again, done, self.world.why(self.name)))

    def test_cancelled_it_ends_and_stays(self):
        self.start()
        self.running()
        self.world.patch(self.name, {"spec": {"cancel": True}})
        self.world.until_phase(self.name, "Cancelled")
        until("no pod is left", lambda: not self.world.pods())
        self.assertIsNone(self.world.s3.get("films", self.name + ".mp4"))

    def test_deleted_while_it_converts_nothing_is_left(self):
        self.start()
        self.running()
        self.world.delete(self.name)
        self.world.until_gone(self.name)
        self.assertEqual(self.world.pods(), [])
        secrets = self.world.api.get("/api/v1/namespaces/films/secrets")["items"]
        self.assertEqual([s["metadata"]["name"] for s in secrets if "-track" in s["metadata"]["name"]], [])

    def test_more_workers_while_it_runs(self):
        self.start(parallelism=1)
        self.running()
        self.world.patch(self.name, {"spec": {"parallelism": 3}})
        until("three at a time", lambda: len(self.world.kubelet.running("convert")) >= 2, 60, 0.01)
        self.finish()

    def test_what_is_no_film_is_told_and_ends(self):
        self.world.s3.put("films", "noise.mp4", os.urandom(5000))
        self.start(source={"uri": "s3://films/noise.mp4", "secretName": "s3"})
        status = self.world.until_phase(self.name, "Failed")["status"]
        letter = status["deadLetters"][0]
        self.assertEqual((letter["class"], letter["stage"]), ("Input", "plan"))
        self.assertEqual(len([name for name in self.watch.seen if self.uid[:8] in name]), 1, "one attempt is enough")

    def test_a_wrong_bucket_is_told(self):
        self.start(source={"uri": "s3://nobucket/in.mp4", "secretName": "s3"})
        status = self.world.until_phase(self.name, "Failed")["status"]
        self.assertEqual(status["deadLetters"][0]["class"], "Config")
        self.assertIn("nobucket", status["deadLetters"][0]["message"])

    def test_a_dead_letter_is_tried_again_when_told(self):
        self.start(source={"uri": "s3://films/late.mp4", "secretName": "s3"})
        self.world.until_phase(self.name, "Failed")
        self.world.s3.put("films", "late.mp4", self.film.path.read_bytes())
        self.world.patch(self.name, {"metadata": {"annotations": {"stereojob.io/retry": "once"}}})
        until("it is tried", lambda: self.world.get(self.name)["status"]["phase"] != "Failed")
        self.assertEqual(self.finish()["epoch"], 1)

    def test_a_finished_job_goes_with_its_time(self):
        self.start(ttlSecondsAfterFinished=1)
        self.world.until_gone(self.name, 60)
        self.world.check(self.film, self.name + ".mp4")  # the film stays

    def test_a_claim_must_be_one_that_workers_can_share(self):
        claim = self.world.claim_make("data", "ReadWriteOnce")
        shutil.copy(self.film.path, os.path.join(claim, "in.mp4"))
        self.start(source={"uri": "pvc://data/in.mp4"}, output={"uri": "pvc://data/out.mp4"}, work={})

        def refused():
            found = [c for c in self.world.get(self.name)["status"].get("conditions", []) if c["type"] == "InvalidVolume"]
            return found and found[0]["status"] == "True" and found[0]["message"]
        self.assertIn("ReadWriteMany", until("it says so", refused))
        self.assertEqual(self.world.pods(), [])
        self.world.patch(self.name, {"spec": {"parallelism": 1}})
        status = self.world.until_phase(self.name, "Completed")["status"]
        self.assertEqual(status["segments"], "4/4")
        wrong = check.check(str(self.film.path), os.path.join(claim, "out.mp4"), "full-sbs", self.film.frames, seeks=2)
        self.assertEqual(wrong, [])
        self.world.delete(self.name)
        self.world.until_gone(self.name)
        self.assertEqual(sorted(os.listdir(claim)), ["in.mp4", "out.mp4"])

    # what breaks

    def test_a_killed_worker_is_replaced(self):
        self.start()
        for pod in self.running():
            pod.kill(signal.SIGKILL)
        status = self.finish()
        self.assertGreaterEqual(status["failedPods"], 1)

    def test_a_killed_operator_is_replaced(self):
        for stage in ("plan", "convert", "assemble"):
            if stage != "plan":
                self.name += "-" + stage[0]
            self.start()
            self.running(stage)
            self.operator_kill()
            time.sleep(0.3)
            self.operator_start()
            self.finish()
            if stage != "assemble":
                self.tearDown()

    def operator_kill(self):
        self.world.end(type(self).operator, signal.SIGKILL)

    def operator_start(self):
        # The Lease of the dead one runs out after 15 s; here its name is taken over.
        type(self).operator = self.world.operator()

    def test_redis_forgets_everything(self):
        self.start()
        self.running()
        for _ in range(3):
            self.world.redis_call("FLUSHALL")
            time.sleep(0.3)
        self.finish()

    def test_redis_is_away(self):
        self.start(parallelism=1)
        self.running()
        self.world.redis.kill()
        self.world.redis.wait()

        def degraded():
            conditions = {c["type"]: c["status"] for c in self.world.get(self.name)["status"].get("conditions", [])}
            return conditions.get("Degraded") == "True" or self.world.get(self.name)["status"]["phase"] == "Completed"
        until("it says so", degraded, 60)
        self.finish()
        self.world.start_redis()

    def test_the_api_server_restarts(self):
        self.start(parallelism=1)
        self.running()
        self.world.plane.kill("kube-apiserver", signal.SIGKILL)
        time.sleep(1)
        self.world.plane.start_api()
        self.finish(120)

    def test_the_secret_comes_late(self):
        self.start(source={"uri": "s3://films/in.mp4", "secretName": "late"})
        until("it waits", lambda: any(
            (pod.get("status", {}).get("containerStatuses") or [{}])[0].get("state", {}).get("waiting")
            for pod in self.world.pods()))
        self.world.secret_make("late")
        self.finish()

    def test_a_namespace_ends_under_a_job(self):
        home, self.world.space = self.world.space, "going"
        try:
            self.world.plane.namespace("going")
            self.world.secret_make("s3")
            job = self.world.job(self.name, parallelism=1)
            self.running()
            # What the namespace controller does, in its order: no new objects, pods first, jobs last.
            self.world.api.delete("/api/v1/namespaces/going")
            for pod in self.world.pods():
                self.world.api.delete("/api/v1/namespaces/going/pods/" + pod["metadata"]["name"])
            until(lambda: "no pod is held\n" + self.world.why(self.name), lambda: not self.world.pods(), 60)
            self.world.delete(self.name)
            self.world.until_gone(self.name)
            self.assertTrue(self.world.s3.keys("films", ".stereojob/%s/" % job["metadata"]["uid"]))  # said, and left
            self.assertIn("CleaningGivenUp", self.world.log())
        finally:
            self.world.space = home

    def test_two_operators_are_one(self):
        second = self.world.operator("op-1")
        try:
            self.start()
            self.finish()
            with open(second.log, encoding="utf-8") as file:
                self.assertNotIn("leading: working", file.read())
        finally:
            self.assertEqual(self.world.end(second), 0)
            self.world.operators.remove(second)

    def test_numbers_are_shown(self):
        self.start()
        self.finish()
        with open(type(self).operator.log, encoding="utf-8", errors="replace") as file:
            port = re.findall(r"listening on \S+, port (\d+)", file.read())[-1]
        text = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % port, timeout=5).read().decode()
        for line in (r'controller_runtime_reconcile_total\{.*result="success"\} [1-9]', r'stereo_jobs\{phase="Completed"\} 1',
                     r"stereo_redis_up 1", r"leader_election_master_status\{.*\} 1",
                     r'rest_client_requests_total\{.*code="201".*\} [1-9]'):
            self.assertRegex(text, line)
        for path in ("healthz", "readyz"):
            self.assertEqual(urllib.request.urlopen("http://127.0.0.1:%s/%s" % (port, path), timeout=5).status, 200)


if __name__ == "__main__":
    try:
        unittest.main(verbosity=2)
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What people change behind the operator's back, with kubectl: nothing hangs, nothing is mixed up."""
import os
import sys
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from control_world import JOBS, Missing, World, until  # noqa: E402

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(HERE, "../../build/asan")
PODS = "/api/v1/namespaces/films/pods"
SECRETS = "/api/v1/namespaces/films/secrets"
NOW = {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0}


class BehindTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.world.__enter__()
        cls.film = cls.world.film(frames=75)
        cls.operator = cls.world.operator(STEREO_LEADER_ELECT="false")

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__()

    def running(self, name, stage="convert"):
        until(lambda: "a %s pod runs\n%s" % (stage, self.world.why(name)), lambda: self.world.kubelet.running(stage),
              60, 0.02)
        return [pod for pod in self.world.pods(job=name, stage=stage)
                if pod.get("status", {}).get("phase") == "Running"]

    def held(self):
        return [pod["metadata"]["name"] for pod in self.world.pods() if pod["metadata"].get("finalizers")]

    def gone(self, name):
        self.world.delete(name)
        self.world.until_gone(name, 90)
        until("no pod is held", lambda: not self.held(), 20)

    def tearDown(self):
        """Here is no collector of what has lost its owner."""
        for pod in self.world.pods():
            self.world.api.delete(PODS + "/" + pod["metadata"]["name"])
        until("no pod is left", lambda: not self.world.pods(), 40)

    def test_labels_of_a_pod(self):
        self.world.job("labels", parallelism=1)
        pod = until("a pod", lambda: self.running("labels"))[0]
        self.world.api.merge(PODS + "/" + pod["metadata"]["name"],
                             {"metadata": {"labels": {"stereojob.io/stage": "nonsense"}}})
        time.sleep(1)
        self.gone("labels")

    def test_the_status_by_hand(self):
        self.world.job("status", parallelism=1)
        self.running("status")
        self.world.api.merge((JOBS % "films") + "/status/status", {"status": {"deadLetters": [
            {"stage": "plan", "index": 9, "attempt": 1, "epoch": 0, "class": "Nonsense", "message": "",
             "time": "2026-01-01T00:00:00Z"}], "completedIndexes": "7-99999"}})
        until("it is refused", lambda: "films/status: status" in self.world.log() or "Refused" in self.world.log(), 20)
        self.gone("status")

    def test_the_track_secret(self):
        self.world.job("secret", parallelism=1)
        self.running("secret")
        secrets = [secret["metadata"]["name"] for secret in self.world.api.get(SECRETS)["items"]
                   if secret["metadata"]["name"].startswith("secret-track-")]
        self.assertEqual(len(secrets), 1)
        self.world.api.delete(SECRETS + "/" + secrets[0])
        self.world.until_phase("secret", "Completed", 50)
        self.world.check(self.film, "secret.mp4")
        self.assertIsNotNone(self.world.api.find(SECRETS + "/" + secrets[0]), "it was made again")
        self.gone("secret")

    def test_the_cleaning_pod(self):
        self.world.job("cleaner")
        self.world.until_phase("cleaner", "Completed")
        until("its pods are gone", lambda: not self.world.pods(), 20)
        self.world.kubelet.paused.set()
        self.world.delete("cleaner")
        pod = until("it cleans", lambda: self.world.pods(stage="clean"), 20)[0]
        path = PODS + "/" + pod["metadata"]["name"]
        self.world.api.merge(path, {"metadata": {"finalizers": ["tests/hold"]}})
        self.world.api.delete(path)
        until("another cleans", lambda: len(self.world.pods(stage="clean")) == 2, 40)
        self.world.api.merge(path, {"metadata": {"finalizers": []}})
        self.world.kubelet.resume()
        self.world.until_gone("cleaner", 60)
        self.assertLess(self.world.log().count("cleaning pod"), 20)

    def test_deleted_by_force_and_made_again(self):
        """Of the same name, while pods of the first still run: they are nobody's, and are let go."""
        first = self.world.job("again", parallelism=1)["metadata"]["uid"]
        self.running("again")
        self.world.delete("again")
        for _ in range(5):
            if self.world.get("again"):
                self.world.patch("again", {"metadata": {"finalizers": []}})
        second = until("it is made again", lambda: self.make_again("again"), 20)["metadata"]["uid"]
        self.assertNotEqual(first, second)
        status = self.world.until_phase("again", "Completed")["status"]
        self.assertEqual(status["completedIndexes"], "0-2")
        self.world.check(self.film, "again2.mp4")
        until("the first one's are let go", lambda: not [
            pod for pod in self.world.pods() if pod["metadata"]["labels"]["stereojob.io/job-uid"] == first
            and pod["metadata"].get("finalizers")], 50)
        self.gone("again")

    def make_again(self, name):
        if self.world.get(name):
            return None
        return self.world.job(name, output={"uri": "s3://films/again2.mp4", "secretName": "s3"})

    def test_a_job_that_went_while_nobody_looked(self):
        self.world.job("alone", parallelism=1)
        self.running("alone")
        self.world.end(self.operator)
        self.world.operators.remove(self.operator)
        self.world.patch("alone", {"metadata": {"finalizers": []}})
        self.world.delete("alone")
        self.world.until_gone("alone", 10)
        self.assertNotEqual(self.held(), [])
        type(self).operator = self.world.operator(STEREO_LEADER_ELECT="false")
        until("its pods are let go", lambda: not self.held(), 50)


if __name__ == "__main__":
    try:
        unittest.main(verbosity=2)
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)

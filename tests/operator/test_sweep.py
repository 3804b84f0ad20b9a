#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator is killed at its writes, and the job is to end as if nothing had happened.

    test_sweep.py            killed at every 4th write of a job, before it is applied, after, and after its
                             answer: three jobs
    test_sweep.py --whole    killed once at each write of a job of its own, in each of the three ways

A job is run to its end and deleted. What must hold each time: the film is the one of an undisturbed run,
bit for bit, and so are the counts in the status; no pod keeps our finalizer; no slot ever had two live
pods; after the delete no work, no pod, no Secret is left, and what Redis has expires.
"""
import hashlib
import itertools
import os
import random
import signal
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from control_world import Missing, World, until  # noqa: E402
from proxy import Proxy  # noqa: E402
from test_control import PodWatch  # noqa: E402

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(HERE, "../../build/asan")
FRAMES = 75  # three segments
POINTS = ("before", "after", "answered")
EVERY = 4
KILLED_UP_TO = 60  # cleaning is four writes: if the same one of them always fell to a kill, it would never end
COUNTS = ("phase", "epoch", "segments", "completed", "completedIndexes", "failed", "failedIndexes", "failedPods",
          "deadLetters")


class SweepTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.world.__enter__()
        cls.between = Proxy(cls.world.plane)
        cls.between.kill = cls.kill
        cls.film = cls.world.film(frames=FRAMES)
        cls.watch = PodWatch(cls.world)
        cls.numbers = itertools.count()
        cls.kills = 0
        cls.start()
        cls.want = None

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__()
        cls.between.__exit__()

    @classmethod
    def start(cls):
        cls.operator = cls.world.operator("op-%d" % next(cls.numbers), STEREO_KUBECONFIG=cls.between.kubeconfig,
                                          STEREO_LEADER_ELECT="false")

    @classmethod
    def kill(cls):
        cls.operator.send_signal(signal.SIGKILL)
        cls.operator.wait()
        cls.kills += 1

    def until(self, what, check, seconds=90):
        """As until, with an operator that is started again."""
        def look():
            if self.operator.poll() is not None:
                self.assertEqual(self.operator.returncode, -signal.SIGKILL, self.world.log())
                self.world.operators.remove(self.operator)
                self.start()
            return check()
        return until(lambda: "%s: %s\n%s\n%s" % (self.name, what, self.writes(), self.world.why(self.name)), look,
                     seconds, 0.05)

    def writes(self):
        return "\n".join("%d %s %s" % write[:3] for write in self.between.writes)

    def completed(self):
        job = self.world.get(self.name)
        phase = job.get("status", {}).get("phase")
        self.assertNotIn(phase, ("Failed", "Cancelled"), self.world.why(self.name))
        return job if phase == "Completed" else None

    def run_job(self, name, fate):
        """What the job came to: the film's hash, and the counts of its status."""
        self.name = name
        with self.between.lock:
            self.between.writes.clear()
            self.between.fate = fate
        uid = self.world.job(name)["metadata"]["uid"]
        status = self.until("completed", self.completed)["status"]
        self.why = self.world.why(name)
        film = hashlib.sha256(self.world.s3.get("films", name + ".mp4")).hexdigest()
        self.until("its pods are let go", lambda: not any(
            pod["metadata"].get("finalizers") for pod in self.world.pods()), 30)
        self.world.delete(name)
        self.until("gone", lambda: self.world.get(name) is None)
        self.until("nothing is left", lambda: not self.left(uid), 30)
        self.assertEqual(self.watch.doubles, [], "two live pods of one slot\n" + self.writes())
        return film, {key: status.get(key) for key in COUNTS}

    def left(self, uid):
        left = self.world.s3.keys("films", ".stereojob/%s/" % uid)
        left += [pod["metadata"]["name"] for pod in self.world.pods()]
        secrets = self.world.api.get("/api/v1/namespaces/films/secrets")["items"]
        left += [secret["metadata"]["name"] for secret in secrets if "-track" in secret["metadata"]["name"]]
        keys = self.world.redis_call("KEYS", "sj:%s:*" % uid).split()
        return left + [key for key in keys if self.world.redis_call("TTL", key) == "-1"]

    def undisturbed(self):
        cls = type(self)
        if cls.want is None:
            cls.want = self.run_job("undisturbed", lambda write: None)
            cls.count = len(self.between.writes)
            self.world.check(self.film, "undisturbed.mp4")
            self.assertEqual(cls.want[1]["completedIndexes"], "0-2")
        return cls.want

    def check(self, name, fate):
        want = self.undisturbed()
        before = type(self).kills
        got = self.run_job(name, fate)
        self.assertEqual(got, want, "%s\n%s" % (self.writes(), self.why))
        return type(self).kills - before

    def test_killed_at_every_fourth_write(self):
        for at, point in enumerate(POINTS):
            with self.subTest(point=point):
                kills = self.check("every-" + point,
                                   lambda write, a=at, p=point: p if write.number % EVERY == a
                                   and write.number <= KILLED_UP_TO else None)
                self.assertGreaterEqual(kills, 5)

    def test_killed_once_at_each_write(self):
        if "--whole" not in ARGS:
            self.skipTest("--whole")
        self.undisturbed()
        for number in range(1, self.count + 1):
            for point in POINTS:
                with self.subTest(point=point, number=number):
                    self.check("at-%d-%s" % (number, point),
                               lambda write, n=number, p=point: p if write.number == n else None)

    def test_answers_are_lost(self):
        self.check("lost", lambda write: "lost" if write.number % 3 == 0 else None)

    def test_the_server_is_busy_and_conflicts(self):
        chance = random.Random(7)
        moods = (("status", 429, "slow down"), ("status", 409, "the object has been modified"),
                 ("status", 500, "etcd is away"), "lost")
        self.check("busy", lambda write: chance.choice((None,) * 6 + moods))
        self.assertLess(len(self.between.writes), 5 * self.count, "a hot loop")

    def test_a_deleted_job_that_is_refused_waits(self):
        """The last write fails for a while: it is tried with backoff, and the job goes when it may."""
        self.undisturbed()
        refused = []

        def fate(write):
            if write.method == "PATCH" and "/stereojobs/" in write.path and b'"finalizers":[]' in (write.body or b""):
                refused.append(write)
                return ("status", 409, "the object has been modified") if len(refused) < 9 else None
            return None
        self.assertEqual(self.run_job("refused", fate), self.want)
        self.assertEqual(len(refused), 9)
        self.assertEqual(len(self.cleaners()), 1, self.writes())

    def cleaners(self):
        return [write for write in self.between.writes if write.method == "POST" and b'"stereojob.io/stage":"clean"' in (write.body or b"")]

    def test_watches_are_silent_for_a_while(self):
        seen = []

        def fate(write):
            if write.number == 6:
                self.between.freeze()
                seen.append(write)
        want = self.undisturbed()
        self.between.thaw()
        timer = threading.Timer(20, self.between.thaw)
        timer.start()
        try:
            self.assertEqual(self.run_job("silent", fate), want, "%s\n%s" % (self.writes(), self.why))
        finally:
            timer.cancel()
            self.between.thaw()
        self.assertTrue(seen)
        self.assertLess(len(self.between.writes), 3 * self.count, "a hot loop")


ARGS = [arg for arg in sys.argv[1:] if arg == "--whole"]

if __name__ == "__main__":
    try:
        unittest.main(verbosity=2, argv=[arg for arg in sys.argv if arg != "--whole"])
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)

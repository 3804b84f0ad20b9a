#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Leader election between real processes at a real API server.

usage: kube_lease.py LEASE_PROGRAM [TEST...]
"""
import os
import re
import signal
import subprocess
import sys
import threading
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "kube"))
import control_plane  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = None
PLANE = None
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
FAST = (3000, 2000, 400)  # the same rules in a fifth of the time
MERGE = "application/merge-patch+json"


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip()


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


class Candidate:
    def __init__(self, name, identity, times=(), kubeconfig=None, space="default"):
        self.lines = []  # (time, line)
        self.process = subprocess.Popen(
            [PROGRAM, kubeconfig or PLANE.kubeconfig, space, name, identity, *map(str, times)],
            stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.strip()))

    def times(self, word):
        return [at for at, line in list(self.lines) if line == word]

    def wait(self, word, seconds):
        deadline = time.monotonic() + seconds
        while not self.times(word):
            if time.monotonic() > deadline:
                raise AssertionError("no %r in %s s: %s" % (word, seconds, self.lines[-5:]))
            time.sleep(0.01)
        return self.times(word)[0]

    def end(self, seconds=10):
        code = self.process.wait(seconds)
        self.reader.join(5)
        return code

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self.reader.join(5)
        self.process.stdout.close()


class LeaseTest(unittest.TestCase):
    def setUp(self):
        self.name = self._testMethodName.replace("_", "-")
        self.candidates = []

    def tearDown(self):
        for candidate in self.candidates:
            candidate.stop()
        PLANE.request("DELETE", LEASES + "/" + self.name)

    def start(self, identity, times=FAST, **more):
        candidate = Candidate(self.name, identity, times, **more)
        self.candidates.append(candidate)
        return candidate

    def lease(self):
        code, doc = PLANE.request("GET", LEASES + "/" + self.name)
        self.assertEqual(code, 200, doc)
        return doc

    def assert_never_together(self, first, second):
        """What one said of itself and the other, both on this machine's clock."""
        mine, others = first.times("held"), second.times("held")
        if mine and others:
            self.assertFalse([at for at in others if mine[0] <= at <= mine[-1]])

    def test_the_holder_is_killed(self):
        a = self.start("a", times=())
        a.wait("started", 10)
        b = self.start("b", times=())
        b.wait("holder a", 10)
        spec = self.lease()["spec"]
        self.assertEqual((spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]), ("a", 15, 0))
        self.assertRegex(spec["renewTime"], MICRO_TIME)
        self.assertRegex(spec["acquireTime"], MICRO_TIME)
        time.sleep(5)
        self.assertFalse(b.times("started"))
        self.assertNotEqual(self.lease()["spec"]["renewTime"], spec["renewTime"])
        killed = time.monotonic()
        a.process.kill()
        taken = b.wait("started", 25)
        b.wait("held", 2)
        self.assertGreater(taken - killed, 12)  # 15 s since b saw it change, at most 2.4 s before
        self.assertLess(taken - killed, 20)
        spec = self.lease()["spec"]
        self.assertEqual((spec["holderIdentity"], spec["leaseTransitions"]), ("b", 1))
        self.assert_never_together(a, b)

    def test_a_release_hands_over_at_once(self):
        a = self.start("a", times=())
        a.wait("started", 10)
        b = self.start("b", times=())
        b.wait("holder a", 10)
        a.process.send_signal(signal.SIGTERM)
        released = a.wait("released", 5)
        self.assertEqual(a.end(), 0)
        self.assertLess(b.wait("started", 5) - released, 3)
        self.assertEqual(self.lease()["spec"]["leaseTransitions"], 1)
        b.process.send_signal(signal.SIGTERM)
        self.assertEqual(b.end(), 0)
        spec = self.lease()["spec"]
        self.assertFalse(spec.get("holderIdentity"))
        self.assertEqual(spec["leaseDurationSeconds"], 1)
        self.assert_never_together(a, b)

    def test_a_leader_that_stood_still_has_lost(self):
        a = self.start("a")
        a.wait("started", 10)
        b = self.start("b")
        b.wait("holder a", 10)
        a.process.send_signal(signal.SIGSTOP)
        b.wait("started", 10)
        time.sleep(1)
        a.process.send_signal(signal.SIGCONT)
        a.wait("lost", 2)
        self.assertEqual(a.end(), 3)
        time.sleep(1)
        self.assertTrue(b.times("held")[-1] > time.monotonic() - 0.5)
        self.assert_never_together(a, b)

    def test_a_deleted_lease_is_made_anew(self):
        a = self.start("a")
        a.wait("started", 10)
        uid = self.lease()["metadata"]["uid"]
        code, _ = PLANE.request("DELETE", LEASES + "/" + self.name)
        self.assertEqual(code, 200)
        time.sleep(4)
        doc = self.lease()
        self.assertNotEqual(doc["metadata"]["uid"], uid)
        self.assertEqual(doc["spec"]["holderIdentity"], "a")
        self.assertTrue(a.times("held")[-1] > time.monotonic() - 0.5)
        self.assertFalse(a.times("lost"))

    def test_five_at_once_and_one_leads(self):
        five = [self.start("c%d" % i) for i in range(5)]
        time.sleep(4)
        self.assertEqual(sum(bool(one.times("started")) for one in five), 1)
        for _ in range(4):  # each leader is killed in turn
            leader = [one for one in five if one.times("held") and one.process.poll() is None]
            self.assertEqual(len(leader), 1)
            leader[0].process.kill()
            leader[0].process.wait(10)
            deadline = time.monotonic() + 15
            while not any(one.times("started") and one.process.poll() is None for one in five):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            time.sleep(0.5)
        for i, first in enumerate(five):
            for second in five[i + 1:]:
                self.assert_never_together(first, second)

    def test_a_drain_closes_it(self):
        a = self.start("a")
        a.wait("started", 10)
        code, _ = PLANE.request("PATCH", LEASES + "/" + self.name,
                                {"metadata": {"annotations": {"stereojob.io/closed": "drain"}}}, MERGE)
        self.assertEqual(code, 200)
        a.wait("closed", 5)
        a.wait("released", 5)
        self.assertEqual(a.end(), 0)
        b = self.start("b")
        time.sleep(3)
        self.assertFalse(b.times("started"))
        doc = self.lease()
        self.assertFalse(doc["spec"].get("holderIdentity"))
        self.assertEqual(doc["metadata"]["annotations"], {"stereojob.io/closed": "drain"})
        PLANE.request("PATCH", LEASES + "/" + self.name,
                      {"metadata": {"annotations": {"stereojob.io/closed": None}}}, MERGE)
        b.wait("started", 5)

    def test_an_api_server_that_is_away(self):
        a = self.start("a")
        a.wait("started", 10)
        PLANE.processes["kube-apiserver"].send_signal(signal.SIGSTOP)
        try:
            stopped = time.monotonic()
            lost = a.wait("lost", 6)
            self.assertEqual(a.end(), 3)
            self.assertLess(lost - stopped, 2.5)  # at the renew deadline, before another may have it
            self.assertLess(a.times("held")[-1] - stopped, 2.1)
        finally:
            PLANE.processes["kube-apiserver"].send_signal(signal.SIGCONT)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

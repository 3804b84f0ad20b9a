#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events at a real API server, as kubectl shows them.

usage: kube_events.py EVENTS_PROGRAM [TEST...]
"""
import os
import re
import signal
import subprocess
import sys
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(ROOT, "tests", "kube"))
import control_plane  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = None
PLANE = None
MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip("films")


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


class EventsTest(unittest.TestCase):
    def setUp(self):
        self.name = self._testMethodName.replace("_", "-")
        code, doc = PLANE.request("POST", "/api/v1/namespaces/films/configmaps", {"metadata": {"name": self.name}})
        self.assertEqual(code, 201, doc)
        self.program = subprocess.Popen([PROGRAM, PLANE.kubeconfig, "films", self.name, doc["metadata"]["uid"]],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tearDown(self):
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait(10)
        self.program.stdin.close()
        self.program.stdout.close()

    def emit(self, *lines):
        for line in lines:
            self.program.stdin.write(line + "\n")
        self.program.stdin.flush()

    def end(self, dropped):
        self.program.stdin.close()
        self.assertEqual(self.program.stdout.read(), "dropped %d\n" % dropped)
        self.assertEqual(self.program.wait(20), 0)

    def events(self):
        code, doc = PLANE.request("GET", "/apis/events.k8s.io/v1/namespaces/films/events")
        self.assertEqual(code, 200, doc)
        mine = [item for item in doc["items"] if item["regarding"]["name"] == self.name]
        return sorted(mine, key=lambda item: item["note"])

    def test_repeats_are_one_event_with_a_series(self):
        self.emit("SegmentFailed segment 7: exit 69")
        time.sleep(1)
        self.assertNotIn("series", self.events()[0])
        self.emit("SegmentFailed segment 7: exit 69")
        time.sleep(1)
        self.assertEqual(self.events()[0]["series"]["count"], 2)
        for _ in range(40):
            self.emit("SegmentFailed segment 7: exit 69", "Other b")
        time.sleep(1)
        self.assertEqual(self.events()[1]["series"]["count"], 2)  # counted, not written each time
        self.end(0)
        other, failed = self.events()
        self.assertEqual((failed["note"], failed["reason"], failed["action"], failed["type"]),
                         ("segment 7: exit 69", "SegmentFailed", "Test", "Warning"))
        self.assertEqual(failed["series"]["count"], 42)
        self.assertRegex(failed["series"]["lastObservedTime"], MICRO_TIME)
        self.assertRegex(failed["eventTime"], MICRO_TIME)
        self.assertEqual(other["series"]["count"], 40)
        described = PLANE.kubectl("-n", "films", "describe", "configmap", self.name).stdout
        self.assertRegex(described, r"Warning +SegmentFailed +\S+ \(x42 over \S+\) +stereojob.io/operator +segment 7: exit 69")

    def test_many_are_all_there(self):
        self.emit(*["Reason%d note %04d %s" % (i % 7, i, "ü" * 600) for i in range(300)])
        time.sleep(5)
        self.end(0)
        events = self.events()
        self.assertEqual([item["note"][:9] for item in events], ["note %04d" % i for i in range(300)])
        self.assertTrue(all(len(item["note"].encode()) <= 1024 for item in events))

    def test_an_event_that_expired_is_made_anew(self):
        self.emit("Started x")
        time.sleep(1)
        name = self.events()[0]["metadata"]["name"]
        code, _ = PLANE.request("DELETE", "/apis/events.k8s.io/v1/namespaces/films/events/" + name)
        self.assertEqual(code, 200)
        self.emit("Started x")
        time.sleep(1)
        self.assertEqual(self.events()[0]["series"]["count"], 2)
        self.end(0)

    def test_a_server_that_is_away_holds_up_nobody(self):
        PLANE.processes["kube-apiserver"].send_signal(signal.SIGSTOP)
        try:
            self.emit("Started x", "Started y")
            begun = time.monotonic()
            self.program.stdin.close()
            self.assertEqual(self.program.wait(10), 0)
            self.assertLess(time.monotonic() - begun, 5)  # the flush gives up after 3 s
        finally:
            PLANE.processes["kube-apiserver"].send_signal(signal.SIGCONT)

    def test_a_namespace_that_is_gone(self):
        self.program.stdin.close()
        self.program.wait(20)
        done = subprocess.run([PROGRAM, PLANE.kubeconfig, "nowhere", "x", "u"], input="Started x\nStarted y\n",
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, "dropped 2\n"), done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()

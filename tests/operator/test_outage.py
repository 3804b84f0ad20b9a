#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The API server is away for longer than a Lease lasts: whoever leads ends, comes back as a container
does, and goes on; no segment is converted twice. A minute each: tests/soak/run outage."""
import os
import re
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_world import Missing, World, until  # noqa: E402
from test_control import PodWatch  # noqa: E402

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/asan")
AWAY_S = 20    # a Lease lasts 15
STANDS_S = 14  # 10 to renew it, 2 between two tries, and a loaded machine
SEGMENTS = 12


class Kept:
    """An operator that is started again when it ends, as a Deployment's pod is."""

    def __init__(self, world, name):
        self.world, self.name, self.ends, self.stopping = world, name, [], False
        self.process = world.operator(name)
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self):
        while not self.stopping:
            self.process.wait()
            if not self.stopping:
                self.ends.append((time.monotonic(), self.process.returncode))
                time.sleep(1)
                self.process = self.world.operator(self.name)

    def leads(self):
        with open(self.process.log, encoding="utf-8", errors="replace") as file:
            return file.read().count("leading: working")


class OutageTest(unittest.TestCase):
    def setUp(self):
        self.world = World(BUILD)
        self.world.__enter__()
        self.addCleanup(self.world.__exit__)
        type(self.world.api).patience_s = 120  # kubelets wait for longer
        self.film = self.world.film(frames=25 * SEGMENTS)
        self.watch = PodWatch(self.world)
        self.kept = [Kept(self.world, "op-0")]
        until("op-0 leads", self.kept[0].leads, 20)
        self.kept.append(Kept(self.world, "op-1"))
        self.addCleanup(self.stop_keeping)
        self.world.job("film", parallelism=2)
        until(lambda: "some are done\n" + self.world.why("film"),
              lambda: len(self.done()) >= 2 and self.world.kubelet.running("convert"), 90, 0.05)

    def stop_keeping(self):
        for kept in self.kept:
            kept.stopping = True

    def done(self):
        return self.world.redis_call("HKEYS", "sj:{%s}:done" % self.world.get("film")["metadata"]["uid"]).split()

    def stood_down(self, since):
        """The leader ended in time, as one that lost its Lease, and before anybody else led."""
        at, code = self.kept[0].ends[0]
        self.assertEqual(code, 1)
        self.assertLess(at - since, STANDS_S)
        self.assertIn("the Lease was lost; ending at once", self.world.log())

    def finish(self):
        status = self.world.until_phase("film", "Completed", 150)["status"]
        self.assertEqual(self.watch.doubles, [])
        self.assertEqual(status.get("failedPods", 0), 0)
        self.assertEqual([name for name in self.watch.seen if not re.search("-a0$", name)], [])
        launched = [pod.name for pod in self.world.kubelet.launched.values()]
        self.assertEqual(len(launched), len(set(launched)))
        self.assertEqual(len([name for name in launched if "-c0" in name]), SEGMENTS)
        self.world.check(self.film, "film.mp4")
        self.world.delete("film")
        self.world.until_gone("film")

    def test_it_does_not_answer(self):
        server = self.world.plane.processes["kube-apiserver"]
        since = time.monotonic()
        server.send_signal(signal.SIGSTOP)
        try:
            time.sleep(AWAY_S)
        finally:
            server.send_signal(signal.SIGCONT)
        self.stood_down(since)
        self.finish()

    def test_it_is_gone(self):
        since = time.monotonic()
        self.world.plane.kill("kube-apiserver", signal.SIGKILL)
        time.sleep(AWAY_S)
        self.world.plane.start_api()
        self.stood_down(since)
        self.finish()


if __name__ == "__main__":
    try:
        unittest.main(verbosity=2)
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)

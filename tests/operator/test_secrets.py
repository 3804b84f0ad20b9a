#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Secrets of a whole job, looked for wherever somebody could read them: command lines of all
processes, environments of those that have no use for them, logs, objects, events, metrics, Redis,
the work in the bucket. The job runs, is retried after a kill, and one fails. See control_world.py.
"""
import base64
import os
import pathlib
import re
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_world import PASSWORD, Missing, World  # noqa: E402

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/asan")
LEAST = 12  # a shorter value is no secret, but a name or a region


def read(path):
    try:
        return pathlib.Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""


class Processes(threading.Thread):
    """Command line and environment of every process of ours that ever was long enough to be seen."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.coreless, self.over = {}, set(), threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            for entry in pathlib.Path("/proc").iterdir():
                if not entry.name.isdigit():
                    continue
                name = read(entry / "comm").strip()
                if name.startswith("stereo-"):
                    line, environ = read(entry / "cmdline"), read(entry / "environ")
                    self.seen.setdefault((name, line, environ), entry.name)
                    if re.search("Max core file size +0 +0 ", read(entry / "limits")):
                        self.coreless.add(name)

    def end(self):
        self.over.set()
        self.join()
        return list(self.seen)


class SecretsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(BUILD)
        cls.world.__enter__()
        cls.film = cls.world.film(frames=50)
        cls.operator = cls.world.operator()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__()

    def secrets(self):
        """Name and value of each, those that the operator made for the job among them."""
        found = {"Redis password": PASSWORD, "operator key": "k" * 40, "S3 key": self.world.s3.secret}
        for secret in self.world.api.get("/api/v1/namespaces/%s/secrets" % self.world.space)["items"]:
            for key, value in (secret.get("data") or {}).items():
                plain = base64.b64decode(value).decode("utf-8", "replace")
                if len(plain) >= LEAST and not re.match("(ENDPOINT|AWS_ENDPOINT|AWS_ACCESS|.*[uU][rR][lL])", key):
                    found["%s/%s" % (secret["metadata"]["name"], key)] = plain
        config = read(self.world.plane.kubeconfig)
        for key in ("token", "client-key-data"):
            for value in re.findall(r"%s: *\"?([^\s\"]{12,})" % key, config):
                found["kubeconfig " + key] = value
        return found

    def look_at_objects(self):
        """The work is removed with its job's end: what was there at any time counts."""
        for key in self.world.s3.keys("films"):
            self.objects.setdefault(key, (self.world.s3.get("films", key) or b"").decode("latin-1"))

    def texts(self, processes):
        """(where, text) of everything that others may read."""
        for name, line, _ in processes:
            yield "command line of " + name, line
        for name, _, environ in processes:
            if name == "stereo-operator":
                yield "environment of " + name, environ
        for path in pathlib.Path(self.world.folder).glob("*.log"):
            yield str(path), read(path)
        for kind in ("events", "pods", "configmaps", "persistentvolumeclaims"):
            path = "/api/v1/namespaces/%s/%s" % (self.world.space, kind)
            yield kind, repr(self.world.api.get(path))
        yield "events.k8s.io", repr(self.world.api.get("/apis/events.k8s.io/v1/namespaces/%s/events" % self.world.space))
        yield "jobs", repr(self.world.api.get("/apis/stereojob.io/v1/namespaces/%s/stereojobs" % self.world.space))
        for key in self.world.redis_call("--scan").split():
            yield "Redis " + key, key + self.world.redis_call("HGETALL", key)
        for key, text in self.objects.items():
            yield "object " + key, text
        listen = re.findall(r"listen\w* (?:on |at )?\S*?(127\.0\.0\.1:\d+)", self.world.log())
        for place in listen[:1]:
            with urllib.request.urlopen("http://%s/metrics" % place, timeout=10) as answer:
                yield "metrics", answer.read().decode()

    def test_no_secret_is_seen(self):
        watch, self.objects = Processes(), {}
        watch.start()
        self.world.job("whole")
        self.world.job("none", source={"uri": "s3://films/nothere.mp4", "secretName": "s3"})
        seen, end = {}, time.monotonic() + 120
        while len(seen) < 2 and time.monotonic() < end:
            for name in ("whole", "none"):
                phase = self.world.get(name)["status"]["phase"]
                if phase in ("Completed", "Failed"):
                    seen[name] = phase
            secrets = self.secrets()
            self.look_at_objects()
            time.sleep(0.1)
        self.assertEqual(seen, {"whole": "Completed", "none": "Failed"}, self.world.why("whole"))
        processes = watch.end()
        self.assertIn("stereo-worker", {name for name, _, _ in processes})
        self.assertLessEqual({"stereo-operator", "stereo-worker"}, watch.coreless, "no secret in a core")
        self.assertGreaterEqual(len(secrets), 4, "the job's own are among them")
        self.assertTrue([key for key in self.objects if key.endswith("plan.json")], list(self.objects))
        self.assertTrue([key for key in self.objects if "/segments/" in key], list(self.objects))
        texts, leaks = list(self.texts(processes)), []
        self.assertGreater(sum(len(text) for _, text in texts), 20000, "there was something to look through")
        for where, text in texts:
            for name, value in secrets.items():
                for form in {value, base64.b64encode(value.encode()).decode()}:
                    if form in text:
                        leaks.append("%s: %s" % (where, name))
        for name, _, environ in processes:  # a worker has what its pod gives it, and no more
            if name == "stereo-worker":
                leaks += ["environment of a worker: " + key for key, value in secrets.items()
                          if value in environ and (key == "operator key" or key.startswith("kubeconfig"))]
        self.assertEqual(leaks, [])


if __name__ == "__main__":
    try:
        unittest.main(verbosity=2)
    except Missing as why:
        print("skip: %s" % why)
        sys.exit(77)

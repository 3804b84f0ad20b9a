#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reflector against a real API server and etcd.

usage: kube_reflector.py REFLECTOR_PROGRAM
"""
import http.client
import json
import os
import queue
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
WAIT_S = 60
GROUP = "test.stereojob.io"
THINGS = "/apis/%s/v1/namespaces/films/things" % GROUP
MAPS = "/api/v1/namespaces/%s/configmaps"

CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
       "metadata": {"name": "things." + GROUP},
       "spec": {"group": GROUP, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": {"type": "object",
                                                              "x-kubernetes-preserve-unknown-fields": True}}}}}]}}


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip("films")


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


def must(method, path, body=None, content_type="application/json"):
    code, doc = PLANE.request(method, path, body, content_type)
    assert code in (200, 201), (code, doc)
    return doc


def make_map(space, name, text="x"):
    return must("POST", MAPS % space, {"metadata": {"name": name, "labels": {"kept": "yes"}}, "data": {"text": text}})


def patch_map(space, name, text):
    return must("PATCH", MAPS % space + "/" + name, {"data": {"text": text}}, "application/merge-patch+json")


def version_of(doc):
    return doc["metadata"]["resourceVersion"]


def lists_of(resource):
    """How often somebody asked the API server for a list."""
    text = PLANE.request("GET", "/metrics")[1]
    rows = re.findall(r'^apiserver_request_total\{(.*resource="%s".*)\} (\d+)' % resource, text, flags=re.M)
    return sum(int(count) for labels, count in rows if 'verb="LIST"' in labels)


class Reflector:
    def __init__(self, group, plural, kind, space, watch_min_s=300, *options):
        self.process = subprocess.Popen([PROGRAM, PLANE.kubeconfig, group, "v1", plural, kind, space,
                                         str(watch_min_s), *options],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def take(self):
        """["ADDED", "name", "version"], or ["SYNCED", "3"]."""
        words = self.lines.get(timeout=WAIT_S).split(" ")
        return [words[0], words[1].split("/")[1], words[3]] if len(words) == 4 else words

    def until(self, first):
        """All lines up to the first that begins so."""
        found = []
        while not found or found[-1][0] != first:
            found.append(self.take())
        return found

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.lines.get(timeout=WAIT_S)

    def versions(self):
        """{name: version}, once the lines before have been read."""
        self.process.stdin.write("dump\n")
        found = {}
        while True:
            line = self.lines.get(timeout=WAIT_S)
            if line == "END":
                return found
            if line.startswith("HAS "):
                doc = json.loads(line[4:])
                assert "managedFields" not in doc["metadata"]
                found[doc["metadata"]["name"]] = version_of(doc)

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(WAIT_S)
        self.process.stdout.close()
        return code


def truth(space):
    items = must("GET", MAPS % space)["items"]
    return {item["metadata"]["name"]: version_of(item) for item in items}


class KubeReflectorTest(unittest.TestCase):
    def open(self, *arguments):
        self.reflector = Reflector(*arguments)
        self.addCleanup(lambda: self.assertEqual(self.reflector.close(), 0))
        return self.reflector

    def test_streaming_list_of_a_custom_resource(self):
        must("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
        for _ in range(200):
            if PLANE.request("GET", THINGS)[0] == 200:
                break
            time.sleep(0.05)
        time.sleep(1)
        for name in ("a", "b"):
            must("POST", THINGS, {"apiVersion": GROUP + "/v1", "kind": "Thing", "metadata": {"name": name}})
        before = lists_of("things")
        reflector = self.open(GROUP, "things", "Thing", "films")
        told = reflector.until("SYNCED")
        self.assertEqual(sorted(line[1] for line in told), ["2", "a", "b"])
        made = must("POST", THINGS, {"apiVersion": GROUP + "/v1", "kind": "Thing", "metadata": {"name": "c"}})
        self.assertEqual(reflector.take(), ["ADDED", "c", version_of(made)])
        must("DELETE", THINGS + "/c")
        self.assertEqual(reflector.take()[:2], ["DELETED", "c"])
        self.assertEqual(lists_of("things"), before, "it did not stream")
        self.open(GROUP, "things", "Thing", "films", 300, "pages").until("SYNCED")
        self.assertEqual(lists_of("things"), before + 1)

    def test_events(self):
        PLANE.namespace("events")
        reflector = self.open("", "configmaps", "ConfigMap", "events")
        self.assertEqual(reflector.take(), ["SYNCED", "0"])
        made = make_map("events", "one")
        self.assertEqual(reflector.take(), ["ADDED", "one", version_of(made)])
        new = patch_map("events", "one", "y")
        self.assertEqual(reflector.take(), ["MODIFIED", "one", version_of(new)])
        self.assertEqual(reflector.ask("version"), "VERSION " + version_of(new))
        must("DELETE", MAPS % "events" + "/one")
        self.assertEqual(reflector.take()[:2], ["DELETED", "one"])
        again = make_map("events", "one")
        self.assertEqual(reflector.take(), ["ADDED", "one", version_of(again)])
        # The answer to a write of the life before comes late.
        reflector.process.stdin.write("put %s\n" % json.dumps(new))
        self.assertEqual(reflector.take(), ["BEFORE", "one", version_of(again)])
        self.assertEqual(reflector.take(), ["AFTER", "one", version_of(again)])

    def test_selector(self):
        PLANE.namespace("chosen")
        must("POST", MAPS % "chosen", {"metadata": {"name": "other"}})
        make_map("chosen", "ours")
        reflector = self.open("", "configmaps", "ConfigMap", "chosen", 300, "kept in (yes, no)")
        self.assertEqual([line[1] for line in reflector.until("SYNCED")], ["ours", "1"])
        must("PATCH", MAPS % "chosen" + "/ours", {"metadata": {"labels": None}}, "application/merge-patch+json")
        self.assertEqual(reflector.take()[:2], ["DELETED", "ours"])

    def test_bookmarks_keep_a_quiet_watch_young(self):
        """Nothing happens here, much elsewhere: the version goes on, and no list comes."""
        PLANE.namespace("quiet")
        PLANE.namespace("loud")
        reflector = self.open("", "configmaps", "ConfigMap", "quiet", 3)
        reflector.until("SYNCED")
        first = int(reflector.ask("version").split()[1])
        for i in range(20):
            make_map("loud", "m%d" % i)
        end = time.monotonic() + WAIT_S
        last = first
        while last < first + 20 and time.monotonic() < end:
            time.sleep(0.2)
            answer = reflector.ask("version")
            if answer.startswith("VERSION"):
                last = int(answer.split()[1])
            else:
                self.assertEqual(answer, "AGAIN end")
        self.assertGreaterEqual(last, first + 20)

    def test_pages(self):
        PLANE.namespace("many")
        for i in range(1100):
            make_map("many", "m%04d" % i)
        reflector = self.open("", "configmaps", "ConfigMap", "many", 300, "pages")
        self.assertEqual(reflector.until("SYNCED")[-1], ["SYNCED", "1100"])
        self.assertEqual(reflector.versions(), truth("many"))

    def compact(self):
        """etcd forgets all that was before now."""
        def ask(path, body):
            connection = http.client.HTTPConnection("127.0.0.1", PLANE.etcd_port, timeout=10)
            connection.request("POST", path, json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
            connection.close()
            assert answer.status == 200, text
            return json.loads(text)
        revision = ask("/v3/kv/range", {"key": "AA=="})["header"]["revision"]
        ask("/v3/kv/compaction", {"revision": revision, "physical": True})

    def expire(self, space, *options):
        """While the reflector sleeps, things happen, etcd is compacted and the API server starts anew."""
        PLANE.namespace(space)
        for name in ("keep", "change", "remove", "replace"):
            make_map(space, name)
        reflector = self.open("", "configmaps", "ConfigMap", space, 300, *options)
        self.assertEqual(reflector.until("SYNCED")[-1], ["SYNCED", "4"])
        reflector.process.send_signal(signal.SIGSTOP)
        try:
            PLANE.kill("kube-apiserver", signal.SIGKILL)
            PLANE.start_api()
            patch_map(space, "change", "y")
            must("DELETE", MAPS % space + "/remove")
            must("DELETE", MAPS % space + "/replace")
            make_map(space, "replace")
            make_map(space, "new")
            self.compact()
            PLANE.kill("kube-apiserver", signal.SIGKILL)
            PLANE.start_api()
        finally:
            reflector.process.send_signal(signal.SIGCONT)
        while True:
            line = reflector.take()
            if line == ["RELIST", "expired"]:
                break
            self.assertIn(line[0], ("AGAIN",), line)
        told = sorted(" ".join(reflector.take()[:2]) for _ in range(5))
        self.assertEqual(told, ["ADDED new", "ADDED replace", "DELETED remove", "DELETED replace", "MODIFIED change"])
        self.assertEqual(reflector.versions(), truth(space))
        made = make_map(space, "later")
        self.assertEqual(reflector.take(), ["ADDED", "later", version_of(made)])

    def test_expired_then_pages(self):
        self.expire("expired-pages", "pages")

    def test_expired_then_stream(self):
        self.expire("expired-stream")

    def test_server_away(self):
        """Killed and back: the watch goes on from its version, or lists when the server forgot it."""
        PLANE.namespace("away")
        make_map("away", "one")
        reflector = self.open("", "configmaps", "ConfigMap", "away")
        reflector.until("SYNCED")
        PLANE.kill("kube-apiserver", signal.SIGKILL)
        self.assertEqual(reflector.take(), ["AGAIN", "network"])
        PLANE.start_api()
        made = make_map("away", "two")
        self.assertEqual(reflector.until("ADDED")[-1], ["ADDED", "two", version_of(made)])
        self.assertEqual(reflector.versions(), truth("away"))


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The reflector against a server that does as it is told, connection by connection.

usage: test_reflector.py REFLECTOR_PROGRAM
"""
import json
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.parse

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "reflector_program"
WAIT_S = 15


class Request:
    """One request that came; answered by the test."""

    def __init__(self, connection, line):
        self.connection, self.method, target = connection, *line.split(" ")[:2]
        self.path, _, query = target.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        self.done = threading.Event()

    def answer(self, code, doc):
        text = json.dumps(doc).encode()
        self.connection.sendall(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                                (code, len(text)) + text)
        self.done.set()

    def open(self):
        self.connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                b"Transfer-Encoding: chunked\r\n\r\n")

    def send(self, data):
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def event(self, kind, doc):
        self.send(json.dumps({"type": kind, "object": doc}).encode() + b"\n")

    def end(self):
        self.connection.sendall(b"0\r\n\r\n")
        self.done.set()

    def cut(self):
        """A reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connection.close()
        self.done.set()

    def is_closed_by_client(self, seconds):
        self.connection.settimeout(seconds)
        try:
            return self.connection.recv(1) == b""
        except ConnectionError:
            return True
        except socket.timeout:
            return False


class Server:
    """Every request waits in a queue for the test."""

    def __init__(self):
        self.requests = queue.Queue()
        self.listener = None
        self.connections = []
        self.port = 0
        self.start()

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """As a server that is killed: its port refuses."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()
        self.connections = []

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        while True:
            head = b""
            try:
                while b"\r\n\r\n" not in head:
                    part = connection.recv(65536)
                    if not part:
                        return
                    head += part
            except OSError:
                return
            request = Request(connection, head.split(b"\r\n")[0].decode())
            self.requests.put(request)
            request.done.wait()

    def take(self, seconds=WAIT_S):
        return self.requests.get(timeout=seconds)

    def has_none(self, seconds):
        try:
            return self.requests.get(timeout=seconds) is None
        except queue.Empty:
            return True


class Reflector:
    def __init__(self, server, watch_min_s=300, *options):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "kubeconfig")
        with open(path, "w", encoding="ascii") as file:
            json.dump({"current-context": "a", "clusters": [{"name": "c", "cluster": {
                "server": "http://127.0.0.1:%d" % server.port}}], "users": [{"name": "u", "user": {"token": "t"}}],
                "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}]}, file)
        with open(os.path.join(self.folder.name, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, path, "", "v1", "pods", "Pod", "n", str(watch_min_s), *options],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def take(self, count=1, seconds=WAIT_S):
        """So many lines: without uids."""
        return [" ".join(part for i, part in enumerate(self.lines.get(timeout=seconds).split(" ")) if i != 2)
                for _ in range(count)]

    def is_quiet(self, seconds=0.3):
        time.sleep(seconds)
        return self.lines.empty()

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        return self.lines.get(timeout=WAIT_S)

    def dump(self):
        """{name: object}"""
        self.process.stdin.write("dump\n")
        found = {}
        while True:
            line = self.lines.get(timeout=WAIT_S)
            if line == "END":
                return found
            doc = json.loads(line[4:])
            found[doc["metadata"]["name"]] = doc

    def log(self):
        with open(os.path.join(self.folder.name, "log"), encoding="utf-8") as file:
            return file.read()

    def close(self):
        self.process.stdin.close()
        code = self.process.wait(WAIT_S)
        if code:
            print(self.log())
        self.process.stdout.close()
        self.folder.cleanup()
        return code


def pod(name, version, uid=None, **more):
    return {"kind": "Pod", "apiVersion": "v1", "metadata": {
        "namespace": "n", "name": name, "uid": uid or "u-" + name, "resourceVersion": str(version),
        "managedFields": [{"manager": "m"}]}, **more}


def pods(version, *items, next_page=""):
    return {"kind": "PodList", "apiVersion": "v1", "items": list(items),
            "metadata": {"resourceVersion": str(version), "continue": next_page}}


def status(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": "m"}


def bookmark(version, initial_end=False):
    metadata = {"resourceVersion": str(version)}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": "Pod", "apiVersion": "v1", "metadata": metadata}


class ReflectorTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.reflector = None

    def tearDown(self):
        self.assertEqual(self.reflector.close(), 0)
        self.server.stop()

    def watching(self, watch_min_s=300):
        """Listed a and b as of 10; the open watch."""
        self.reflector = Reflector(self.server, watch_min_s, "pages")
        request = self.server.take()
        self.assertEqual((request.method, request.path), ("GET", "/api/v1/namespaces/n/pods"))
        self.assertEqual(request.query, {"limit": "500", "resourceVersion": "0"})
        request.answer(200, pods(10, pod("a", 5), pod("b", 6)))
        self.assertEqual(sorted(self.reflector.take(3)), ["ADDED n/a 5", "ADDED n/b 6", "SYNCED 2"])
        return self.watch(10)

    def watch(self, version):
        """The next request is a watch from this version."""
        request = self.server.take()
        self.assertEqual(request.query.get("watch"), "true")
        self.assertEqual(request.query.get("resourceVersion"), str(version))
        self.assertEqual(request.query.get("allowWatchBookmarks"), "true")
        self.assertNotIn("sendInitialEvents", request.query)
        request.open()
        return request

    def test_half_lines(self):
        watch = self.watching()
        watch.event("BOOKMARK", bookmark(11))
        text = json.dumps({"type": "ADDED", "object": pod("c", 12, status={"message": "é中🎬"})},
                          ensure_ascii=False).encode() + b"\n"
        for at in range(0, len(text), 7):
            watch.send(text[at:at + 7])
        self.assertEqual(self.reflector.take(), ["ADDED n/c 12"])
        two = [json.dumps({"type": "MODIFIED", "object": pod("c", version)}).encode() for version in (13, 14)]
        watch.send(two[0] + b"\n" + two[1][:20])
        self.assertEqual(self.reflector.take(), ["MODIFIED n/c 13"])
        self.assertTrue(self.reflector.is_quiet())
        self.assertEqual(self.reflector.ask("version"), "VERSION 13")
        watch.send(two[1][20:] + b"\n")
        self.assertEqual(self.reflector.take(), ["MODIFIED n/c 14"])
        self.assertNotIn("managedFields", self.reflector.dump()["c"]["metadata"])

    def test_cut_in_the_middle_of_a_line(self):
        watch = self.watching()
        watch.event("MODIFIED", pod("a", 11))
        watch.send(b'{"type":"DELETED","object":')
        self.assertEqual(self.reflector.take(), ["MODIFIED n/a 11"])
        watch.cut()
        self.assertEqual(self.reflector.take(), ["AGAIN network"])
        self.watch(11).event("DELETED", pod("a", 12))
        self.assertEqual(self.reflector.take(), ["DELETED n/a 12"])

    def test_gone_in_the_stream(self):
        watch = self.watching()
        watch.event("ADDED", pod("c", 11))
        watch.event("ERROR", status(410, "Expired"))
        self.assertEqual(self.reflector.take(2), ["ADDED n/c 11", "RELIST expired"])
        request = self.server.take()
        self.assertEqual(request.query, {"limit": "500"})
        request.answer(200, pods(20, pod("a", 5), next_page="next"))
        request = self.server.take()
        self.assertEqual(request.query, {"limit": "500", "continue": "next"})
        self.assertTrue(self.reflector.is_quiet())
        request.answer(200, pods(20, pod("b", 15), pod("c", 16, "u-other"), pod("d", 17)))
        self.assertEqual(sorted(self.reflector.take(4)),
                         ["ADDED n/c 16", "ADDED n/d 17", "DELETED n/c 11", "MODIFIED n/b 15"])
        self.assertEqual(sorted(self.reflector.dump()), ["a", "b", "c", "d"])
        self.watch(20)

    def test_gone_by_status(self):
        self.watching().end()
        self.assertEqual(self.reflector.take(), ["AGAIN short"])
        request = self.server.take()
        request.answer(410, status(410, "Gone"))
        self.assertEqual(self.reflector.take(), ["RELIST expired"])
        self.assertEqual(self.server.take().query, {"limit": "500"})

    def test_frozen_watch(self):
        """The server says nothing and never ends: the client does, and goes on from where it was."""
        watch = self.watching(watch_min_s=1)
        watch.event("BOOKMARK", bookmark(30))
        self.assertTrue(watch.is_closed_by_client(8))
        self.assertEqual(self.reflector.take(), ["AGAIN end"])
        self.watch(30).event("DELETED", pod("b", 31))
        self.assertEqual(self.reflector.take(), ["DELETED n/b 31"])

    def test_server_restart(self):
        """Nobody there for a while: no list, the same version; nothing is told but that."""
        watch = self.watching()
        watch.event("MODIFIED", pod("a", 11))
        self.assertEqual(self.reflector.take(), ["MODIFIED n/a 11"])
        self.server.stop()
        self.assertEqual(self.reflector.take(2, 10), ["AGAIN network", "AGAIN network"])
        self.server.start()
        self.watch(11).event("ADDED", pod("c", 12))
        while True:
            line = self.reflector.take()
            if line != ["AGAIN network"]:
                break
        self.assertEqual(line, ["ADDED n/c 12"])

    def test_streaming_list(self):
        self.reflector = Reflector(self.server, 300)
        request = self.server.take()
        self.assertEqual(request.query.get("sendInitialEvents"), "true")
        self.assertEqual(request.query.get("resourceVersionMatch"), "NotOlderThan")
        self.assertNotIn("resourceVersion", request.query)
        request.open()
        request.event("ADDED", pod("a", 7))
        request.event("ADDED", pod("b", 3))
        self.assertTrue(self.reflector.is_quiet())
        request.event("BOOKMARK", bookmark(9, initial_end=True))
        self.assertEqual(sorted(self.reflector.take(3)), ["ADDED n/a 7", "ADDED n/b 3", "SYNCED 2"])
        request.event("DELETED", pod("b", 10))
        self.assertEqual(self.reflector.take(), ["DELETED n/b 10"])
        request.event("ERROR", status(500, "InternalError"))
        self.assertEqual(self.reflector.take(), ["AGAIN server"])
        self.watch(10)

    def test_streaming_list_is_refused(self):
        self.reflector = Reflector(self.server, 300)
        self.server.take().answer(422, status(422, "Invalid"))
        request = self.server.take(2)
        self.assertEqual(request.query, {"limit": "500", "resourceVersion": "0"})
        request.answer(200, pods(10, pod("a", 5)))
        self.assertEqual(self.reflector.take(2), ["ADDED n/a 5", "SYNCED 1"])
        self.watch(10)

    def test_streaming_list_breaks(self):
        self.reflector = Reflector(self.server, 300)
        request = self.server.take()
        request.open()
        request.event("ADDED", pod("a", 7))
        time.sleep(0.3)
        request.cut()
        self.assertEqual(self.reflector.take(), ["RELIST network"])
        request = self.server.take()
        self.assertEqual(request.query, {"limit": "500", "resourceVersion": "0"})
        request.answer(200, pods(10, pod("b", 5)))
        self.assertEqual(self.reflector.take(2), ["ADDED n/b 5", "SYNCED 1"])

    def test_short_watches_back_off(self):
        """A proxy that ends every stream at once is not asked tens of times a second."""
        self.watching().end()
        start = time.monotonic()
        for _ in range(2):
            self.watch(10).end()
        self.assertGreater(time.monotonic() - start, 0.8 + 1.6)
        self.assertEqual(self.reflector.take(3), ["AGAIN short"] * 3)

    def test_our_own_writes(self):
        watch = self.watching()
        self.reflector.process.stdin.write("put %s\n" % json.dumps(pod("a", 12)))
        self.assertEqual(self.reflector.take(4), ["MODIFIED n/a 12", "BEFORE n/a 5", "AFTER n/a 12", "END"])
        watch.event("MODIFIED", pod("a", 11))
        watch.event("MODIFIED", pod("a", 12))
        watch.event("DELETED", pod("a", 13))
        self.assertEqual(self.reflector.take(), ["DELETED n/a 13"])
        self.reflector.process.stdin.write("put %s\n" % json.dumps(pod("a", 12)))
        self.assertEqual(self.reflector.take(), ["END"])

    def test_what_is_wrong_is_said_once(self):
        self.reflector = Reflector(self.server, 300, "pages")
        for _ in range(2):
            self.server.take().answer(403, dict(status(403, "Forbidden"), message="pods is forbidden: User x"))
            self.assertEqual(self.reflector.take(), ["RELIST server"])
        self.server.take().answer(200, pods(10))
        self.assertEqual(self.reflector.take(), ["SYNCED 0"])
        self.watch(10).cut()
        self.assertEqual(self.reflector.take(), ["AGAIN network"])
        self.assertEqual(self.reflector.log().count("pods: the API server says 403: pods is forbidden: User x"), 1)
        self.assertEqual(self.reflector.log().count("pods: no answer of the API server: "), 1)

    def test_close_beside_a_client_that_lives(self):
        watch = self.watching()
        self.assertEqual(self.reflector.ask("close"), "CLOSED")
        self.assertTrue(watch.is_closed_by_client(5))
        self.assertTrue(self.reflector.is_quiet())
        self.assertTrue(self.server.has_none(1))

    def test_close_in_every_state(self):
        """tearDown sees a clean end: while waiting, listing, streaming."""
        watch = self.watching()
        self.assertEqual(self.reflector.close(), 0)
        watch.cut()
        self.reflector = Reflector(self.server, 300, "pages")
        self.server.take().answer(503, status(503, "x"))
        self.assertEqual(self.reflector.take(), ["RELIST server"])
        self.assertEqual(self.reflector.close(), 0)
        self.reflector = Reflector(self.server, 300, "pages")
        self.server.take()


def run_all():
    """All at once: they mostly wait. True when all is well."""
    tests = list(unittest.defaultTestLoader.loadTestsFromTestCase(ReflectorTest))
    results = [unittest.TestResult() for _ in tests]
    threads = [threading.Thread(target=test.run, args=(result,)) for test, result in zip(tests, results)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for test, result in zip(tests, results):
        print("%-70s %s" % (test.id(), "ok" if result.wasSuccessful() else "FAILED"))
        for _, text in result.failures + result.errors:
            print(text)
    return bool(tests) and all(result.wasSuccessful() and result.testsRun == 1 for result in results)


if __name__ == "__main__":
    sys.exit(0 if run_all() else 1)

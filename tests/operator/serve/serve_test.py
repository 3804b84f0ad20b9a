#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The operator's HTTP server, asked by real clients.

usage: serve_test.py SERVE_PROGRAM
"""
import http.client
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "serve_program"
SAMPLE = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z_]+="[^"]*",?)*\})? (\S+)$')


class Server:
    def __init__(self, *args):
        self.process = subprocess.Popen([PROGRAM, *map(str, args)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self, timeout=5):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def ask(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.headers
        finally:
            connection.close()

    def raw(self, data, timeout=5):
        """All that comes back until the server closes, or nothing more comes for a second."""
        with self.connect(timeout) as client:
            client.sendall(data)
            client.settimeout(1)
            got = b""
            try:
                while True:
                    part = client.recv(65536)
                    if not part:
                        return got, True
                    got += part
            except socket.timeout:
                return got, False
            except ConnectionResetError:
                return got, True

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.stdout.close()


class ServeTest(unittest.TestCase):
    def setUp(self):
        self.server = Server()

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)

    def assertAlive(self, server=None):
        begun = time.monotonic()
        self.assertEqual((server or self.server).ask("GET", "/healthz")[:2], (200, b"ok\n"))
        self.assertLess(time.monotonic() - begun, 1)

    def test_health_and_readiness(self):
        self.assertAlive()
        status, body, _ = self.server.ask("GET", "/readyz")
        self.assertEqual((status, body), (503, b"caches are not synced\n"))
        self.server.process.send_signal(signal.SIGUSR1)
        deadline = time.monotonic() + 5
        while self.server.ask("GET", "/readyz")[0] != 200:
            self.assertLess(time.monotonic(), deadline)
        self.assertAlive()

    def test_metrics(self):
        status, body, headers = self.server.ask("GET", "/metrics?name[]=x")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        lines = body.decode().splitlines()
        for line in lines:
            if not line.startswith("# "):
                self.assertTrue(SAMPLE.match(line), line)
                float(SAMPLE.match(line).group(3))
        self.assertIn('rest_client_requests_total{code="200",method="GET",host="api.example:6443"} 1', lines)
        self.assertTrue(any(re.match(r"process_resident_memory_bytes [1-9]", line) for line in lines))

    def test_head_has_no_body_and_the_connection_goes_on(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
        connection.connect()
        first = connection.sock
        for method, path, status, body in (("HEAD", "/healthz", 200, b""), ("GET", "/healthz", 200, b"ok\n"),
                                           ("HEAD", "/big", 200, b""), ("GET", "/empty", 200, b""),
                                           ("GET", "/nothing", 404, b"there is no such page\n"),
                                           ("GET", "/healthz", 200, b"ok\n")):
            connection.request(method, path)
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.read()), (status, body), path)
            self.assertIs(connection.sock, first, path)
            if path != "/empty":
                self.assertEqual(int(answer.headers["Content-Length"]),
                                 (32 << 20) if path == "/big" else 3 if status == 200 else 22)
        connection.close()

    def test_what_is_not_there_and_not_allowed(self):
        for path in ("/", "/healthz/", "/metricsx", "/%2e%2e/etc/passwd", "/HEALTHZ"):
            self.assertEqual(self.server.ask("GET", path)[0], 404, path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            for body in (None, b"x" * 10, b"x" * 1000000):
                try:
                    status, _, headers = self.server.ask(method, "/healthz", body=body)
                except (BrokenPipeError, ConnectionResetError):
                    self.assertGreater(len(body or b""), 10)  # closed before all of it was sent
                    continue
                self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), method)
        for text in (b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"\r\n\r\n",
                     b"GET /healthz HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"):
            got, _ = self.server.raw(text)
            self.assertNotIn(b" 500 ", got)
        self.assertAlive()

    def test_only_http_1_1(self):
        h2c = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
               b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n")
        ws = (b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        prior = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
        for text in (h2c, ws, prior):
            got, _ = self.server.raw(text)
            self.assertNotIn(b" 101 ", got)
            self.assertFalse(got.startswith(b"\0"), got[:20])
        self.assertAlive()

    def test_requests_in_one_packet_are_answered_in_order(self):
        got, closed = self.server.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
                                      b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", got), [b"200", b"404", b"503"])
        self.assertIn(b"\r\n\r\nok\n", got)
        self.assertTrue(closed)

    def test_a_request_in_pieces(self):
        with self.server.connect() as client:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n":
                client.sendall(bytes([byte]))
                time.sleep(0.002)
            self.assertIn(b" 200 ", client.recv(4096))

    def test_a_request_that_is_too_long_is_refused(self):
        long = b"x" * (1 << 20)
        for text in (b"GET /" + long + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /?" + long + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                     b"GET /healthz HTTP/1.1\r\nHost: " + long + b"\r\n\r\n"):
            try:
                got, closed = self.server.raw(text)
            except (BrokenPipeError, ConnectionResetError):
                got, closed = b"", True
            self.assertNotIn(b" 200 ", got)
            self.assertTrue(closed or re.match(rb"HTTP/1.1 4\d\d", got), got[:100])
            self.assertAlive()

    def test_nobody_waits_for_the_slow_or_the_silent(self):
        silent = [self.server.connect() for _ in range(200)]
        half = self.server.connect()
        half.sendall(b"GET /heal")
        slow = self.server.connect(timeout=30)
        slow.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            self.assertAlive()
        half.sendall(b"thz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 200 ", half.recv(4096))
        silent[77].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b" 200 ", silent[77].recv(4096))
        got = b""
        while b"\r\n\r\n" not in got:
            got += slow.recv(1000)
        body = bytearray(got.split(b"\r\n\r\n", 1)[1])
        for _ in range(20):
            body += slow.recv(5000)
            time.sleep(0.01)
        while len(body) < 32 << 20:
            part = slow.recv(1 << 20)
            self.assertTrue(part)
            body += part
        self.assertEqual(bytes(body), (bytes(range(251)) * ((32 << 20) // 251 + 1))[:32 << 20])
        for client in (*silent, half, slow):
            client.close()
        self.assertAlive()

    def test_the_longest_idle_makes_room(self):
        server = Server(8)
        try:
            clients = []
            for _ in range(50):
                clients.append(server.connect())
                self.assertAlive(server)
            time.sleep(0.2)
            gone = 0
            for client in clients[:40]:
                client.settimeout(0.1)
                try:
                    gone += client.recv(1) == b""
                except socket.timeout:
                    pass
            self.assertEqual(gone, 40)
            clients[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 200 ", clients[-1].recv(4096))
            for client in clients:
                client.close()
        finally:
            self.assertEqual(server.stop(), 0)

    def test_a_stop_closes_what_is_open(self):
        idle = self.server.connect()
        slow = self.server.connect()
        slow.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.recv(100)
        begun = time.monotonic()
        self.assertEqual(self.server.stop(), 0)
        self.assertLess(time.monotonic() - begun, 3)
        self.assertEqual(idle.recv(1), b"")
        idle.close()
        slow.close()
        self.server = Server()

    def test_an_address_that_cannot_be_listened_on(self):
        for args, words in (((8, "127.0.0.1", self.server.port), "Address already in use"),
                            ((8, "192.0.2.1", 0), "Cannot assign requested address"),
                            ((8, "localhost", 0), "not an IPv4 or IPv6 address")):
            done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=10)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertRegex(done.stdout, "^error 1 listen on .*" + words)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Between a controller and its API server: counts its writes, and does to them what a test asks for.

    with proxy.Proxy(plane) as between:              # between.kubeconfig is for the controller
        between.fate = lambda write: "after" if write.number == 7 else None
        between.kill = lambda: os.kill(pid, signal.SIGKILL)

A write is any request that is no GET, Events and Leases apart; number counts from 1. Its fate:

    None                    it passes
    "before"                kill() instead of passing it on
    "after"                 it is applied, then kill(), and no answer
    "answered"              it is applied and answered, then kill()
    "lost"                  it is applied, and the connection closed without an answer
    ("status", code, text)  not passed on, this answer (with Retry-After: 1 for 429)
    ("late", seconds)       the answer waits

freeze() holds back all that watches would tell (the connections stay), thaw() lets it go on.
"""
import collections
import http.client
import http.server
import json
import os
import socket
import ssl
import threading
import time

Write = collections.namedtuple("Write", "number method path body")
HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "audit-id")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.upstream = None

    def finish(self):
        if self.upstream:
            self.upstream.close()
        try:
            super().finish()
        except OSError:
            pass

    def handle(self):
        try:
            super().handle()
        except (OSError, http.client.HTTPException):
            pass

    def ask(self, body):
        """The API server's answer; a connection that it had closed is opened again."""
        headers = {key: value for key, value in self.headers.items()
                   if key.lower() not in ("host", "connection", "authorization", "content-length")}
        for last in (False, True):
            fresh = self.upstream is None
            if fresh:
                self.upstream = self.server.between.connect()
            try:
                self.upstream.request(self.command, self.path, body=body, headers=headers)
                return self.upstream.getresponse()
            except (OSError, http.client.HTTPException):
                self.upstream.close()
                self.upstream = None
                if last or fresh:
                    raise
        raise AssertionError("not reached")

    def head(self, answer, more):
        self.send_response_only(answer.status, answer.reason)
        for key, value in answer.getheaders():
            if key.lower() not in HOP:
                self.send_header(key, value)
        self.send_header(*more)
        self.end_headers()

    def serve(self):
        between = self.server.between
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else None
        fate = between.judge(self.command, self.path, body)
        if fate == "before":
            self.end(between.kill)
            return
        if isinstance(fate, tuple) and fate[0] == "status":
            self.refuse(*fate[1:])
            return
        answer = self.ask(body)
        if self.command == "GET" and "watch=" in self.path and answer.status == 200:
            self.stream(answer)
            return
        data = answer.read()
        if fate in ("after", "lost"):
            self.end(between.kill if fate == "after" else None)
            return
        if isinstance(fate, tuple) and fate[0] == "late":
            time.sleep(fate[1])
        self.head(answer, ("Content-Length", str(len(data))))
        self.wfile.write(data)
        self.wfile.flush()
        if fate == "answered":
            between.kill()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

    def end(self, then):
        if then:
            then()
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def refuse(self, code, text):
        data = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": text,
                           "reason": {409: "Conflict", 429: "TooManyRequests"}.get(code, "InternalError")}).encode()
        self.send_response_only(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if code == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(data)

    def stream(self, answer):
        self.head(answer, ("Transfer-Encoding", "chunked"))
        while True:
            data = answer.read1(65536)
            self.server.between.moving.wait()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()
            if not data:
                return


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, between, context):
        self.between, self.context = between, context
        super().__init__(("127.0.0.1", 0), Handler)

    def finish_request(self, request, client_address):
        """TLS in the connection's own thread."""
        try:
            request = self.context.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return
        super().finish_request(request, client_address)

    def handle_error(self, request, client_address):
        pass  # its client was killed


class Proxy:
    def __init__(self, plane):
        self.plane = plane
        self.writes, self.lock = [], threading.Lock()
        self.fate = self.kill = lambda *_: None
        self.moving = threading.Event()
        self.moving.set()
        self.tls = ssl.create_default_context(cafile=plane.pki.path("ca.crt"))
        self.tls.load_cert_chain(plane.pki.path("admin.crt"), plane.pki.path("admin.key"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(plane.pki.path("server.crt"), plane.pki.path("server.key"))
        self.server = Server(self, context)
        self.kubeconfig = self._kubeconfig("https://127.0.0.1:%d" % self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, args=(0.1,), daemon=True).start()

    def _kubeconfig(self, url):
        path = plane_path = self.plane.pki.path("between.kubeconfig")
        user = {"client-certificate": self.plane.pki.path("admin.crt"), "client-key": self.plane.pki.path("admin.key")}
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "test",
                       "clusters": [{"name": "test", "cluster": {
                           "server": url, "certificate-authority": self.plane.pki.path("ca.crt")}}],
                       "users": [{"name": "test", "user": user}],
                       "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}, file)
        return os.path.abspath(plane_path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.moving.set()
        self.server.shutdown()
        self.server.server_close()

    def connect(self):
        host, port = self.plane.url.rsplit("/", 1)[1].split(":")
        return http.client.HTTPSConnection(host, int(port), context=self.tls, timeout=900)

    def judge(self, method, path, body):
        if method == "GET" or "/events" in path or "/leases" in path:
            return None
        with self.lock:
            write = Write(len(self.writes) + 1, method, path.split("?")[0], body)
            self.writes.append(write)
            return self.fate(write)

    def freeze(self):
        self.moving.clear()

    def thaw(self):
        self.moving.set()

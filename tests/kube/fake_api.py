#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP server that answers as a scenario tells it: an API server in all its bad moods. Stdlib only.

usage: fake_api.py SCENARIO.json [--record FILE] [--cert FILE --key FILE [--client-ca FILE]]

Listens on a free port of 127.0.0.1, prints it, and ends when stdin does. With --cert it speaks TLS;
the files are read anew for each connection. Requests go to FILE, one JSON line each, before they
are answered: n, method, target, headers (names in lower case), body, connection, client (CN), at (s).

A scenario is a list of rules; the first that fits a request answers it, else it is a 404:

    {"method": "GET",              regex of the whole method; absent: any
     "target": "/api/v1/pods.*",   regex of the whole target with its query; absent: any
     "headers": {"name": "regex"}, of whole values
     "nth": 1 or [2, 4],           which of all the requests that fit the above, from 1
     "answer": {...}}

An answer, all keys optional:

    delay_s    before the first byte
    status     200
    headers    {"Retry-After": "1"}, or a list of pairs
    body       JSON, or text as it is; with "pad": N it gets a member "pad" of N bytes
    says       {"reason": ..., "message": ..., "details": ...}: the body is a Status of this code
    gzip       true
    close      true: the connection is closed after the answer; "reset": it is reset
    lost       true: no answer, the connection is closed; "reset": it is reset
    cut        N: only so many bytes of the body come, then the connection is closed
    stream     a list of steps instead of body, sent in chunks:
               "text"                      one chunk
               {"json": ...}               a line
               {"text": T, "split": N}     in chunks of N bytes
               {"pause_s": S}
               {"freeze": true}            until the client closes
               {"cut": true}, {"reset": true}   the stream breaks off; else it is ended properly

As a module: with fake_api.FakeApi(rules, record=None, cert=..., key=..., client_ca=...) as api: api.port
"""
import argparse
import gzip
import http
import itertools
import json
import re
import socket
import ssl
import struct
import sys
import threading
import time


class Over(Exception):
    """This connection is done."""


def status_object(code, says):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, **says}


def body_bytes(answer):
    body = answer.get("body", "")
    if "says" in answer:
        body = status_object(answer.get("status", 200), answer["says"])
    if "pad" in answer:
        body = {**(body or {}), "pad": "x" * answer["pad"]}
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


class Connection:
    def __init__(self, api, sock, number):
        self.api, self.sock, self.number = api, sock, number
        self.rest = b""

    def more(self):
        data = self.sock.recv(1 << 20)
        if not data:
            raise Over
        self.rest += data

    def head(self):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines)
        return method, target, {name.strip().lower(): value.strip() for name, value in pairs}

    def client_name(self):
        cert = self.sock.getpeercert() if isinstance(self.sock, ssl.SSLSocket) else None
        names = dict(pair for part in (cert or {}).get("subject", ()) for pair in part)
        return names.get("commonName")

    def request(self):
        method, target, headers = self.head()
        length = int(headers.get("content-length", 0))
        while len(self.rest) < length:
            self.more()
        body, self.rest = self.rest[:length], self.rest[length:]
        return {"method": method, "target": target, "headers": headers, "body": body.decode("utf-8", "replace"),
                "connection": self.number, "client": self.client_name(), "at": time.monotonic()}

    def serve(self):
        try:
            while True:
                self.answer(self.api.choose(self.request()))
        except (Over, OSError):
            pass
        finally:
            self.sock.close()

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Over

    def answer(self, answer):
        time.sleep(answer.get("delay_s", 0))
        if answer.get("lost") == "reset":
            self.reset()
        if answer.get("lost"):
            raise Over
        body = body_bytes(answer)
        headers = answer.get("headers", {})
        headers = list(headers.items() if isinstance(headers, dict) else headers)
        headers.append(("Content-Type", "application/json"))
        if answer.get("gzip"):
            headers.append(("Content-Encoding", "gzip"))
            body = gzip.compress(body, 1)
        if "stream" in answer:
            headers.append(("Transfer-Encoding", "chunked"))
        else:
            headers.append(("Content-Length", str(len(body))))
        self.send_head(answer.get("status", 200), headers)
        if "stream" in answer:
            self.stream(answer["stream"])
        else:
            self.sock.sendall(body[:answer.get("cut", len(body))])
        if answer.get("close") == "reset":
            time.sleep(0.05)  # the answer is not lost in the reset
            self.reset()
        if "cut" in answer or answer.get("close"):
            raise Over

    def send_head(self, code, headers):
        phrase = http.HTTPStatus(code).phrase if code in list(http.HTTPStatus) else "X"
        lines = ["HTTP/1.1 %d %s" % (code, phrase)] + ["%s: %s" % tuple(pair) for pair in headers]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def chunk(self, data):
        if data:
            self.sock.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def stream(self, steps):
        for step in steps:
            self.step({"text": step} if isinstance(step, str) else step)
        self.sock.sendall(b"0\r\n\r\n")

    def step(self, step):
        data = step.get("text", "").encode()
        if "json" in step:
            data = json.dumps(step["json"], ensure_ascii=False).encode() + b"\n"
        size = step.get("split") or len(data) or 1
        for at in range(0, len(data), size):
            self.chunk(data[at:at + size])
            if size < len(data):
                time.sleep(0.001)  # so that they come one by one
        time.sleep(step.get("pause_s", 0))
        if step.get("freeze"):
            while True:
                self.more()
        if step.get("reset"):
            self.reset()
        if step.get("cut"):
            raise Over


class FakeApi:
    def __init__(self, rules, record=None, cert=None, key=None, client_ca=None):
        self.rules, self.record = rules, record
        self.cert, self.key, self.client_ca = cert, key, client_ca
        self.seen = [0] * len(rules)
        self.requests = []
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock, next(self.numbers)), daemon=True).start()

    def serve(self, sock, number):
        try:
            if self.cert:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self.cert, self.key)
                if self.client_ca:
                    context.load_verify_locations(self.client_ca)
                    context.verify_mode = ssl.CERT_OPTIONAL
                sock = context.wrap_socket(sock, server_side=True)
        except (OSError, ssl.SSLError):
            sock.close()
            return
        Connection(self, sock, number).serve()

    def choose(self, request):
        """The answer of the first rule that fits; the request is recorded."""
        with self.lock:
            request["n"] = len(self.requests) + 1
            self.requests.append(request)
            if self.record:
                with open(self.record, "a", encoding="utf-8") as file:
                    file.write(json.dumps(request) + "\n")
            fitting = [at for at, rule in enumerate(self.rules) if self.fits(rule, request)]
            for at in fitting:
                self.seen[at] += 1
            for at in fitting:
                if self.is_turn(at):
                    return self.rules[at]["answer"]
        return {"status": 404, "says": {"reason": "NotFound", "message": "no rule for " + request["target"]}}

    def is_turn(self, at):
        nth = self.rules[at].get("nth", [1, sys.maxsize])
        first, last = nth if isinstance(nth, list) else (nth, nth)
        return first <= self.seen[at] <= last

    @staticmethod
    def fits(rule, request):
        return (re.fullmatch(rule.get("method", ".*"), request["method"]) and
                re.fullmatch(rule.get("target", ".*"), request["target"]) and
                all(re.fullmatch(regex, request["headers"].get(name.lower(), ""))
                    for name, regex in rule.get("headers", {}).items()))


def main():
    parser = argparse.ArgumentParser(description="An API server that answers as it is told.")
    parser.add_argument("scenario")
    for name in ("record", "cert", "key", "client-ca"):
        parser.add_argument("--" + name)
    args = parser.parse_args()
    with open(args.scenario, encoding="utf-8") as file:
        rules = json.load(file)
    with FakeApi(rules, args.record, args.cert, args.key, args.client_ca) as api:
        print(api.port, flush=True)
        while sys.stdin.buffer.read(1):
            pass


if __name__ == "__main__":
    main()

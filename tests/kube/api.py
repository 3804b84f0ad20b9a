# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server as tests see it: JSON in, JSON out, by an admin kubeconfig. Stdlib only."""
import base64
import http.client
import json
import re
import ssl
import tempfile
import time
import urllib.parse


class ApiError(Exception):
    def __init__(self, code, body):
        self.code, self.body = code, body
        try:
            self.message = json.loads(body).get("message", body)
        except ValueError:
            self.message = body
        super().__init__("%d: %s" % (code, self.message))


def _field(text, name):
    """One value of a kubeconfig with one cluster and one user, in JSON or plain YAML."""
    text = re.sub(r'[{},]', "\n", text).replace('"', "") if text.startswith("{") else text
    found = re.search(r"^\s*%s:\s*(\S+)\s*$" % re.escape(name), text, flags=re.M)
    return found.group(1).strip("\"'") if found else None


def _file(text, name):
    """The path of a certificate, by file or by inline data."""
    path = _field(text, name)
    if path:
        return path
    data = _field(text, name + "-data")
    if not data:
        return None
    file = tempfile.NamedTemporaryFile(suffix=".pem", delete=False)
    file.write(base64.b64decode(data))
    file.close()
    return file.name


class Api:
    """One user of one API server; safe to use from one thread (clone() for another)."""

    patience_s = 20  # with an API server that restarts

    def __init__(self, kubeconfig):
        self.kubeconfig = kubeconfig
        with open(kubeconfig, encoding="utf-8") as file:
            text = file.read()
        self.server = urllib.parse.urlsplit(_field(text, "server"))
        self.token = _field(text, "token")
        self.tls = ssl.create_default_context(cafile=_file(text, "certificate-authority"))
        cert, key = _file(text, "client-certificate"), _file(text, "client-key")
        if cert:
            self.tls.load_cert_chain(cert, key)
        self.connection = None

    def clone(self):
        return Api(self.kubeconfig)

    def _connect(self, timeout):
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, context=self.tls, timeout=timeout)

    def _headers(self, kind):
        headers = {"Accept": "application/json", "Content-Type": kind}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        return headers

    def call(self, method, path, body=None, kind="application/json"):
        data = None if body is None else json.dumps(body)
        end = time.monotonic() + self.patience_s
        while True:
            if self.connection is None:
                self.connection = self._connect(30)
            try:
                self.connection.request(method, path, body=data, headers=self._headers(kind))
                answer = self.connection.getresponse()
                text = answer.read().decode("utf-8", "replace")
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
        if answer.status >= 300:
            raise ApiError(answer.status, text)
        return json.loads(text) if text.startswith("{") else text

    def get(self, path):
        return self.call("GET", path)

    def find(self, path):
        """None when it is not there."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def create(self, path, body):
        return self.call("POST", path, body)

    def delete(self, path, body=None):
        try:
            return self.call("DELETE", path, body)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def merge(self, path, body):
        return self.call("PATCH", path, body, "application/merge-patch+json")

    def watch(self, path, seconds=300):
        """(type, object) of every event; ends when the server ends it."""
        connection = self._connect(seconds + 15)
        query = "watch=true&timeoutSeconds=%d" % seconds
        connection.request("GET", path + ("&" if "?" in path else "?") + query, headers=self._headers("application/json"))
        answer = connection.getresponse()
        if answer.status >= 300:
            raise ApiError(answer.status, answer.read().decode("utf-8", "replace"))
        for line in answer:
            event = json.loads(line)
            yield event["type"], event["object"]


def until(what, check, seconds=60, pause=0.1):
    """The first true answer of check(); fails with what() after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (seconds, what() if callable(what) else what))
        time.sleep(pause)

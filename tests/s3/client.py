# SPDX-License-Identifier: Apache-2.0
"""A small S3 client for tests, of Python's own library alone: SigV4 with the payload's hash."""
import datetime
import hashlib
import hmac
import pathlib
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request

SERVER = pathlib.Path(__file__).resolve().parent / "server"


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Client:
    def __init__(self, endpoint, access, secret):
        self.endpoint, self.access, self.secret = endpoint, access, secret

    def send(self, method, path, query=None, body=b""):
        """(status, body); 2xx and 404 only."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        host = self.endpoint.split("://")[1]
        where = urllib.parse.quote(path)
        asked = "&".join(f"{urllib.parse.quote(k, safe='')}={urllib.parse.quote(v, safe='')}"
                         for k, v in sorted((query or {}).items()))
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(signed)
        canonical = "\n".join([method, where, asked, *(f"{k}:{v}" for k, v in signed.items()), "", names, digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        key = sign(sign(sign(sign(b"AWS4" + self.secret.encode(), now[:8]), "us-east-1"), "s3"), "aws4_request")
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers = {**signed, "authorization": f"AWS4-HMAC-SHA256 Credential={self.access}/{scope}, "
                   f"SignedHeaders={names}, Signature={signature}"}
        request = urllib.request.Request(self.endpoint + where + ("?" + asked if asked else ""), method=method,
                                         headers=headers, data=body or None)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise RuntimeError(f"{method} {path}: {error.code} {error.read()[:300]}") from error
            return 404, b""

    def put(self, bucket, key, body):
        self.send("PUT", f"/{bucket}/{key}", body=body)

    def get(self, bucket, key):
        """None when there is none."""
        status, body = self.send("GET", f"/{bucket}/{key}")
        return body if status == 200 else None

    def keys(self, bucket, prefix=""):
        return re.findall(r"<Key>([^<]*)</Key>",
                          self.send("GET", f"/{bucket}", {"list-type": "2", "prefix": prefix})[1].decode())

    def uploads(self, bucket):
        return re.findall(r"<UploadId>([^<]*)</UploadId>", self.send("GET", f"/{bucket}", {"uploads": ""})[1].decode())


class Server:
    """tests/s3/server as a context; .client talks to it. available is False where there is none."""

    def __init__(self, folder):
        self.process = subprocess.Popen([str(SERVER), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        words = self.process.stdout.readline().split()
        self.available = len(words) == 3
        if self.available:
            self.client = Client(*words)

    def tell(self, word):
        """"kill", with SIGKILL, or "start", on the same data and port; done when this returns."""
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n", word

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes control plane for tests: etcd and kube-apiserver on ports of their own, with a
PKI of their own, in a temporary folder. No controllers, no nodes.

usage: control_plane.py COMMAND...    runs it with KUBECONFIG, PATH (kubectl) set and STEREO_KUBE_DIR
                                      (ca.crt, admin.crt, admin.key, url)

As a module:

    with control_plane.start() as plane:        # raises Missing when there are no programs
        plane.kubectl("get", "ns")
        code, doc = plane.request("POST", "/api/v1/namespaces", {...})
        user = plane.user("films", "tenant", rules=[...])   # a service account and its token
        user.request("GET", ...)

The programs (etcd and kube, one program for kube-apiserver and kubectl) are looked for in
STEREO_TOOLS, else in ../shared/tools beside the repository; a packed set (with `unpack`) is unpacked
once into ~/.cache/stereojob/tools.
"""
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CRD = os.path.join(ROOT, "crds", "stereojob.io_stereojobs.yaml")
READY_S = 120
TRIES = 3  # a port that was free may be taken by another before we bind it


class Missing(Exception):
    """There are no programs: the test is skipped, and says why."""


def unpacked(packed):
    """The folder of the unpacked programs, by the checksums of the packed ones."""
    with open(os.path.join(packed, "SHA256SUMS"), "rb") as file:
        key = hashlib.sha256(file.read()).hexdigest()[:16]
    cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "stereojob", "tools")
    folder = os.path.join(cache, key)
    os.makedirs(cache, exist_ok=True)
    with open(folder + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.isdir(folder):
            new = folder + ".new"
            shutil.rmtree(new, ignore_errors=True)
            subprocess.run([os.path.join(packed, "unpack"), new], check=True, stdout=subprocess.DEVNULL)
            os.rename(new, folder)
    return folder


def tools():
    """The folder with etcd, kube-apiserver and kubectl."""
    wanted = os.environ.get("STEREO_TOOLS")
    folder = wanted or os.path.join(os.path.dirname(ROOT), "shared", "tools")
    if os.path.exists(os.path.join(folder, "unpack")):
        folder = unpacked(folder)
    for name in ("etcd", "kube-apiserver", "kubectl"):
        if not os.path.exists(os.path.join(folder, name)):
            raise Missing("no %s in %s; set STEREO_TOOLS to a folder with etcd, kube-apiserver and kubectl" %
                          (name, folder))
    return folder


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Pki:
    """One CA; a server certificate, client certificates, the key of service account tokens."""

    def __init__(self, folder):
        self.folder = folder
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=test-ca", "-keyout", self.path("ca.key"), "-out", self.path("ca.crt"))
        self.certificate("server", "/CN=kube-apiserver",
                         "subjectAltName=IP:127.0.0.1,IP:10.96.0.1,DNS:localhost,DNS:kubernetes.default.svc\n"
                         "extendedKeyUsage=serverAuth\n")
        self.client("admin", "/O=system:masters/CN=admin")
        self.run("genrsa", "-out", self.path("sa.key"), "2048")
        self.run("rsa", "-in", self.path("sa.key"), "-pubout", "-out", self.path("sa.pub"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *args):
        subprocess.run(["openssl"] + list(args), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def client(self, name, subject):
        """A client certificate NAME.crt with NAME.key; O is the group, CN the user."""
        self.certificate(name, subject, "extendedKeyUsage=clientAuth\n")

    def certificate(self, name, subject, extensions):
        with open(self.path(name + ".ext"), "w", encoding="ascii") as file:
            file.write(extensions)
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                 "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        self.run("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.crt"), "-CAkey",
                 self.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", self.path(name + ".ext"),
                 "-out", self.path(name + ".crt"))


class User:
    """Someone who talks to the API server: by client certificate or by token."""

    def __init__(self, plane, name, cert=None, key=None, token=None):
        self.plane, self.name, self.token = plane, name, token
        self.context = ssl.create_default_context(cafile=plane.pki.path("ca.crt"))
        user = {"token": token}
        if cert:
            self.context.load_cert_chain(cert, key)
            user = {"client-certificate": cert, "client-key": key}
        self.kubeconfig = plane.pki.path(name + ".kubeconfig")
        with open(self.kubeconfig, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "test",
                       "clusters": [{"name": "test", "cluster": {
                           "server": plane.url, "certificate-authority": plane.pki.path("ca.crt")}}],
                       "users": [{"name": "test", "user": user}],
                       "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}]}, file)

    def request(self, method, path, body=None, content_type="application/json"):
        """(status, document); the document is text when it is no JSON."""
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        connection = http.client.HTTPSConnection("127.0.0.1", self.plane.port, context=self.context, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def kubectl(self, *args, stdin=None, check=True):
        """The completed process, with stdout and stderr as text."""
        done = subprocess.run([os.path.join(self.plane.tools, "kubectl"), "--kubeconfig", self.kubeconfig,
                               "--cache-dir", self.plane.pki.path("kubectl-cache")] + list(args),
                              input=stdin, capture_output=True, text=True, timeout=120, check=False)
        if check and done.returncode != 0:
            raise AssertionError("kubectl %s: %s%s" % (" ".join(args), done.stdout, done.stderr))
        return done


class ControlPlane(User):
    """The admin, and the processes behind. Use start()."""

    def __init__(self, tools_dir, folder, flags):
        self.tools, self.folder, self.flags = tools_dir, folder, list(flags)
        self.pki = Pki(folder)
        self.processes = {}
        self.etcd_port, self.etcd_peer_port, self.port = free_ports(3)
        self.url = "https://127.0.0.1:%d" % self.port
        super().__init__(self, "admin", self.pki.path("admin.crt"), self.pki.path("admin.key"))
        with open(self.pki.path("url"), "w", encoding="ascii") as file:
            file.write(self.url)

    def spawn(self, name, args):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(  # pylint: disable=consider-using-with
                [os.path.join(self.tools, name)] + args, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, preexec_fn=die_with_parent)

    def start_etcd(self):
        client = "http://127.0.0.1:%d" % self.etcd_port
        peer = "http://127.0.0.1:%d" % self.etcd_peer_port
        self.spawn("etcd", ["--name=test", "--data-dir=" + self.pki.path("etcd"), "--unsafe-no-fsync",
                            "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
                            "--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
                            "--initial-cluster=test=" + peer, "--log-level=warn"])

    def start_api(self):
        """Starts the API server (again) and waits until it is ready."""
        path = self.pki.path
        self.spawn("kube-apiserver", [
            "--etcd-servers=http://127.0.0.1:%d" % self.etcd_port, "--bind-address=127.0.0.1",
            "--secure-port=%d" % self.port, "--cert-dir=" + path("apiserver"),
            "--tls-cert-file=" + path("server.crt"), "--tls-private-key-file=" + path("server.key"),
            "--client-ca-file=" + path("ca.crt"), "--authorization-mode=RBAC",
            "--service-account-key-file=" + path("sa.pub"), "--service-account-signing-key-file=" + path("sa.key"),
            "--service-account-issuer=https://kubernetes.default.svc", "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true", "--profiling=false"] + self.flags)
        self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise RuntimeError("%s ended with %d: %s" % (name, process.returncode, self.log_end(name)))
            try:
                if self.request("GET", "/readyz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        raise RuntimeError("kube-apiserver is not ready after %d s: %s" % (READY_S, self.log_end("kube-apiserver")))

    def log_end(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def kill(self, name, sig=signal.SIGTERM):
        """Ends "kube-apiserver" or "etcd" and waits for its end."""
        process = self.processes.pop(name, None)
        if not process or process.poll() is not None:
            return
        process.send_signal(sig)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self):
        self.kill("kube-apiserver", signal.SIGKILL)
        self.kill("etcd", signal.SIGKILL)

    def namespace(self, name, labels=None):
        """A namespace with the service account that a controller would make."""
        code, doc = self.request("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels or {}}})
        assert code in (201, 409), doc
        code, doc = self.request("POST", "/api/v1/namespaces/%s/serviceaccounts" % name,
                                 {"metadata": {"name": "default"}})
        assert code in (201, 409), doc

    def install_crd(self):
        """The kind StereoJob, served and discovered: a moment after it is Established."""
        self.kubectl("apply", "--server-side", "--validate=strict", "-f", CRD)
        self.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/stereojobs.stereojob.io")
        for _ in range(100):
            if self.request("GET", "/apis/stereojob.io/v1/stereojobs")[0] == 200 and \
                    "stereojobs" in self.kubectl("api-resources").stdout:
                return
            time.sleep(0.1)
        raise AssertionError("the CRD is not served")

    def user(self, namespace, name, rules=(), cluster_rules=()):
        """A service account with a token; rules are RBAC rules in its namespace, cluster_rules everywhere."""
        base = "/api/v1/namespaces/%s/serviceaccounts" % namespace
        code, doc = self.request("POST", base, {"metadata": {"name": name}})
        assert code in (201, 409), doc
        subject = [{"kind": "ServiceAccount", "namespace": namespace, "name": name}]
        rbac = "/apis/rbac.authorization.k8s.io/v1/"
        for kind, its, where in (("Role", rules, "namespaces/%s/" % namespace), ("ClusterRole", cluster_rules, "")):
            if not its:
                continue
            low = kind.lower() + "s"
            code, doc = self.request("POST", rbac + where + low, {"metadata": {"name": name}, "rules": list(its)})
            assert code == 201, doc
            code, doc = self.request("POST", rbac + where + kind.lower() + "bindings", {
                "metadata": {"name": name}, "subjects": subject,
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}})
            assert code == 201, doc
        code, doc = self.request("POST", "%s/%s/token" % (base, name), {
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}})
        assert code == 201, doc
        return User(self, "%s-%s" % (namespace, name), token=doc["status"]["token"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(flags=()):
    """A running control plane. flags: more flags of kube-apiserver."""
    folder_of_tools = tools()
    if not shutil.which("openssl"):
        raise Missing("no openssl")
    for left in reversed(range(TRIES)):
        plane = ControlPlane(folder_of_tools, tempfile.mkdtemp(prefix="stereo-kube-"), flags)
        try:
            plane.start_etcd()
            plane.start_api()
            return plane
        except RuntimeError as error:
            plane.__exit__()
            if left == 0 or "address already in use" not in str(error):
                raise
        except BaseException:
            plane.__exit__()
            raise
    raise AssertionError("not reached")


def start_or_skip(*namespaces):
    """For setUpModule: a running control plane with these namespaces, or the end of the program as skipped."""
    try:
        plane = start()
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)
    for name in namespaces:
        plane.namespace(name)
    return plane


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        with start() as plane:
            env = dict(os.environ, KUBECONFIG=plane.kubeconfig, STEREO_KUBE_DIR=plane.folder,
                       PATH=plane.tools + os.pathsep + os.environ["PATH"])
            return subprocess.run(sys.argv[1:], env=env, check=False).returncode
    except Missing as missing:
        print("skipped: %s" % missing)
        return 77


if __name__ == "__main__":
    sys.exit(main())

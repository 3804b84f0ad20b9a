# SPDX-License-Identifier: Apache-2.0
"""The operator on a real API server, with real Redis, a real S3 server and real workers that run as
processes of this machine (tests/kube/host_kubelet.py): everything but nodes and images.

    with World(build) as world:                 # raises Missing where programs are not to be had
        world.operator()
        world.job("film", source="s3://films/in.mp4", output="s3://films/out.mp4")
        world.until_phase("film", "Completed")
"""
import collections
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "kube"), os.path.join(ROOT, "tests", "s3"),
                os.path.join(ROOT, "tests", "media")]

import check  # noqa: E402
import control_plane  # noqa: E402
import films  # noqa: E402
from api import Api, until  # noqa: E402
from client import Server as S3Server  # noqa: E402
from host_kubelet import HostKubelet  # noqa: E402

Missing = control_plane.Missing
JOBS = "/apis/stereojob.io/v1/namespaces/%s/stereojobs"
PASSWORD = "of-the-operator"
AUDIT = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
         "rules": [{"level": "None", "verbs": ["get", "list", "watch"]}, {"level": "Metadata"}]}


class World:
    def __init__(self, build, space="films"):
        self.build, self.space = build, space
        self.folder = tempfile.mkdtemp(prefix="stereo-world-")
        self.children = []
        self.operators = []

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        self.audit = os.path.join(self.folder, "audit.log")
        policy = os.path.join(self.folder, "policy.json")
        with open(policy, "w", encoding="ascii") as out:
            json.dump(AUDIT, out)
        self.plane = control_plane.start(["--audit-policy-file=" + policy, "--audit-log-path=" + self.audit])
        self.api = Api(self.plane.kubeconfig)
        self.plane.install_crd()
        self.plane.namespace(self.space)
        self._redis()
        self._s3()
        self.kubelet = HostKubelet(self.api, [os.path.join(self.build, "worker", "stereo-worker")],
                                   {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
                                    "STEREO_CLAIM_ROOT": os.path.join(self.folder, "claims")}).start()

    def __exit__(self, *_):
        for process in self.operators:
            self.end(process)
        if hasattr(self, "kubelet"):
            self.kubelet.stop()
        if hasattr(self, "s3_server"):
            self.s3_server.close()
        for process in self.children:
            process.kill()
            process.wait()
        if hasattr(self, "plane"):
            self.plane.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, process, how=signal.SIGTERM, seconds=40):
        if process.poll() is None:
            process.send_signal(how)
        return process.wait(seconds)

    # servers

    def _redis(self):
        port = control_plane.free_ports(1)[0]
        if not shutil.which("redis-server"):
            raise Missing("no redis-server")
        self.redis_port = port
        self.start_redis()

    def start_redis(self):
        self.redis = subprocess.Popen(["redis-server", "--port", str(self.redis_port), "--bind", "127.0.0.1", "--save",
                                       "", "--requirepass", PASSWORD], stdout=subprocess.DEVNULL, cwd=self.folder)
        self.children.append(self.redis)

    def redis_call(self, *words):
        done = subprocess.run(["redis-cli", "-p", str(self.redis_port), "-a", PASSWORD, "--no-auth-warning", *words],
                              capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def _s3(self):
        folder = os.path.join(self.folder, "s3")
        os.mkdir(folder)
        self.s3_server = S3Server(folder)
        if not self.s3_server.available:
            raise Missing("no S3 server")
        self.s3 = self.s3_server.client
        self.s3.send("PUT", "/films")
        self.secret_make("s3")

    def secret_make(self, name, **change):
        data = {"AWS_ACCESS_KEY_ID": self.s3.access, "AWS_SECRET_ACCESS_KEY": self.s3.secret,
                "AWS_ENDPOINT_URL": self.s3.endpoint, "AWS_REGION": "us-east-1", **change}
        self.api.create("/api/v1/namespaces/%s/secrets" % self.space,
                        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})

    def claim_make(self, name, *modes):
        """A PersistentVolumeClaim, and the folder that is its volume here."""
        path = os.path.join(self.folder, "claims", name)
        os.makedirs(path, exist_ok=True)
        self.api.create("/api/v1/namespaces/%s/persistentvolumeclaims" % self.space, {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "finalizers": []},
            "spec": {"accessModes": list(modes), "resources": {"requests": {"storage": "1Gi"}}}})
        return path

    # the operator

    def operator(self, name="op-0", **environment):
        for file, text in (("key", "k" * 40), ("password", PASSWORD)):
            with open(os.path.join(self.folder, file), "w", encoding="ascii") as out:
                out.write(text)
        url = "redis://127.0.0.1:%d" % self.redis_port
        env = {"STEREO_KUBECONFIG": self.plane.kubeconfig, "STEREO_WORKER_IMAGE": "worker", "STEREO_REDIS_URL": url,
               "STEREO_REDIS_PASSWORD_FILE": os.path.join(self.folder, "password"),
               "STEREO_KEY_FILE": os.path.join(self.folder, "key"), "STEREO_POD_NAME": name,
               "STEREO_LISTEN": "127.0.0.1:0", "STEREO_LEASE_NAMESPACE": "default", "STEREO_LOG_FORMAT": "text",
               "STEREO_LOG_LEVEL": "debug", "PATH": os.environ["PATH"],
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""), **environment}
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            process = subprocess.Popen([os.path.join(self.build, "operator", "stereo-operator")], env=env, stdout=log,
                                       stderr=subprocess.STDOUT, cwd=self.folder)
            process.log = log.name
        self.operators.append(process)
        return process

    def log(self):
        text = ""
        for process in self.operators:
            with open(process.log, encoding="utf-8", errors="replace") as file:
                text += file.read()[-6000:]
        return text

    # jobs

    def job(self, name, spec=None, **fields):
        body = {"apiVersion": "stereojob.io/v1", "kind": "StereoJob", "metadata": {"name": name},
                "spec": {"source": {"uri": "s3://films/in.mp4", "secretName": "s3"},
                         "output": {"uri": "s3://films/%s.mp4" % name, "secretName": "s3"},
                         "work": {"secretName": "s3"}, "segment": {"seconds": 1}, "parallelism": 2,
                         "encode": {"preset": "ultrafast"}, **(spec or {}), **fields}}
        return self.api.create(JOBS % self.space, body)

    def get(self, name):
        job = self.api.find((JOBS % self.space) + "/" + name)
        if job:
            job.setdefault("status", {}).setdefault("phase", "Pending")
        return job

    def patch(self, name, body):
        return self.api.merge((JOBS % self.space) + "/" + name, body)

    def delete(self, name):
        return self.api.delete((JOBS % self.space) + "/" + name)

    def pods(self, **labels):
        found = self.api.get("/api/v1/namespaces/%s/pods" % self.space)["items"]
        want = {"stereojob.io/" + key: str(value) for key, value in labels.items()}
        return [pod for pod in found if all(pod["metadata"].get("labels", {}).get(k) == v for k, v in want.items())]

    def writes(self, name):
        """{"patch stereojobs/status": 3, ...} of the operators, for one job; Events and the Lease left out."""
        found, uid = collections.Counter(), self.get(name)["metadata"]["uid"]
        with open(self.audit, encoding="utf-8") as file:
            entries = [json.loads(line) for line in file if line.endswith("\n")]
        for entry in entries:
            ref = entry.get("objectRef", {})
            what = ref.get("resource", "") + ("/" + ref["subresource"] if ref.get("subresource") else "")
            if entry.get("userAgent", "").startswith("stereo") and ref.get("resource") in ("pods", "stereojobs") and \
                    (uid in entry["requestURI"] if entry["verb"] == "deletecollection" else
                     (ref.get("name") or name).startswith(name)):
                found["%s %s" % (entry["verb"], what)] += 1
        return found

    def why(self, name):
        job = self.get(name)
        pods = [(pod["metadata"]["name"], pod.get("status", {}).get("phase"), pod["metadata"].get("finalizers"),
                 pod["metadata"].get("deletionTimestamp"),
                 (pod.get("status", {}).get("containerStatuses") or [{}])[0].get("state")) for pod in self.pods()]
        return "%s\n%s\n%s" % (json.dumps(job and job.get("status"), indent=1)[-3000:],
                               "\n".join(map(str, pods)), self.log())

    def until_phase(self, name, phase, seconds=90):
        def check():
            job = self.get(name)
            now = (job or {}).get("status", {}).get("phase")
            if now != phase and now in ("Failed", "Completed", "Cancelled"):
                raise AssertionError("%s is %s:\n%s" % (name, now, self.why(name)))
            return job if now == phase else None
        return until(lambda: "%s %s\n%s" % (name, phase, self.why(name)), check, seconds)

    def until_gone(self, name, seconds=60):
        until(lambda: "%s gone\n%s" % (name, self.why(name)), lambda: self.get(name) is None, seconds)

    def film(self, key="in.mp4", name="h264-b", **how):
        """A film with barcodes in the bucket; what it is (films.Film)."""
        film = films.film(name, **how)
        self.s3.put("films", key, film.path.read_bytes())
        return film

    def check(self, film, key, layout="full-sbs"):
        """The film in the bucket is the whole one, frame by frame."""
        wrong = check.check(str(film.path), self.fetch(key), layout, film.frames, seeks=2)
        assert not wrong, wrong

    def fetch(self, key):
        path = os.path.join(self.folder, "got-" + key)
        with open(path, "wb") as file:
            file.write(self.s3.get("films", key))
        return path

# SPDX-License-Identifier: Apache-2.0
"""The real things that the tests talk to: the node of e2e/cluster, kubectl, helm, S3, films."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "media"))
IMAGES = {"operator": "localhost/stereo-operator:dev", "worker": "localhost/stereo-worker:dev",
          "redis": "localhost/stereo-redis:dev"}
SYSTEM = "stereo-system"
RELEASE = "stereo-operator"
GROUP, VERSION, PLURAL = "stereojob.io", "v1", "stereojobs"
OVER = ("Completed", "Failed", "Cancelled")


def run(command, check=True, env=None, timeout=600, **kwargs):
    """The finished process with its text; a failure shows what was printed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=env,
                          timeout=timeout, check=False, **kwargs)
    if check and done.returncode != 0:
        raise AssertionError("%s: exit status %d\n%s%s" % (
            " ".join(str(word) for word in command), done.returncode, done.stdout[-4000:],
            done.stderr[-4000:]))
    return done


def until(what, condition, timeout_s, every_s=0.5):
    """The first true result of condition; an AssertionError names what was waited for."""
    end = time.monotonic() + timeout_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError("not within %d s: %s" % (timeout_s, what() if callable(what) else what))
        time.sleep(every_s)


class Node:
    """A running cluster; folder is what `up` was given."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.env = dict(os.environ)
        for line in (self.folder / "env").read_text(encoding="utf-8").splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            self.env[name] = value.replace("$PATH", os.environ["PATH"])
        self.kubeconfig = self.env["KUBECONFIG"]

    def kubectl(self, *words, check=True, stdin=None, timeout=120):
        return run(["kubectl", *words], check=check, env=self.env, timeout=timeout, input=stdin).stdout

    def helm(self, *words, check=True, timeout=300):
        return run(["helm", *words], check=check, env=self.env, timeout=timeout)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def audit(self):
        """Every answered request, oldest first."""
        entries = []
        for path in sorted((self.folder / "log").glob("audit*.log")):
            with open(path, encoding="utf-8") as log:
                for line in log:
                    try:
                        entries.append(json.loads(line))
                    except ValueError:
                        pass  # the line that is being written
        return entries

    def install(self, *more):
        """The chart with the images that were built; waits until the operator is ready."""
        settings = ["image=" + IMAGES["operator"], "worker.image=" + IMAGES["worker"],
                    "redis.image=" + IMAGES["redis"]]
        self.helm("upgrade", "--install", RELEASE, ROOT / "charts" / "stereo-operator", "-n", SYSTEM,
                  "--create-namespace", "--set", ",".join(settings), "--wait", "--timeout", "120s", *more)

    def processes(self, pod):
        """Host pids of a pod's programs, without its pause."""
        uid = pod["metadata"]["uid"]
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cgroup"):
            try:
                inside = uid in path.read_text() or uid.replace("-", "_") in path.read_text()
                if inside and (path.parent / "comm").read_text().strip() != "pause":
                    found.append(int(path.parent.name))
            except OSError:
                pass  # it ended meanwhile
        return found

    def operator_pods(self):
        return [pod for pod in self.get("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator")["items"]
                if pod["status"].get("phase") == "Running"]

    def leader(self):
        return self.get("lease", "-n", SYSTEM, "stereo-operator")["spec"].get("holderIdentity", "")

    def kill_leader(self, timeout_s=60):
        """kill -9 of the replica that leads, once it runs; its name."""
        def look():
            name = self.leader()
            pids = [pid for pod in self.operator_pods() if pod["metadata"]["name"] == name
                    for pid in self.processes(pod)]
            return (name, pids) if pids else None
        name, pids = until("a leader that runs", look, timeout_s)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return name


class Space:
    """A namespace of one test, under restricted Pod Security, and its bucket."""

    def __init__(self, node, name, s3, api):
        self.node, self.name, self.s3, self.api = node, name, s3, api

    def apply(self, manifest):
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        self.node.kubectl("apply", "--server-side", "-n", self.name, "-f", "-", stdin=text)

    def job(self, name):
        return self.api.get_namespaced_custom_object(GROUP, VERSION, self.name, PLURAL, name)

    def patch(self, name, patch):
        return self.api.patch_namespaced_custom_object(GROUP, VERSION, self.name, PLURAL, name, patch)

    def status(self, name):
        return self.job(name).get("status", {})

    def pods(self, name=None):
        words = ["-l", "stereojob.io/job=" + name] if name else []
        return self.node.get("pods", "-n", self.name, *words)["items"]

    def wait(self, name, phase, timeout_s=240):
        """The job in this phase; fails at once in another that it does not leave."""
        def look():
            job = self.job(name)
            now = job.get("status", {}).get("phase")
            if now == phase:
                return job
            if now in OVER:
                raise AssertionError("%s is %s, not %s: %s" % (name, now, phase, json.dumps(job["status"], indent=1)))
            return None
        return until(lambda: "%s %s; it is %s" % (name, phase, json.dumps(self.status(name))), look, timeout_s)

    def secret_for_s3(self, name):
        env = self.node.env
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL")
        self.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
                    "data": {key: base64.b64encode(env[key].encode()).decode() for key in keys}})

    def claim(self, name, folder):
        """A claim bound to a folder of this machine."""
        folder.mkdir(parents=True)
        os.chown(folder, 65532, 65532)
        volume = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        self.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": self.name + "-" + name},
                    "spec": {**volume, "capacity": {"storage": "1Gi"}, "hostPath": {"path": str(folder)},
                             "claimRef": {"namespace": self.name, "name": name}}})
        self.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
                    "spec": {**volume, "resources": {"requests": {"storage": "1Gi"}}}})


def check_film(source, output, frames, layout="full-sbs"):
    """Frame by frame, by ffmpeg's tools; nothing of ours is asked."""
    import check
    wrong = check.check(str(source), str(output), layout, frames)
    assert not wrong, "\n".join(wrong)

# SPDX-License-Identifier: Apache-2.0
"""The real things that the tests talk to: a cluster, kubectl, helm, S3, films."""
import base64
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "media"))
GIVEN = os.environ.get("E2E_KUBECONFIG", "")  # of a cluster that is not ours
FOLDER = os.environ.get("STEREO_E2E_DIR", "/var/tmp/stereo-e2e")  # of our own node
PREFIX = os.environ.get("E2E_IMAGE_PREFIX", "localhost") if GIVEN else "localhost"
IMAGES = {name: "%s/stereo-%s:dev" % (PREFIX, name) for name in ("operator", "worker", "redis")}
OURS = "stereo-e2e"  # a label, of every namespace that the tests made
SYSTEM = "stereo-system"
RELEASE = "stereo-operator"
GROUP, VERSION, PLURAL = "stereojob.io", "v1", "stereojobs"
OVER = ("Completed", "Failed", "Cancelled")
S3_NAMES = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


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


class Cluster:
    """A running cluster with kubectl and helm; env has its KUBECONFIG and the S3's address and keys."""

    def __init__(self, env):
        self.env, self.kubeconfig = env, env["KUBECONFIG"]

    def kubectl(self, *words, check=True, stdin=None, timeout=120):
        return run(["kubectl", *words], check=check, env=self.env, timeout=timeout, input=stdin).stdout

    def helm(self, *words, check=True, timeout=300):
        return run(["helm", *words], check=check, env=self.env, timeout=timeout)

    def get(self, *words):
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def namespace(self, name):
        """Makes it where it is not there yet."""
        self.kubectl("create", "namespace", name, check=False)
        self.kubectl("label", "namespace", name, OURS + "=", "--overwrite")

    def install(self, *more):
        """The chart with the images that were built; waits until the operator is ready."""
        self.namespace(SYSTEM)
        settings = ["image=" + IMAGES["operator"], "worker.image=" + IMAGES["worker"],
                    "redis.image=" + IMAGES["redis"]]
        self.helm("upgrade", "--install", RELEASE, ROOT / "charts" / "stereo-operator", "-n", SYSTEM,
                  "--set", ",".join(settings), "--wait", "--timeout", "120s", *more)

    def operator_pods(self):
        return [pod for pod in self.get("pods", "-n", SYSTEM, "-l", "app.kubernetes.io/component=operator")["items"]
                if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]]

    def leader(self):
        return self.get("lease", "-n", SYSTEM, "stereo-operator")["spec"].get("holderIdentity", "")


class GivenCluster(Cluster):
    """That of E2E_KUBECONFIG: the tests see its API and no process of it."""

    def __init__(self):
        super().__init__({**os.environ, "KUBECONFIG": GIVEN})

    def load(self, archives):
        """E2E_LOAD_IMAGES once for each archive: {} is its path, {name} worker, operator or redis."""
        command = os.environ.get("E2E_LOAD_IMAGES", "")
        for archive in archives if command else []:
            name = pathlib.Path(archive).stem
            run(["sh", "-c", command.replace("{name}", name).replace("{}", shlex.quote(str(archive)))], env=self.env)

    def refuse(self):
        """Why nothing can be tried here; None: it can."""
        if not os.path.exists(GIVEN):
            return "there is no file %s" % GIVEN
        for program in ("kubectl", "helm"):
            if not shutil.which(program):
                return "there is no %s in PATH" % program
        lacking = [name for name in S3_NAMES if not os.environ.get(name)]
        if lacking:
            return "the environment names no S3 that pods reach too: %s not set" % ", ".join(lacking)
        try:
            self.kubectl("get", "--raw", "/readyz", "--request-timeout=10s")
            may = self.kubectl("auth", "can-i", "*", "*", "--all-namespaces", check=False).strip()
        except (AssertionError, subprocess.TimeoutExpired) as error:
            return "the cluster does not answer: " + str(error).strip().splitlines()[-1]
        if may != "yes":
            return "the user of %s may not do everything, and the chart makes cluster roles" % GIVEN
        return self.refuse_foreign() or refuse_bucket()

    def refuse_foreign(self):
        """What to say when our names are taken by somebody; None: they are free, or ours."""
        for kind, name in (("namespace", SYSTEM), ("crd", "%s.%s" % (PLURAL, GROUP))):
            there = self.kubectl("get", kind, name, "--ignore-not-found", "-o", "json")
            if there and OURS not in json.loads(there)["metadata"].get("labels", {}):
                return "the cluster has a %s %s that is not of these tests (no label %s)" % (kind, name, OURS)
        return None

    def leave(self):
        """All that the tests made is taken away, and nothing of anybody else."""
        foreign = self.refuse_foreign()
        if foreign:
            print("e2e: nothing is taken away: " + foreign, file=sys.stderr)
            return
        self.helm("uninstall", RELEASE, "-n", SYSTEM, "--wait", "--ignore-not-found", "--timeout", "150s", check=False)
        self.kubectl("delete", "crd", "-l", OURS, "--timeout=60s", check=False)
        self.kubectl("delete", "namespace", "-l", OURS, "--timeout=90s", check=False)


class Node(Cluster):
    """The node of e2e/cluster, whose programs run on this machine; folder is what `up` was given."""

    def __init__(self, folder):
        self.folder, self.archives = pathlib.Path(folder), []
        env = dict(os.environ)
        for line in (self.folder / "env").read_text(encoding="utf-8").splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            env[name] = value.replace("$PATH", os.environ["PATH"])
        super().__init__(env)

    def load(self, archives):
        self.archives = archives
        run([ROOT / "e2e" / "cluster" / "image-load", self.folder, *archives])

    def second(self, what):
        """node2, up with our images or to leave."""
        run([ROOT / "e2e" / "cluster" / "second-node", what, self.folder, *(self.archives if what == "up" else [])])

    def up(self):
        """Starts again what died."""
        run([ROOT / "e2e" / "cluster" / "up", self.folder])

    def kill(self, program):
        """kill -9 of one of the cluster's own programs."""
        os.kill(int((self.folder / "run" / (program + ".pid")).read_text(encoding="utf-8")), signal.SIGKILL)

    def ctr(self, *words):
        return run(["ctr", "-n", "k8s.io", *words], env=self.env).stdout

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

    def processes(self, pod):
        """Host pids of a pod's programs, without its pause and without what is still being started."""
        uid = pod["metadata"]["uid"]
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cgroup"):
            try:
                inside = uid in path.read_text() or uid.replace("-", "_") in path.read_text()
                if inside and (path.parent / "comm").read_text().startswith("stereo-"):
                    found.append(int(path.parent.name))
            except OSError:
                pass  # it ended meanwhile
        return found

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
        """Without a kubectl, whose start is longer than the life of some pods."""
        import kubernetes
        core = kubernetes.client.CoreV1Api(self.api.api_client)
        return json.loads(core.list_namespaced_pod(
            self.name, label_selector="stereojob.io/job=" + name if name else None, _preload_content=False).data)["items"]

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
        """A claim bound to a folder of this machine, which is empty."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        os.chown(folder, 65532, 65532)
        volume = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        self.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": self.name + "-" + name},
                    "spec": {**volume, "capacity": {"storage": "1Gi"}, "hostPath": {"path": str(folder)},
                             "claimRef": {"namespace": self.name, "name": name}}})
        self.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
                    "spec": {**volume, "resources": {"requests": {"storage": "1Gi"}}}})


class LivePods:
    """Follows a namespace's pods from the moment it is entered; doubles has each time that two of one slot were live,
    ended the names of those that were deleted when they were."""

    def __init__(self, space):
        import kubernetes
        self.space, self.doubles, self.ended, self.seen, self.relists = space, [], set(), 0, 0
        self.core = kubernetes.client.CoreV1Api(kubernetes.config.new_client_from_config(space.node.kubeconfig))
        self.pods, self.over = {}, threading.Event()
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def __enter__(self):
        self.thread.start()
        until("a first list of pods", lambda: self.relists, 30)
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(10)

    def take(self, kind, pod):
        self.seen += 1
        live = pod["status"].get("phase") not in ("Succeeded", "Failed")
        self.pods.pop(pod["metadata"]["name"], None)
        if kind == "DELETED" or not live:
            return
        if "deletionTimestamp" in pod["metadata"]:
            self.ended.add(pod["metadata"]["name"])
        labels = pod["metadata"].get("labels", {})
        slot = tuple(labels.get("stereojob.io/" + key) for key in ("job", "stage", "index"))
        also = [name for name, other in self.pods.items() if other == slot]
        if also and slot[0]:
            self.doubles.append((slot, also, pod["metadata"]["name"]))
        self.pods[pod["metadata"]["name"]] = slot

    def follow(self):
        """List and watch, and again from the list when the API server was away."""
        import kubernetes
        plain = self.core.api_client.sanitize_for_serialization
        while not self.over.is_set():
            try:
                listed = self.core.list_namespaced_pod(self.space.name, _request_timeout=5)
                self.pods = {}
                for pod in listed.items:
                    self.take("LISTED", plain(pod))
                self.relists += 1
                stream = kubernetes.watch.Watch().stream(
                    self.core.list_namespaced_pod, self.space.name, timeout_seconds=2,
                    resource_version=listed.metadata.resource_version, _request_timeout=10)
                for event in stream:
                    self.take(event["type"], event["raw_object"])
            except Exception:  # of urllib3 or of the API: it is away
                time.sleep(0.2)


def check_film(source, output, frames, layout="full-sbs"):
    """Frame by frame, by ffmpeg's tools; nothing of ours is asked."""
    import check
    wrong = check.check(str(source), str(output), layout, frames)
    assert not wrong, "\n".join(wrong)


def leave():
    """The end of e2e/run."""
    if GIVEN:
        GivenCluster().leave()
    else:
        subprocess.run([ROOT / "e2e" / "cluster" / "down", FOLDER], check=True)


def s3_client(env, **settings):
    import boto3
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=env["AWS_ENDPOINT_URL"], region_name=env["AWS_REGION"],
                        aws_access_key_id=env["AWS_ACCESS_KEY_ID"], aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
                        config=Config(s3={"addressing_style": "path"}, **settings))


def refuse_bucket():
    """What to say of the S3 that is given; None: it answers, and nothing of anybody's is in the bucket of these tests."""
    from botocore.exceptions import BotoCoreError, ClientError
    client = s3_client(os.environ, connect_timeout=5, retries={"total_max_attempts": 2})
    try:
        if client.list_objects_v2(Bucket="films", MaxKeys=1).get("KeyCount"):
            return "the bucket films is not empty, and these tests empty it"
    except client.exceptions.NoSuchBucket:
        pass
    except (BotoCoreError, ClientError) as error:
        return "the S3: %s" % error
    return None


def check():
    """Before e2e/run begins: a cluster that is given must be one on which it can."""
    why = GivenCluster().refuse() if GIVEN else None
    if why:
        sys.exit("e2e: E2E_KUBECONFIG: " + why)


if __name__ == "__main__" and sys.argv[1:] in (["leave"], ["check"]):
    {"leave": leave, "check": check}[sys.argv[1]]()

# SPDX-License-Identifier: Apache-2.0
"""A kubelet without a node: runs the pods of an API server as processes of this machine.

For tests of the operator where images and containers do not matter: env with secretKeyRef, emptyDir
(a folder), args, grace, deadlines, the termination message and the container's end are as a kubelet
has them. One thread a pod; what the pod's process is, the caller says (argv of the worker).
"""
import base64
import datetime
import http.client
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from api import ApiError

SELECTOR = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dstereo-operator"


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class HostKubelet:
    """start() ... stop(). `launched` has every pod that ran, by name, with its process."""

    def __init__(self, api, worker, environment=None, node="host"):
        self.api, self.worker, self.node = api, worker, node
        self.environment = environment or {}
        self.root = tempfile.mkdtemp(prefix="stereo-pods-")
        self.launched = {}
        self.paused = threading.Event()
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        self.thread.start()
        return self

    def stop(self):
        self.stopping.set()
        with self.lock:
            pods = list(self.launched.values())
        for pod in pods:
            pod.kill(signal.SIGKILL)
        for pod in pods:
            pod.thread.join(10)
        shutil.rmtree(self.root, ignore_errors=True)

    def _watch(self):
        while not self.stopping.is_set():
            try:
                for kind, pod in self.api.clone().watch("/api/v1/pods?" + SELECTOR, 300):
                    if self.stopping.is_set():
                        return
                    if kind != "DELETED":
                        self._see(pod)
            except (ApiError, OSError, ValueError, http.client.HTTPException):
                time.sleep(0.3)

    def _see(self, pod):
        key = pod["metadata"]["uid"]
        with self.lock:
            known = self.launched.get(key)
            if known is None and not self.paused.is_set():
                if pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
                    return
                known = self.launched[key] = HostPod(self, pod)
                known.thread.start()
        if known and pod["metadata"].get("deletionTimestamp"):
            known.ask_to_stop(pod["metadata"].get("deletionGracePeriodSeconds", 30))

    def resume(self):
        """After pause: pods that came meanwhile are run."""
        self.paused.clear()
        for pod in self.api.clone().get("/api/v1/pods?" + SELECTOR)["items"]:
            self._see(pod)

    def running(self, stage=None):
        with self.lock:
            return [pod for pod in self.launched.values() if pod.process and pod.process.poll() is None
                    and (stage is None or pod.labels.get("stereojob.io/stage") == stage)]


class HostPod:
    def __init__(self, kubelet, pod):
        self.kubelet, self.pod = kubelet, pod
        self.api = kubelet.api.clone()
        self.space, self.name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        self.labels = pod["metadata"].get("labels", {})
        self.path = "/api/v1/namespaces/%s/pods/%s" % (self.space, self.name)
        self.folder = os.path.join(kubelet.root, self.name)
        self.process = None
        self.stop_at = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def kill(self, number):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def ask_to_stop(self, grace_s):
        if not self.stopped.is_set():
            self.stop_at = time.monotonic() + grace_s
            self.stopped.set()

    def _status(self, status):
        try:
            self.api.merge(self.path + "/status", {"metadata": {"uid": self.pod["metadata"]["uid"]}, "status": status})
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def _wait_for_config(self, container):
        """The environment, or None while a Secret is missing."""
        values = dict(self.kubelet.environment)
        for item in container.get("env", []):
            if "value" in item:
                values[item["name"]] = item["value"].replace("$$", "$")
                continue
            ref = item.get("valueFrom", {}).get("secretKeyRef")
            if not ref:
                continue
            secret = self.api.find("/api/v1/namespaces/%s/secrets/%s" % (self.space, ref["name"]))
            data = (secret or {}).get("data", {})
            if ref["key"] in data:
                values[item["name"]] = base64.b64decode(data[ref["key"]]).decode()
            elif not ref.get("optional"):
                why = "secret \"%s\" not found" if secret is None else "couldn't find key in Secret %s"
                return None, why % ref["name"]
        return values, None

    def _run(self):
        container = self.pod["spec"]["containers"][0]
        self._status({"conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": now()}]})
        while True:
            values, why = self._wait_for_config(container)
            if values is not None or self.stopped.is_set() or self.kubelet.stopping.is_set():
                break
            self._status({"phase": "Pending", "containerStatuses": [self._container(
                {"waiting": {"reason": "CreateContainerConfigError", "message": why}})]})
            time.sleep(0.5)
        if values is None:
            self._end({"exitCode": 0, "reason": "Completed"}, None)
            return
        self._start(container, values)
        self._attend()

    def _start(self, container, values):
        os.makedirs(os.path.join(self.folder, "scratch"))
        self.message = os.path.join(self.folder, "message")
        values = {name: value.replace("/scratch", os.path.join(self.folder, "scratch"))
                  if name in ("STEREO_SCRATCH", "TMPDIR") else value for name, value in values.items()}
        values.update(PATH=os.environ["PATH"], STEREO_TERMINATION_LOG=self.message)
        self.log = os.path.join(self.folder, "log")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.kubelet.worker, *container["args"]], env=values, stdout=log,
                                            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd="/")
        self.began = now()
        self._status({"phase": "Running", "startTime": self.began, "containerStatuses": [
            self._container({"running": {"startedAt": self.began}})]})

    def _attend(self):
        deadline = self.pod["spec"].get("activeDeadlineSeconds")
        until = time.monotonic() + deadline if deadline else None
        reason = None
        asked = False
        while self.process.poll() is None:
            if until and time.monotonic() > until and not reason:
                reason = "DeadlineExceeded"
                self.ask_to_stop(self.pod["spec"].get("terminationGracePeriodSeconds", 30))
            if self.stopped.is_set() and not asked:
                asked = True
                self.process.send_signal(signal.SIGTERM)
            if asked and time.monotonic() > self.stop_at:
                self.process.kill()
            time.sleep(0.02)
        code = self.process.returncode
        ended = {"exitCode": code if code >= 0 else 128 - code, "reason": "Completed" if code == 0 else "Error"}
        self._end(ended, reason)

    def _words(self, ok):
        try:
            with open(self.message, encoding="utf-8", errors="replace") as file:
                text = file.read(4096)
        except (OSError, AttributeError):
            text = ""
        if not text and not ok and hasattr(self, "log"):
            with open(self.log, encoding="utf-8", errors="replace") as file:
                text = file.read()[-2048:]
        return text

    def _container(self, state):
        container = self.pod["spec"]["containers"][0]
        return {"name": container["name"], "image": container["image"], "imageID": "host", "ready": False,
                "restartCount": 0, "state": state}

    def _end(self, ended, reason):
        if self.kubelet.stopping.is_set():
            return
        ok = ended["exitCode"] == 0 and not reason
        ended.update(finishedAt=now(), startedAt=getattr(self, "began", now()), message=self._words(ok))
        status = {"phase": "Succeeded" if ok else "Failed", "containerStatuses": [self._container({"terminated": ended})]}
        if reason:
            status.update(reason=reason, message="Pod was active on the node longer than the specified deadline")
        self._status(status)
        shutil.rmtree(os.path.join(self.folder, "scratch"), ignore_errors=True)
        if self.stopped.is_set() or (self.api.find(self.path) or {}).get("metadata", {}).get("deletionTimestamp"):
            self._gone()
        else:
            threading.Thread(target=self._when_deleted, daemon=True).start()

    def _when_deleted(self):
        self.stopped.wait()
        self._gone()

    def _gone(self):
        """As a kubelet does once the containers are over; finalizers hold the object longer."""
        try:
            self.api.delete(self.path, {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
                                        "preconditions": {"uid": self.pod["metadata"]["uid"]}})
        except ApiError as error:
            if error.code != 409:
                raise

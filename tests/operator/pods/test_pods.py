#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Our pods at a real API server, in a namespace of restricted Pod Security.

usage: test_pods.py PODS_PRINT
"""
import json
import os
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tests", "kube"))
import control_plane  # noqa: E402  pylint: disable=wrong-import-position

JOBS = "/apis/stereojob.io/v1/namespaces/films/stereojobs"
PODS = "/api/v1/namespaces/films/pods"
PLAN = {"plan": {"stage": "plan", "segments": 120, "frames": 172800, "durationMs": 7200000, "packedWidth": 3840,
                 "packedHeight": 1080}, "phase": "Converting"}
SPECS = {
    "denied": {"source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/out.mp4"}},
    "least": {"source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/out.mp4"}},
    "keys": {"source": {"uri": "s3://films/in $(HOME) $$.mp4", "secretName": "read"},
             "output": {"uri": "s3://films/out.mp4", "secretName": "write"},
             "work": {"uri": "s3://mid/", "secretName": "mid"}, "encode": {"crf": 0}},
    "claims": {"source": {"uri": "pvc://films/in.mp4"}, "output": {"uri": "pvc://a.claim.with-dots/o.mp4"},
               "depth": {"provider": "Video", "uri": "pvc://depth/d.mkv"}, "segment": {"mode": "Copy"}},
    "everything": {
        "source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/out.mp4"},
        "segmentDeadlineSeconds": 900, "priorityClassName": "system-node-critical", "runtimeClassName": "nvidia",
        "nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]}}},
        "resources": {"requests": {"cpu": 2, "memory": "4Gi"}, "limits": {"memory": "8Gi", "cpu": "3"},
                      "gpu": {"count": 2}},
        "auxiliary": {"resources": {"limits": {"ephemeral-storage": "10Gi"}}, "nodeSelector": {"pool": "cheap"}}},
    "processor": {"source": {"uri": "https://host/in.mp4?sig=a%2Fb"}, "output": {"uri": "s3://films/out.mp4"},
             "resources": {"gpu": {"count": 0}}},
}

PLANE = None
PRINT = None


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip()
    PLANE.install_crd()
    PLANE.namespace("films", {"pod-security.kubernetes.io/enforce": "restricted",
                              "pod-security.kubernetes.io/enforce-version": "latest"})
    code, doc = PLANE.request("POST", "/api/v1/namespaces/films/serviceaccounts", {"metadata": {"name": "stereo-s3"}})
    assert code == 201, doc
    code, doc = PLANE.request("POST", "/apis/node.k8s.io/v1/runtimeclasses", {"metadata": {"name": "nvidia"},
                                                                             "handler": "nvidia"})
    assert code == 201, doc


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


def job_of(name):
    """The job as stored, with its defaults, uid and what the plan said."""
    code, job = PLANE.request("POST", JOBS + "?fieldValidation=Strict", {
        "apiVersion": "stereojob.io/v1", "kind": "StereoJob", "metadata": {"name": name}, "spec": SPECS[name]})
    assert code == 201, job
    code, job = PLANE.request("PATCH", JOBS + "/%s/status" % name, {"status": PLAN}, "application/merge-patch+json")
    assert code == 200, job
    return job


def manifests(job):
    done = subprocess.run([PRINT], input=json.dumps(job), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


class PodsTest(unittest.TestCase):
    def test_they_are_taken(self):
        for name in ("least", "keys", "claims", "everything", "processor"):
            job = job_of(name)
            pods = manifests(job)
            self.assertEqual(len(pods), 7)
            for pod in pods:
                with self.subTest(pod["metadata"]["name"]):
                    for query in ("?fieldValidation=Strict&dryRun=All", "?fieldValidation=Strict"):
                        code, made = PLANE.request("POST", PODS + query, pod)
                        self.assertEqual(code, 201, made)
                    code, again = PLANE.request("POST", PODS, pod)
                    self.assertEqual((code, again["reason"]), (409, "AlreadyExists"))
                    self.check(job, pod, made)

    def check(self, job, pod, made):
        """What we wrote is what is there: nothing was dropped, and no token came in."""
        wrote, there = pod["spec"]["containers"][0], made["spec"]["containers"][0]
        for key in ("env", "args", "image", "imagePullPolicy", "securityContext", "volumeMounts"):
            self.assertEqual(wrote[key], there[key], key)
        self.assertFalse([volume for volume in made["spec"]["volumes"] if "projected" in volume or "hostPath" in volume])
        self.assertEqual(made["spec"]["serviceAccountName"], "stereo-s3")
        owners = [owner["uid"] for owner in made["metadata"].get("ownerReferences", [])]
        clean = wrote["args"] == ["clean"]
        self.assertEqual(owners, [] if clean else [job["metadata"]["uid"]])
        self.assertEqual(made["metadata"].get("finalizers", []), [] if clean else ["stereojob.io/tracking"])
        gpus = there["resources"]["limits"].get("nvidia.com/gpu")
        wanted = job["spec"].get("resources", {}).get("gpu", {}).get("count", 0)
        self.assertEqual(gpus, str(wanted) if wanted and wrote["args"] == ["convert"] else None)

    def test_restricted_is_really_enforced(self):
        pod = manifests(job_of("denied"))[0]
        pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
        code, doc = PLANE.request("POST", PODS, pod)
        self.assertEqual(code, 403)
        self.assertIn("restricted", doc["message"])


if __name__ == "__main__":
    PRINT = os.path.abspath(sys.argv.pop(1))
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The CRD on a real API server: what it takes, what it refuses and with which words, and what people see.

usage: test_crd.py STATUS_PRINT
"""
import copy
import glob
import json
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tests", "kube"))
import control_plane  # noqa: E402  pylint: disable=wrong-import-position

JOBS = "/apis/stereojob.io/v1/namespaces/films/stereojobs"
LEAST = {"apiVersion": "stereojob.io/v1", "kind": "StereoJob", "metadata": {"name": "film"},
         "spec": {"source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/out.mp4"}}}
DEFAULTS = {
    "spec.output.overwrite": False, "spec.stereo.layout": "FullSBS", "spec.stereo.divergence": 2,
    "spec.stereo.convergence": 0.5, "spec.stereo.convergenceMode": "Fixed", "spec.stereo.syntheticView": "Both",
    "spec.depth.provider": "Classical",
    "spec.encode.codec": "auto", "spec.segment.mode": "Index", "spec.backoffLimitPerIndex": 3,
    "spec.stallSeconds": 120, "spec.suspend": False, "spec.cancel": False, "spec.podRetention": 3,
}

PLANE = None
PRINT = None


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip("films")
    PLANE.install_crd()


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


def merged(to, patch):
    out = copy.deepcopy(to)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merged(out[key], value)
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = copy.deepcopy(value)
    return out


def at(doc, path):
    for name in path.split("."):
        doc = doc[name]
    return doc


def create(job, strict=True, dry=False):
    query = "?fieldValidation=%s%s" % ("Strict" if strict else "Ignore", "&dryRun=All" if dry else "")
    return PLANE.request("POST", JOBS + query, job)


def patch(name, change, sub=""):
    return PLANE.request("PATCH", "%s/%s%s" % (JOBS, name, sub), change, "application/merge-patch+json")


class CrdTest(unittest.TestCase):
    def made(self, name, **spec):
        code, job = create(merged(LEAST, {"metadata": {"name": name}, "spec": spec}))
        self.assertEqual(code, 201, job)
        return job

    def refused(self, answer, words):
        code, doc = answer
        self.assertEqual(code, 422, doc)
        self.assertIn(words, doc["message"])

    def test_it_is_established_and_structural(self):
        _, crd = PLANE.request("GET", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/stereojobs.stereojob.io")
        conditions = {item["type"]: item["status"] for item in crd["status"]["conditions"]}
        self.assertEqual(conditions.get("Established"), "True")
        self.assertEqual(conditions.get("NamesAccepted"), "True")
        self.assertNotIn("NonStructuralSchema", conditions)
        self.assertEqual(crd["spec"]["versions"][0]["selectableFields"],
                         [{"jsonPath": ".status.phase"}, {"jsonPath": ".spec.source.uri"}])

    def test_the_least_job_gets_its_defaults(self):
        job = self.made("defaults", resources={"gpu": {}})
        for path, value in DEFAULTS.items():
            self.assertEqual(at(job, path), value, path)
        self.assertEqual(job["spec"]["resources"]["gpu"], {"name": "nvidia.com/gpu", "count": 1})
        for silent in ("work", "auxiliary", "priorityClassName", "maxFailedIndexes", "ttlSecondsAfterFinished"):
            self.assertNotIn(silent, job["spec"])

    def test_the_cases(self):
        with open(os.path.join(HERE, "cases.json"), encoding="utf-8") as file:
            cases = json.load(file)
        refused = 0
        for case in cases:
            job = merged(LEAST, {key: value for key, value in case.items() if key not in ("name", "field")})
            with self.subTest(case["name"]):
                code, doc = create(job, dry=True)
                if not case["field"]:
                    self.assertEqual(code, 201, doc)
                    continue
                refused += 1
                self.assertIn(code, (400, 422), doc)  # 400: a field that is not known
                self.assertIn(case["field"], doc["message"])
        self.assertGreater(refused, 40)

    def test_unknown_fields_are_dropped_when_nobody_is_strict(self):
        code, job = create(merged(LEAST, {"spec": {"image": "evil:1", "env": [{"name": "A"}]}}), strict=False, dry=True)
        self.assertEqual(code, 201, job)
        self.assertNotIn("image", job["spec"])
        self.assertNotIn("env", job["spec"])

    def test_what_must_not_change_does_not(self):
        self.made("fixed", work={"uri": "s3://films/work"})
        for change, field in (({"source": {"uri": "s3://films/other.mp4"}}, "spec.source"),
                              ({"source": {"secretName": "a"}}, "spec.source"),
                              ({"output": {"uri": "s3://films/other.mp4"}}, "spec.output"),
                              ({"output": {"overwrite": True}}, "spec.output"),
                              ({"stereo": {"divergence": 3}}, "spec.stereo"),
                              ({"stereo": None}, None),
                              ({"depth": {"provider": "Video", "uri": "s3://films/d.mkv"}}, "spec.depth"),
                              ({"encode": {"crf": 30}}, "spec.encode"),
                              ({"encode": {"preset": "slow"}}, "spec.encode"),
                              ({"segment": {"seconds": 5}}, "spec.segment"),
                              ({"work": {"uri": "s3://films/elsewhere"}}, "spec.work"),
                              ({"work": None}, "spec.work")):
            with self.subTest(change):
                answer = patch("fixed", {"spec": change})
                if field:
                    self.refused(answer, field + (".uri is immutable" if field == "spec.work" else " is immutable"))
                else:
                    self.assertEqual(answer[0], 200, answer[1])  # defaults again: the same

    def test_work_does_not_come_later(self):
        self.made("nowork")
        self.refused(patch("nowork", {"spec": {"work": {"uri": "s3://films/w"}}}), "spec.work.uri is immutable")

    def test_what_may_change_does(self):
        self.made("loose", work={"uri": "s3://films/work"})
        code, job = patch("loose", {"spec": {"suspend": True, "parallelism": 5, "backoffLimitPerIndex": 9,
                                             "work": {"secretName": "new"}, "resources": {"gpu": {"count": 0}},
                                             "nodeSelector": {"a": "b"}}})
        self.assertEqual(code, 200, job)
        self.assertEqual(job["metadata"]["generation"], 2)

    def test_cancel_is_for_good(self):
        self.made("cancelled")
        self.assertEqual(patch("cancelled", {"spec": {"cancel": True}})[0], 200)
        self.refused(patch("cancelled", {"spec": {"cancel": False}}), "spec.cancel cannot be taken back")
        self.refused(patch("cancelled", {"spec": {"cancel": None}}), "spec.cancel cannot be taken back")

    def test_the_status_is_a_thing_of_its_own(self):
        self.made("status")
        code, job = patch("status", {"status": {"phase": "Planning"}})
        self.assertEqual((code, job.get("status"), job["metadata"]["generation"]), (200, None, 1))
        code, job = patch("status", {"spec": {"suspend": True}, "status": {"phase": "Planning"}}, "/status")
        self.assertEqual((code, job["status"]["phase"]), (200, "Planning"), job)
        self.assertEqual((job["metadata"]["generation"], job["spec"]["suspend"]), (1, False))
        self.refused(patch("status", {"status": {"phase": "Melting"}}, "/status"), "status.phase")

    def test_the_fullest_status_fits_and_stays(self):
        status = json.loads(subprocess.run([PRINT], capture_output=True, text=True, check=True).stdout)
        self.made("full")
        code, job = PLANE.request("PATCH", JOBS + "/full/status?fieldValidation=Strict", {"status": status},
                                  "application/merge-patch+json")
        self.assertEqual(code, 200, str(job)[-300:])
        self.assertTrue(job["status"] == status, "what was written is not what is there")
        PLANE.kubectl("-n", "films", "wait", "--for=condition=Failed", "--timeout=5s", "sj/full")

    def test_the_examples_are_taken(self):
        taken = 0
        for path in glob.glob(os.path.join(ROOT, "examples", "*.yaml")):
            with open(path, encoding="utf-8") as file:
                in_cluster = re.search(r"uri: *['\"]?(s3|pvc)://", file.read())
            with self.subTest(path):
                done = PLANE.kubectl("-n", "films", "create", "--dry-run=server", "--validate=strict", "-f", path,
                                     check=False)
                self.assertEqual(done.returncode == 0, bool(in_cluster), done.stderr)
                taken += 1
        self.assertGreater(taken, 0)

    def test_what_kubectl_shows(self):
        self.made("shown")
        code, job = patch("shown", {"status": {
            "phase": "Converting", "segments": "7/12", "progress": "63%", "eta": "4m10s", "failedIndexes": "5",
            "failedPods": 2, "conditions": [{"type": "Degraded", "status": "True", "reason": "TrackingAway", "message": "",
                                            "lastTransitionTime": "2026-11-22T12:00:00.123000Z"}]}}, "/status")
        self.assertEqual(code, 200, job)
        lines = PLANE.kubectl("-n", "films", "get", "sj", "shown").stdout.splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "PHASE", "SEGMENTS", "PROGRESS", "ETA", "AGE"])
        self.assertEqual(lines[1].split()[:5], ["shown", "Converting", "7/12", "63%", "4m10s"])
        lines = PLANE.kubectl("-n", "films", "get", "sj", "shown", "-o", "wide").stdout.splitlines()
        self.assertEqual(lines[0].split()[5:], ["FAILED", "RETRIES", "OUTPUT", "AGE"])
        self.assertEqual(lines[1].split()[5:8], ["5", "2", "s3://films/out.mp4"])
        names = PLANE.kubectl("-n", "films", "get", "sj", "-o", "name", "--field-selector",
                              "status.phase=Converting").stdout.split()
        self.assertEqual(names, ["stereojob.stereojob.io/shown"])
        PLANE.kubectl("-n", "films", "wait", "--for=condition=Degraded", "--timeout=5s", "sj/shown")
        self.assertIn("shown", PLANE.kubectl("-n", "films", "get", "stereo").stdout)

    def test_kubectl_explains(self):
        text = PLANE.kubectl("explain", "sj.spec.stereo.divergence").stdout
        self.assertIn("divergence <number>", text)
        self.assertIn("Strength of the 3D effect", text)
        every = PLANE.kubectl("explain", "sj", "--recursive").stdout
        for name in ("tolerationSeconds", "completedIndexes", "runtimeClassName"):
            self.assertIn(name, every)

    def test_two_may_apply_their_own_fields(self):
        job = merged(LEAST, {"metadata": {"name": "applied"}})
        path = JOBS + "/applied?fieldManager=%s&fieldValidation=Strict"
        code, doc = PLANE.request("PATCH", path % "user", job, "application/apply-patch+yaml")
        self.assertEqual(code, 201, doc)
        only = {"apiVersion": "stereojob.io/v1", "kind": "StereoJob", "spec": {"parallelism": 4}}
        code, doc = PLANE.request("PATCH", path % "scaler", only, "application/apply-patch+yaml")
        self.assertEqual((code, doc["spec"]["parallelism"]), (200, 4), doc)

    def test_a_tenant_sees_only_what_its_role_gives(self):
        user = PLANE.user("films", "tenant", rules=[
            {"apiGroups": ["stereojob.io"], "resources": ["stereojobs"], "verbs": ["get", "list", "create"]}])
        self.assertEqual(user.request("GET", JOBS)[0], 200)
        self.made("theirs")
        code, _ = user.request("PATCH", JOBS + "/theirs/status", {"status": {"phase": "Completed"}},
                               "application/merge-patch+json")
        self.assertEqual(code, 403)


if __name__ == "__main__":
    PRINT = os.path.abspath(sys.argv.pop(1))
    unittest.main()

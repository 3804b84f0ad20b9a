#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stereo's verbs on a cluster, each against a real API server.

usage: test_cluster.py STEREO
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "kube"))
sys.path.insert(0, os.path.join(ROOT, "tests", "s3"))
import client as s3  # noqa: E402  pylint: disable=wrong-import-position
import control_plane  # noqa: E402  pylint: disable=wrong-import-position

API = "/apis/stereojob.io/v1/namespaces/films/stereojobs"
VERBS = ("list", "get", "describe", "submit", "logs", "wait", "download", "suspend", "resume", "cancel", "retry", "delete")
NOTES = "metadata.annotations"

PLANE = None
STEREO = None


def setUpModule():  # noqa: N802
    global PLANE  # pylint: disable=global-statement
    PLANE = control_plane.start_or_skip("films")
    PLANE.install_crd()


def tearDownModule():  # noqa: N802
    PLANE.__exit__()


def environment(kubeconfig):
    env = {key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "AWS_"))}
    return dict(env, HOME=PLANE.folder, **({"KUBECONFIG": kubeconfig} if kubeconfig else {}))


def stereo(*args, stdin=None, kubeconfig=None, program=None, space="films", timeout=60):
    """The completed process."""
    args = list(args) + (["-n", space] if space else [])
    return subprocess.run([program or STEREO] + args, input=stdin, capture_output=True, text=True, check=False,
                          timeout=timeout, env=environment(kubeconfig or PLANE.kubeconfig))


def manifest(name, **spec):
    return {"apiVersion": "stereojob.io/v1", "kind": "StereoJob", "metadata": {"name": name},
            "spec": dict({"source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/%s.mp4" % name}},
                         **spec)}


def at(doc, path):
    for key in path.split("."):
        doc = doc.get(key) if isinstance(doc, dict) else None
    return doc


def stored(name):
    code, doc = PLANE.request("GET", API + "/" + name)
    assert code == 200, doc
    return doc


def set_status(name, **status):
    code, doc = PLANE.request("PATCH", "%s/%s/status" % (API, name), {"status": status},
                              content_type="application/merge-patch+json")
    assert code == 200, doc


class Verbs(unittest.TestCase):
    def make(self, name, **spec):
        code, doc = PLANE.request("POST", API, manifest(name, **spec))
        self.assertEqual(code, 201, doc)
        self.addCleanup(PLANE.request, "DELETE", API + "/" + name)
        return doc

    def ok(self, *args, **more):
        done = stereo(*args, **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, code, words, *args, **more):
        done = stereo(*args, **more)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertTrue(done.stderr.startswith("stereo: error: "), done.stderr)
        return done

    # what is seen

    def test_list_is_a_table_and_every_format_parses(self):
        self.make("film-a")
        self.make("film-b")
        set_status("film-a", phase="Converting", completed=3, plan={"segments": 12})
        lines = self.ok("list").splitlines()
        self.assertEqual(lines[0].split(), ["NAME", "PHASE", "SEGMENTS", "PROGRESS", "ETA", "AGE"])
        self.assertEqual(lines[1].split()[:4], ["film-a", "Converting", "3/12", "24%"])
        self.assertEqual(lines[2].split()[:3], ["film-b", "-", "-"])
        self.assertIn("s3://films/film-a.mp4", self.ok("list", "-o", "wide"))
        self.assertEqual(self.ok("list", "-o", "name"),
                         "stereojob.stereojob.io/film-a\nstereojob.stereojob.io/film-b\n")
        doc = json.loads(self.ok("list", "-o", "json"))
        self.assertEqual([item["metadata"]["name"] for item in doc["items"]], ["film-a", "film-b"])
        self.assertNotIn("managedFields", doc["items"][0]["metadata"])
        self.assertTrue(self.ok("list", "-A", space=None).splitlines()[1].startswith("films "))
        # what is printed is what kubectl takes: YAML read by another program
        text = self.ok("list", "-o", "yaml")
        self.assertEqual(PLANE.kubectl("create", "--dry-run=client", "-o", "name", "-f", "-",
                                       stdin=text).stdout.count("stereojob"), 4)

    def test_get_one_is_the_object(self):
        made = self.make("film")
        doc = json.loads(self.ok("get", "film", "-o", "json"))
        self.assertEqual((doc["kind"], doc["metadata"]["uid"]), ("StereoJob", made["metadata"]["uid"]))
        back = PLANE.kubectl("create", "--dry-run=client", "-o", "json", "-f", "-",
                             stdin=self.ok("get", "film", "-o", "yaml"))
        self.assertEqual(json.loads(back.stdout)["spec"], made["spec"])
        self.assertEqual(self.ok("get", "film", "-o", "name"), "stereojob.stereojob.io/film\n")

    def test_get_of_two_in_the_order_asked(self):
        self.make("film-a")
        self.make("film-b")
        doc = json.loads(self.ok("get", "film-b", "film-a", "-o", "json"))
        self.assertEqual([item["metadata"]["name"] for item in doc["items"]], ["film-b", "film-a"])
        self.assertEqual(doc["kind"], "StereoJobList")

    def test_an_empty_list_says_so_and_stays_parsable(self):
        done = stereo("list", space="default")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("No StereoJobs found in namespace default", done.stderr)
        self.assertEqual(json.loads(self.ok("list", "-o", "json", space="default"))["items"], [])

    def test_watch_prints_a_line_at_each_change(self):
        self.make("film")
        self.make("other")
        with subprocess.Popen([STEREO, "get", "film", "-w", "-n", "films"], stdout=subprocess.PIPE, text=True,
                              env=environment(PLANE.kubeconfig)) as process:
            try:
                self.assertIn("PHASE", process.stdout.readline())
                self.assertIn("film", process.stdout.readline())
                set_status("other", phase="Converting")
                set_status("film", phase="Planning")
                set_status("film", phase="Converting", completed=1, plan={"segments": 4})
                self.assertEqual(process.stdout.readline().split()[:2], ["film", "Planning"])
                self.assertEqual(process.stdout.readline().split()[:3], ["film", "Converting", "1/4"])
            finally:
                process.kill()

    def test_describe_shows_pods_events_and_conditions(self):
        made = self.make("film")
        labels = {"stereojob.io/job-uid": made["metadata"]["uid"], "stereojob.io/stage": "convert",
                  "stereojob.io/index": "7"}
        code, doc = PLANE.request("POST", "/api/v1/namespaces/films/pods", {
            "metadata": {"name": "film-c00007-e0-a0", "labels": labels},
            "spec": {"containers": [{"name": "worker", "image": "worker"}]}})
        self.assertEqual(code, 201, doc)
        self.addCleanup(PLANE.request, "DELETE", "/api/v1/namespaces/films/pods/film-c00007-e0-a0",
                        {"gracePeriodSeconds": 0})
        code, doc = PLANE.request("POST", "/apis/events.k8s.io/v1/namespaces/films/events", {
            "metadata": {"name": "film.1"}, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Warning",
            "reason": "DeadLetter", "note": "segment 7 was given up", "action": "Reconcile",
            "reportingController": "stereojob.io/operator", "reportingInstance": "test",
            "regarding": {"apiVersion": "stereojob.io/v1", "kind": "StereoJob", "namespace": "films",
                          "name": "film", "uid": made["metadata"]["uid"]}})
        self.assertEqual(code, 201, doc)
        set_status("film", phase="Converting", conditions=[{
            "type": "Degraded", "status": "True", "reason": "DeadLetters", "message": "one segment",
            "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        text = self.ok("describe", "film")
        for word in ("s3://films/in.mp4", "Converting", "Degraded=True DeadLetters: one segment", "film-c00007-e0-a0",
                     "Pending", "DeadLetter", "segment 7 was given up"):
            self.assertIn(word, text)
        self.refused(64, ["film-c00007-e0-a0 is Pending"], "logs", "film", "--segment", "7")
        self.refused(64, ["no pod of segment 8"], "logs", "film", "--segment", "8")

    def test_logs_without_pods(self):
        self.make("film")
        self.assertEqual(self.ok("logs", "film"), "")
        self.refused(64, ["film has no pod that began"], "logs", "film", "-f")

    # what is changed

    def test_submit_creates_and_says_what(self):
        self.addCleanup(PLANE.request, "DELETE", API + "/film")
        text = json.dumps(manifest("film", parallelism=3))
        self.assertEqual(self.ok("submit", "-f", "-", stdin=text), "stereojob.stereojob.io/film created\n")
        self.assertEqual(stored("film")["spec"]["parallelism"], 3)
        self.refused(64, ["StereoJob film exists"], "submit", "-f", "-", stdin=text)

    def test_submit_prints_the_object_with_its_defaults(self):
        self.addCleanup(PLANE.request, "DELETE", API + "/film")
        doc = json.loads(self.ok("submit", "-f", "-", "-o", "json", stdin=json.dumps(manifest("film"))))
        self.assertEqual((doc["spec"]["parallelism"], doc["metadata"]["uid"]),
                         (8, stored("film")["metadata"]["uid"]))

    def test_submit_tells_all_problems_and_sends_nothing(self):
        bad = manifest("film", parallelism=0, stereo={"layout": "Sideways", "divergence": 99}, retries=3)
        done = self.refused(64, ["parallelism", "layout", "divergence", "retries"], "submit", "-f", "-",
                            stdin=json.dumps(bad))
        self.assertEqual(len(done.stderr.splitlines()), 4)
        self.assertEqual(PLANE.request("GET", API + "/film")[0], 404)

    def test_submit_gives_the_api_servers_own_refusal(self):
        long = manifest("film")
        long["metadata"]["labels"] = {"owner": "not a label value!"}
        self.refused(64, ["metadata.labels", "not a label value!"], "submit", "-f", "-", stdin=json.dumps(long))

    def test_submit_to_another_namespace_than_the_manifests(self):
        other = manifest("film")
        other["metadata"]["namespace"] = "elsewhere"
        self.refused(64, ["elsewhere", "-n elsewhere"], "submit", "-f", "-", stdin=json.dumps(other))

    def test_submit_wants_its_file(self):
        self.refused(64, ["-f FILE is missing"], "submit")
        self.refused(64, ["none.yaml"], "submit", "-f", "none.yaml")

    def test_suspend_resume_cancel(self):
        self.make("film")
        self.assertEqual(self.ok("suspend", "film"), "stereojob.stereojob.io/film suspended\n")
        self.assertIs(stored("film")["spec"]["suspend"], True)
        self.assertEqual(self.ok("resume", "film", "-o", "name"), "stereojob.stereojob.io/film\n")
        self.assertIs(stored("film")["spec"]["suspend"], False)
        self.assertIs(json.loads(self.ok("cancel", "film", "-o", "json"))["spec"]["cancel"], True)
        self.assertIs(stored("film")["spec"]["cancel"], True)

    def test_retry_annotates_with_a_new_token_each_time(self):
        self.make("film")
        set_status("film", phase="Failed")
        self.ok("retry", "film")
        first = at(stored("film"), NOTES)["stereojob.io/retry"]
        self.assertRegex(first, "^retry-[0-9]+$")
        self.ok("retry", "film", "--segments", "7,9-11")
        second = at(stored("film"), NOTES)["stereojob.io/retry"]
        self.assertRegex(second, "^retry-[0-9]+:7,9-11$")
        self.assertNotEqual(first, second.split(":")[0])
        self.ok("retry", "film", "--discard")
        self.assertEqual(at(stored("film"), NOTES)["stereojob.io/discard"], "true")

    def test_retry_refuses_what_cannot_help(self):
        self.make("film")
        set_status("film", phase="Completed")
        self.refused(64, ["film is Completed"], "retry", "film")
        self.refused(64, ["--segments"], "retry", "film", "--segments", "9-7")
        self.refused(64, ["only one"], "retry", "film", "--segments", "9", "--discard")
        self.assertIsNone(at(stored("film"), NOTES))

    def test_delete(self):
        self.make("film")
        self.assertEqual(self.ok("delete", "film"), "stereojob.stereojob.io/film deleted\n")
        self.assertEqual(PLANE.request("GET", API + "/film")[0], 404)

    # wait

    def wait(self, name, changes, *args):
        """The process that waited while each of changes was made to the status."""
        process = subprocess.Popen([STEREO, "wait", name, "-n", "films"] + list(args), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=environment(PLANE.kubeconfig))
        killer = threading.Timer(60, process.kill)
        killer.start()
        try:
            process.first = process.stdout.readline()  # it watches from here on
            for change in changes:
                change()
            process.out, process.err = process.communicate()
        finally:
            killer.cancel()
        return process

    def test_wait_ends_with_0_when_the_film_is_there(self):
        self.make("film")
        set_status("film", phase="Converting", completed=1, plan={"segments": 2})
        done = self.wait("film", [lambda: set_status("film", completed=2),
                                  lambda: set_status("film", phase="Completed")])
        self.assertEqual(done.returncode, 0, done.err)
        self.assertIn("Converting 1/2", done.first)
        self.assertEqual(done.out.splitlines(), ["Converting 2/2", "Completed 2/2"])

    def test_wait_ends_with_1_when_it_failed_or_was_cancelled(self):
        for phase in ("Failed", "Cancelled"):
            with self.subTest(phase=phase):
                name = "film-" + phase.lower()
                self.make(name)
                set_status(name, phase="Converting")
                done = self.wait(name, [lambda n=name, p=phase: set_status(n, phase=p, message="segment 7: no")])
                self.assertEqual(done.returncode, 1, done.err)
                self.assertIn(phase + " -: segment 7: no", done.out)

    def test_wait_of_what_is_over_ends_at_once(self):
        self.make("film")
        set_status("film", phase="Completed")
        self.assertEqual(self.ok("wait", "film"), "Completed -\n")

    def test_wait_ends_in_time(self):
        self.make("film")
        done = stereo("wait", "film", "--timeout", "1s")
        self.assertEqual(done.returncode, 75)
        self.assertIn("is not over after 1 s", done.stderr)

    def test_wait_ends_when_it_is_deleted(self):
        self.make("film")
        set_status("film", phase="Converting")
        done = self.wait("film", [lambda: PLANE.request("DELETE", API + "/film")])
        self.assertEqual(done.returncode, 64)
        self.assertIn("film was deleted", done.err)

    def test_submit_waits(self):
        self.addCleanup(PLANE.request, "DELETE", API + "/film")
        done = stereo("submit", "-f", "-", "--wait", "--timeout", "1", stdin=json.dumps(manifest("film")))
        self.assertEqual(done.returncode, 75, done.stderr)
        self.assertIn("film created", done.stdout)

    # what goes wrong

    def test_every_verb_on_a_name_that_is_not_there(self):
        for verb in VERBS:
            if verb not in ("list", "submit"):
                with self.subTest(verb=verb):
                    self.refused(64, ["no StereoJob nobody in namespace films"], verb, "nobody")

    def test_every_verb_without_a_cluster(self):
        nowhere = os.path.join(PLANE.folder, "nowhere.kubeconfig")
        with open(PLANE.kubeconfig, encoding="utf-8") as file:
            doc = json.load(file)
        doc["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        with open(nowhere, "w", encoding="utf-8") as file:
            json.dump(doc, file)
        for verb in VERBS:
            with self.subTest(verb=verb):
                args = {"list": [], "submit": ["-f", "-"]}.get(verb, ["film"])
                self.refused(69, ["127.0.0.1:1"], verb, *args, kubeconfig=nowhere, stdin=json.dumps(manifest("film")))

    def test_wrong_kubeconfigs(self):
        self.refused(64, ["none.kubeconfig"], "list", "--kubeconfig", "none.kubeconfig")
        self.refused(64, ["other"], "list", "--context", "other")
        broken = os.path.join(PLANE.folder, "broken.kubeconfig")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("clusters: [")
        self.refused(64, ["broken.kubeconfig"], "list", kubeconfig=broken)

    def test_a_user_without_rights(self):
        self.make("film")
        user = PLANE.user("films", "nobody")
        for verb in VERBS:
            with self.subTest(verb=verb):
                args = {"list": [], "submit": ["-f", "-"]}.get(verb, ["film"])
                self.refused(64, ["forbidden", "system:serviceaccount:films:nobody"], verb, *args,
                             kubeconfig=user.kubeconfig, stdin=json.dumps(manifest("film-2")))

    def test_a_user_who_may_only_look(self):
        self.make("film")
        user = PLANE.user("films", "guest", rules=[{
            "apiGroups": ["stereojob.io"], "resources": ["stereojobs"], "verbs": ["get", "list", "watch"]}])
        self.assertIn("film", self.ok("list", kubeconfig=user.kubeconfig))
        self.refused(64, ["forbidden"], "cancel", "film", kubeconfig=user.kubeconfig)
        self.assertIs(stored("film")["spec"]["cancel"], False)

    def test_options_of_other_verbs_are_refused(self):
        self.refused(64, ["--follow: no such option"], "suspend", "film", "--follow")
        self.refused(64, ["did you mean --segments"], "retry", "film", "--segmets", "1")
        self.refused(64, ["NAME is missing"], "describe")
        self.refused(64, ["'xml' is not json, yaml"], "list", "-o", "xml")
        self.refused(64, ["not both"], "get", "film", "-A")
        self.refused(64, ["--previous needs --segment"], "logs", "film", "--previous")

    def test_help_of_every_verb_names_the_program(self):
        plugin = os.path.join(PLANE.folder, "kubectl-stereo")
        os.symlink(STEREO, plugin)
        for verb in VERBS:
            self.assertTrue(self.ok(verb, "--help").startswith("Usage: stereo %s " % verb))
            self.assertTrue(self.ok(verb, "--help", program=plugin).startswith("Usage: kubectl stereo %s " % verb))

    def test_kubectl_runs_it_as_its_plugin(self):
        folder = os.path.join(PLANE.folder, "plugins")
        os.mkdir(folder)
        os.symlink(STEREO, os.path.join(folder, "kubectl-stereo"))
        self.make("film")
        env = dict(environment(PLANE.kubeconfig), PATH=folder + os.pathsep + os.environ["PATH"])
        done = subprocess.run([os.path.join(PLANE.tools, "kubectl"), "stereo", "list", "-n", "films", "-o", "name"],
                              capture_output=True, text=True, check=False, env=env, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "stereojob.stereojob.io/film\n"), done.stderr)


class Download(unittest.TestCase):
    """The film of a job that is over, from a real S3 server."""

    FILM = bytes(range(256)) * 4096 * 40  # 40 MiB: several requests

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="stereo-download-")
        os.mkdir(os.path.join(cls.folder, "s3"))
        cls.server = s3.Server(os.path.join(cls.folder, "s3"))
        if not cls.server.available:
            shutil.rmtree(cls.folder)
            raise unittest.SkipTest("no S3 server")
        cls.server.client.send("PUT", "/films")
        cls.server.client.put("films", "3d/film.mp4", cls.FILM)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()
        shutil.rmtree(cls.folder)

    def setUp(self):
        self.here = tempfile.mkdtemp(dir=self.folder)
        code, doc = PLANE.request("POST", API, dict(manifest("film"), spec={
            "source": {"uri": "s3://films/in.mp4"}, "output": {"uri": "s3://films/3d/film.mp4"}}))
        self.assertEqual(code, 201, doc)
        self.addCleanup(PLANE.request, "DELETE", API + "/film")

    def done(self, size=None):
        set_status("film", phase="Completed", output={"bytes": len(self.FILM) if size is None else size})

    def start(self, *args, keys=True):
        client = self.server.client
        env = environment(PLANE.kubeconfig)
        if keys:
            env.update(AWS_ACCESS_KEY_ID=client.access, AWS_SECRET_ACCESS_KEY=client.secret,
                       AWS_ENDPOINT_URL=client.endpoint, AWS_REGION="us-east-1")
        else:
            env["AWS_EC2_METADATA_DISABLED"] = "true"
        return subprocess.Popen([STEREO, "download", "film", "-n", "films"] + list(args), cwd=self.here, env=env,
                                text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def download(self, *args, keys=True):
        """(exit code, stdout, stderr)"""
        process = self.start(*args, keys=keys)
        out, error = process.communicate(timeout=60)
        return process.returncode, out, error

    def read(self, name):
        with open(os.path.join(self.here, name), "rb") as file:
            return file.read()

    def test_the_film_is_there_by_its_name(self):
        self.done()
        self.assertEqual(self.download(), (0, "film.mp4\n", ""))
        self.assertTrue(self.read("film.mp4") == self.FILM)
        self.assertEqual(os.listdir(self.here), ["film.mp4"])

    def test_what_exists_is_not_touched(self):
        self.done()
        with open(os.path.join(self.here, "mine.mp4"), "w", encoding="ascii") as file:
            file.write("mine")
        code, _, error = self.download("mine.mp4")
        self.assertEqual((code, self.read("mine.mp4")), (64, b"mine"))
        self.assertIn("--overwrite", error)
        self.assertEqual(self.download("mine.mp4", "--overwrite")[0], 0)
        self.assertTrue(self.read("mine.mp4") == self.FILM)

    def test_a_folder_takes_the_films_name(self):
        self.done()
        os.mkdir(os.path.join(self.here, "out"))
        self.assertEqual(self.download("out")[:2], (0, "out/film.mp4\n"))

    def two(self):
        """Of a job that made a film for each eye."""
        PLANE.request("DELETE", API + "/film")
        right = self.FILM[::-1][:-7]
        self.server.client.put("films", "3d/film_L.mp4", self.FILM)
        self.server.client.put("films", "3d/film_R.mp4", right)
        job = dict(manifest("film"), spec={"source": {"uri": "s3://films/in.mp4"}, "stereo": {"layout": "LeftRight"},
                                           "output": {"uri": "s3://films/3d/film_L.mp4"}})
        self.assertEqual(PLANE.request("POST", API, job)[0], 201)
        set_status("film", phase="Completed", output={"bytes": len(self.FILM) + len(right), "rightBytes": len(right)})
        return right

    def test_both_eyes(self):
        right = self.two()
        self.assertEqual(self.download(), (0, "film_L.mp4\nfilm_R.mp4\n", ""))
        self.assertTrue((self.read("film_L.mp4"), self.read("film_R.mp4")) == (self.FILM, right))
        self.assertEqual(self.download("mine.mp4")[:2], (0, "mine.mp4\nmine_R.mp4\n"))
        self.assertEqual(self.download("mine.mp4")[0], 64)
        os.remove(os.path.join(self.here, "mine_R.mp4"))
        mark = os.stat(os.path.join(self.here, "mine.mp4")).st_mtime_ns
        self.assertEqual(self.download("mine.mp4")[:2], (0, "mine.mp4\nmine_R.mp4\n"))  # the first was here
        self.assertTrue(self.read("mine_R.mp4") == right)
        self.assertEqual(os.stat(os.path.join(self.here, "mine.mp4")).st_mtime_ns, mark)
        with open(os.path.join(self.here, "o_R.mp4"), "w", encoding="ascii") as file:
            file.write("mine")
        code, _, error = self.download("o.mp4")
        self.assertEqual((code, os.path.exists(os.path.join(self.here, "o.mp4"))), (64, False))
        self.assertIn("o_R.mp4 exists; --overwrite", error)
        code, urls, _ = self.download("--url")
        for url, want in zip(urls.split(), (self.FILM, right), strict=True):
            with urllib.request.urlopen(url, timeout=30) as answer:
                self.assertTrue(answer.read() == want)
        described = subprocess.run([STEREO, "describe", "film", "-n", "films"], env=environment(PLANE.kubeconfig),
                                   text=True, capture_output=True, check=False)
        self.assertIn("Right eye:     s3://films/3d/film_R.mp4\n", described.stdout)

    def test_killed_it_goes_on(self):
        self.done()
        process = self.start()
        end = time.monotonic() + 30
        part = None
        while time.monotonic() < end and not part:
            parts = [name for name in os.listdir(self.here) if name.endswith(".part")]
            if parts and 0 < os.stat(os.path.join(self.here, parts[0])).st_size < len(self.FILM):
                part = os.path.join(self.here, parts[0])
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertIsNotNone(part)
        self.assertNotIn("film.mp4", os.listdir(self.here))
        with open(part, "r+b") as file:  # a mark in what is there: it is kept, not fetched again
            file.write(b"mark")
        self.assertEqual(self.download()[0], 0)
        self.assertTrue(self.read("film.mp4") == b"mark" + self.FILM[4:])
        self.assertEqual(os.listdir(self.here), ["film.mp4"])

    def test_another_film_than_the_jobs_is_refused(self):
        self.done(size=12345)
        code, _, error = self.download()
        self.assertEqual(code, 64)
        self.assertIn("the job wrote 12345", error)
        self.assertEqual(os.listdir(self.here), [])

    def test_url_is_good_for_anybody(self):
        self.done()
        code, url, _ = self.download("--url")
        self.assertEqual(code, 0)
        with urllib.request.urlopen(url.strip(), timeout=30) as answer:
            self.assertTrue(answer.read() == self.FILM)

    def test_no_film_yet(self):
        set_status("film", phase="Converting")
        code, _, error = self.download()
        self.assertEqual(code, 64)
        self.assertIn("film is Converting: there is no film yet", error)

    def test_no_keys_and_wrong_keys(self):
        self.done()
        code, _, error = self.download(keys=False)
        self.assertEqual(code, 64)
        self.assertIn("AWS_ACCESS_KEY_ID", error)
        self.server.client.secret, right = "wrong", self.server.client.secret
        try:
            code, _, error = self.download()
        finally:
            self.server.client.secret = right
        self.assertEqual(code, 64)
        self.assertIn("films", error)

    def test_a_volume_is_told_how(self):
        PLANE.request("DELETE", API + "/film")
        job = manifest("film")
        job["spec"]["output"]["uri"] = "pvc://shelf/3d/film.mp4"
        job["spec"]["stereo"] = {"layout": "LeftRight"}
        self.assertEqual(PLANE.request("POST", API, job)[0], 201)
        set_status("film", phase="Completed")
        code, _, error = self.download()
        self.assertEqual(code, 64)
        self.assertIn("kubectl cp films/POD:/pvc/3d/film.mp4 FILE; the right eye's film beside it", error)


if __name__ == "__main__":
    STEREO = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

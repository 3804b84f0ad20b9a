#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The worker's verbs over every kind of store: the same film as on the local disk, and what goes wrong only there.

STEREO_WORKER names the worker, STEREO_MEDIA_TOOLS the folder of film_gen and film_read.
"""
import hashlib
import http.server
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "media"), str(HERE.parents[1] / "s3")]
import check  # noqa: E402
import client  # noqa: E402
import films  # noqa: E402

WORKER = os.environ["STEREO_WORKER"]
BUCKET = "films"
UNAVAILABLE = 69  # the class that is tried again
UID = "6f1c9d3e-0000-4000-8000-00000000000"


class Job:
    """One StereoJob as its pods see it."""

    def __init__(self, folder, source, output, work, number=0, env=None, seconds=2, **spec):
        self.folder, self.uid = folder, UID + str(number)
        self.spec = {"source": {"uri": str(source)}, "output": {"uri": str(output)},
                     "segment": {"seconds": seconds}, "encode": {"preset": "ultrafast"}, **spec}
        self.work, self.env = str(work), env or {}

    def start(self, verb, index=0, **more):
        message = self.folder / "message"
        message.unlink(missing_ok=True)
        environment = {**os.environ, **self.env, "STEREO_JOB_NAME": "film", "STEREO_JOB_UID": self.uid,
                       "STEREO_SPEC": json.dumps(self.spec), "STEREO_INDEX": str(index),
                       "STEREO_WORK_URI": self.work, "STEREO_SCRATCH": str(self.folder),
                       "STEREO_TERMINATION_LOG": str(message), **more}
        return subprocess.Popen([WORKER, verb], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True)

    def run(self, verb, index=0, **more):
        """(exit code, termination message as a document or {}, what it printed)"""
        process = self.start(verb, index, **more)
        said = process.communicate(timeout=300)[0]
        try:
            message = json.loads((self.folder / "message").read_text(encoding="utf-8"))
        except OSError:
            message = {}
        return process.returncode, message, said

    def do(self, verb, index=0, **more):
        code, message, said = self.run(verb, index, **more)
        if code != 0:
            raise AssertionError(f"{verb} {index} ended by {code}: {message} {said}")
        return message

    def convert(self):
        count = self.do("plan")["segments"]
        for index in range(count):
            self.do("convert", index)
        return count

    def all(self):
        count = self.convert()
        self.do("assemble")
        return count


def roles(words, **more):
    rows = {"ACCESS_KEY_ID": words.access, "SECRET_ACCESS_KEY": words.secret, "ENDPOINT_URL": words.endpoint, **more}
    return {f"STEREO_{role}_{name}": value for role in ("SOURCE", "OUTPUT", "WORK") for name, value in rows.items()}


class Case(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="stereo-stores-")
        self.folder = pathlib.Path(self.holder.name)
        self.addCleanup(self.holder.cleanup)
        self.film = films.film("h264-b")

    def local(self, film=None, ext=".mp4", **spec):
        """The film as it becomes on the local disk."""
        out = self.folder / f"local{ext}"
        job = Job(self.folder, film or self.film.path, out, self.folder / "local-work", **spec)
        count = job.all()
        return out.read_bytes(), count


class VolumeTest(Case):
    def test_claims(self):
        want, count = self.local()
        mount = self.folder / "claims" / "disk"
        mount.mkdir(parents=True)
        (mount / "in.mp4").write_bytes(self.film.path.read_bytes())
        job = Job(self.folder, "pvc://disk/in.mp4", "pvc://disk/out.mp4", "pvc://disk/jobs/1",
                  env={"STEREO_CLAIM_ROOT": str(self.folder / "claims")})
        self.assertEqual(job.all(), count)
        self.assertEqual((mount / "out.mp4").read_bytes(), want)
        job.do("clean")
        job.do("clean")
        self.assertEqual(sorted(entry.name for entry in mount.rglob("*")), ["in.mp4", "jobs", "out.mp4"])
        job.work = "pvc://tape/jobs/1"
        code, message, _ = job.run("plan")
        self.assertEqual(code, 64)
        self.assertIn("claim tape is not mounted", message["message"])


class S3Test(Case):
    def setUp(self):
        super().setUp()
        server = client.Server(self.folder)
        self.addCleanup(server.close)
        if not server.available:
            self.skipTest("no versitygw")
        self.server, self.s3 = server, server.client
        self.s3.send("PUT", f"/{BUCKET}")
        self.source, self.output = f"s3://{BUCKET}/in/film.mp4", f"s3://{BUCKET}/out/film.mp4"
        self.s3.put(BUCKET, "in/film.mp4", self.film.path.read_bytes())

    def job(self, **more):
        args = {"source": self.source, "output": self.output, "work": f"s3://{BUCKET}/work/1", **more}
        return Job(self.folder, env=roles(self.s3), **args)

    def test_the_same_film(self):
        want, count = self.local()
        job = self.job()
        self.assertEqual(job.all(), count)
        self.assertGreater(count, 1)
        got = self.s3.get(BUCKET, "out/film.mp4")
        self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(want).hexdigest())
        out = self.folder / "s3.mp4"
        out.write_bytes(got)
        self.assertEqual(check.check(self.film.path, out, "full-sbs", self.film.frames, seeks=3), [])
        self.assertEqual(job.do("assemble")["bytes"], len(got))  # done already: found, not written again
        self.assertEqual(len([key for key in self.s3.keys(BUCKET, "work/1/segments/") if key.endswith(".json")]), count)
        self.assertEqual([key for key in self.s3.keys(BUCKET, "work/") if "probe" in key], [])
        self.s3.put(BUCKET, "work/2/plan.json", b"another job's")
        job.do("clean")
        job.do("clean")
        self.assertEqual(self.s3.keys(BUCKET), ["in/film.mp4", "out/film.mp4", "work/2/plan.json"])

    def test_two_films(self):
        """The right eye's first, the left eye's where the job says: by then both are there, whoever was killed before."""
        two = {"stereo": {"layout": "LeftRight"}}
        want, count = self.local(**two)
        want = [want, (self.folder / "local_R.mp4").read_bytes()]
        job = self.job(**two)
        self.assertEqual(job.convert(), count)
        code, _, said = job.run("assemble", STEREO_FP="assemble.before_publish=kill@2")
        self.assertEqual(code, -signal.SIGKILL, said)
        names = ["out/film.mp4", "out/film_R.mp4"]
        self.assertEqual(self.s3.keys(BUCKET, "out/"), names[1:])
        again = self.job(number=1, work=f"s3://{BUCKET}/work/2", **two)
        again.convert()
        code, message, _ = again.run("assemble")
        self.assertEqual(code, 64)
        self.assertIn(f"output exists: s3://{BUCKET}/{names[1]}; --overwrite", message["message"])
        for _ in range(2):  # made, then found
            message = job.do("assemble")
            self.assertEqual([message["bytes"] - message["rightBytes"], message["rightBytes"]], [len(x) for x in want])
            self.assertTrue([self.s3.get(BUCKET, name) for name in names] == want)
        for name in names:  # as a killed attempt leaves one
            self.s3.send("POST", f"/{BUCKET}/{name}", {"uploads": ""})
        self.assertEqual(len(self.s3.uploads(BUCKET)), 2)
        job.do("clean")
        again.do("clean")
        self.assertEqual(self.s3.uploads(BUCKET), [])
        self.assertEqual(self.s3.keys(BUCKET), ["in/film.mp4", *names])

    def test_hls(self):
        """The main playlist comes last; the files of other attempts and of the film that it replaced go, all others stay."""
        folder, old = "out/film_hls/", "00000000-0000-4000-8000-000000000000/e0-a0/video"
        other = "11111111-0000-4000-8000-000000000000/e0-a0/video.mp4"
        job = self.job(output=f"s3://{BUCKET}/out/film.m3u8")
        job.spec["output"]["overwrite"] = True
        job.convert()
        replaced = f"#EXTM3U\nfilm_hls/{old}.m3u8\n".encode()
        self.s3.put(BUCKET, "out/film.m3u8", replaced)
        for key in (old + ".mp4", other, "mine.txt"):
            self.s3.put(BUCKET, folder + key, b"x")
        code, _, _ = job.run("assemble", STEREO_FP="assemble.packaged=kill")
        self.assertNotEqual(code, 0)
        self.assertEqual(len(self.s3.keys(BUCKET, folder + job.uid)), 4)
        self.assertEqual(self.s3.get(BUCKET, "out/film.m3u8"), replaced)
        self.assertEqual(len(self.s3.keys(BUCKET, folder + old)), 1)
        job.do("assemble", STEREO_EPOCH="0", STEREO_ATTEMPT="1")
        names = [f"{job.uid}/e0-a1/{name}" for name in ("sound-1.m3u8", "sound-1.mp4", "video.m3u8", "video.mp4")]
        left = ["in/film.mp4", "out/film.m3u8", *(folder + name for name in [other, *names, "mine.txt"])]

        def there():
            return [key for key in self.s3.keys(BUCKET) if not key.startswith("work/")]
        self.assertEqual(there(), left)
        for key in left[1:]:
            path = self.folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.s3.get(BUCKET, key))
        for eye in ("left", "right"):
            self.assertEqual(check.barcodes(str(self.folder / "out/film.m3u8"), (self.film.width, self.film.height),
                                            check.crop_of("full-sbs", eye))[:self.film.frames], list(self.film.numbers))
        self.s3.put(BUCKET, f"{folder}{job.uid}/e0-a9/sound-1.mp4", b"of an attempt that was killed")
        job.do("clean")
        self.assertEqual(self.s3.keys(BUCKET), left)
        left.remove("out/film.m3u8")
        self.s3.send("DELETE", f"/{BUCKET}/out/film.m3u8")
        job.do("clean")  # it may lie under another name
        self.assertEqual(self.s3.keys(BUCKET), left)
        self.s3.send("DELETE", f"/{BUCKET}/{folder}{names[2]}")
        job.do("clean")  # as after a job that was cancelled while it packaged
        self.assertEqual(self.s3.keys(BUCKET), ["in/film.mp4", folder + other, folder + "mine.txt"])

    def test_the_bucket_is_gone(self):
        """What cleans after it has nothing to do, and says so; what converts has nowhere to write."""
        job = self.job(work="s3://went-away/work/1")
        job.do("clean")
        self.assertEqual(job.run("plan")[0], 64)
        job = Job(self.folder, env={**roles(self.s3), "STEREO_WORK_SECRET_ACCESS_KEY": "wrong"},
                  source=self.source, output=self.output, work="s3://went-away/work/1")
        self.assertEqual(job.run("clean")[0], 64)

    def test_pieces(self):
        copy = {"seconds": 1.5, "mode": "Copy"}
        want, count = self.local(segment=copy)
        job = self.job(segment=copy)
        self.assertEqual(job.all(), count)
        self.assertTrue(self.s3.keys(BUCKET, "work/1/pieces/"))
        self.assertTrue(self.s3.get(BUCKET, "out/film.mp4") == want)

    def test_secrets_are_not_told(self):
        job = self.job()
        process = job.start("plan", STEREO_FP="plan.read=sleep(1)")
        process.wait()
        said = process.stdout.read()
        process.stdout.close()
        job.env["STEREO_WORK_SECRET_ACCESS_KEY"] = "wrong-secret-wrong-secret"
        code, message, more = job.run("convert")
        self.assertEqual(code, 64, message)
        for secret in (self.s3.secret, "wrong-secret"):
            self.assertNotIn(secret, said + more + json.dumps(message))

    def test_a_source_that_changes(self):
        job = self.job()
        job.do("plan")
        self.s3.put(BUCKET, "in/film.mp4", self.film.path.read_bytes() + b"x")
        code, message, _ = job.run("convert")
        self.assertEqual(code, 65)
        self.assertEqual(message["class"], "Input")
        self.assertIn(self.source, message["message"])

    def test_an_output_that_appears(self):
        job = self.job()
        job.convert()
        process = job.start("assemble", STEREO_FP="assemble.before_publish=sleep(3000)")
        end = time.monotonic() + 60
        while not self.s3.keys(BUCKET, "work/1/assemble.json") and time.monotonic() < end:
            time.sleep(0.05)
        self.s3.put(BUCKET, "out/film.mp4", b"somebody else's")
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 64, said)
        self.assertIn("output exists", said)
        self.assertEqual(self.s3.get(BUCKET, "out/film.mp4"), b"somebody else's")

    def test_a_store_that_lets_two_create(self):
        want, count = self.local()
        job = self.job()
        job.env["STEREO_FP"] = "store.no_condition=err"
        job.do("plan")
        self.assertTrue(json.loads(self.s3.get(BUCKET, "work/1/plan.json"))["storeRaces"])
        both = [job.start("convert", STEREO_ATTEMPT=attempt) for attempt in ("10", "9")]
        for process in both:
            said = process.communicate(timeout=120)[0]
            self.assertEqual(process.returncode, 0, said)
        records = [key for key in self.s3.keys(BUCKET, "work/1/segments/00000.") if key.endswith(".json")]
        self.assertEqual(sorted(records), [f"work/1/segments/00000.e0-a{attempt}.json" for attempt in ("10", "9")])
        self.assertIn("done already", job.run("convert", STEREO_ATTEMPT="11")[2])
        for index in range(1, count):
            job.do("convert", index)
        self.assertEqual(self.s3.keys(BUCKET, "work/1/segments/00001.json"), [])
        job.do("assemble")
        self.assertTrue(self.s3.get(BUCKET, "out/film.mp4") == want)
        job.do("clean")
        self.assertEqual(self.s3.keys(BUCKET, "work/"), [])

    def without_server(self, job, verb, index, point):
        """The server dies while the verb waits at a failpoint, and comes again when the verb needs it."""
        process = job.start(verb, index, STEREO_FP=f"{point}=sleep(1500)")
        time.sleep(1)
        self.server.tell("kill")
        time.sleep(1.5)
        self.assertIn(process.poll(), (None, UNAVAILABLE), f"{verb} did without the server")
        self.server.tell("start")
        said = process.communicate(timeout=120)[0]
        self.assertIn(process.returncode, (0, UNAVAILABLE), said)
        job.do(verb, index)

    def test_the_server_is_killed(self):
        """Whatever it was doing: the verb goes on, or ends as what is tried again; the film is the same."""
        want, count = self.local()
        job = self.job()
        self.without_server(job, "plan", 0, "plan.write.before")
        self.without_server(job, "convert", 0, "convert.encode.mid")
        for index in range(1, count):
            job.do("convert", index)
        self.without_server(job, "assemble", 0, "assemble.mid")
        got = self.s3.get(BUCKET, "out/film.mp4")
        self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(want).hexdigest())
        job.do("clean")
        self.assertEqual(self.s3.keys(BUCKET), ["in/film.mp4", "out/film.mp4"])
        self.assertEqual(self.s3.uploads(BUCKET), [])

    def loud(self):
        """A short film with so much sound that the output is an upload of many parts."""
        path = self.folder / "loud.mkv"
        noise = ["-f", "lavfi", "-i", "anoisesrc=r=192000:d=6"]
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(self.film.path), *noise, "-map", "0:v", "-map",
                        "1:a", "-map", "1:a", "-map", "1:a", "-c:v", "copy", "-c:a", "pcm_s16le", "-ac", "6",
                        str(path)], check=True)
        self.s3.put(BUCKET, "in/loud.mkv", path.read_bytes())
        return path, {"source": f"s3://{BUCKET}/in/loud.mkv", "output": f"s3://{BUCKET}/out/loud.mkv"}

    def test_an_upload_of_many_parts_and_a_kill_in_it(self):
        path, places = self.loud()
        job = self.job(**places)
        job.convert()
        process = job.start("assemble", STEREO_FP="store.part=sleep(1000)")
        end = time.monotonic() + 60
        while not self.s3.uploads(BUCKET) and time.monotonic() < end:
            time.sleep(0.02)
        process.terminate()
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 75, said)
        self.assertEqual(self.s3.uploads(BUCKET), [])  # told to stop, it tidies up
        process = job.start("assemble", STEREO_FP="store.part=kill@2")
        process.communicate(timeout=120)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        self.assertEqual(len(self.s3.uploads(BUCKET)), 1)
        self.assertIsNone(self.s3.get(BUCKET, "out/loud.mkv"))
        job.do("assemble")
        want, _ = self.local(path, ".mkv")
        got = self.s3.get(BUCKET, "out/loud.mkv")
        self.assertGreater(len(got), 24 << 20)
        self.assertEqual(hashlib.sha256(got).hexdigest(), hashlib.sha256(want).hexdigest())
        self.assertEqual(len(self.s3.uploads(BUCKET)), 1)  # the killed one's
        job.do("clean")
        self.assertEqual(self.s3.uploads(BUCKET), [])
        self.assertEqual(self.s3.keys(BUCKET, "work/"), [])


def media_spans(data):
    """[start, end) of the bytes in mdat boxes."""
    at, spans = 0, []
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at:at + 4], "big"), data[at + 4:at + 8]
        head = 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8:at + 16], "big"), 16
        if kind == b"mdat":
            spans.append((at + head, at + size))
        at += size
    return spans


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True


class Web(http.server.BaseHTTPRequestHandler):
    """Ranges of one film, with a redirection in front and an ETag that a test may change."""
    protocol_version = "HTTP/1.1"

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # noqa: N802
        at = self.server
        if self.path.startswith("/moved"):
            self.answer(302, {"location": "/film.mp4?signature=secret"})
            return
        if "signature=secret" not in self.path:
            self.answer(404, {})
            return
        if at.failures:
            self.answer(at.failures.pop(), {})
            return
        first, last = map(int, re.match(r"bytes=(\d+)-(\d+)", self.headers["range"]).groups())
        tag = self.headers.get("if-match")
        if at.etag and tag and tag != at.etag:
            self.answer(412, {})
            return
        body = at.film[first:last + 1]
        at.asked.append((first, first + len(body)))
        headers = {"content-range": f"bytes {first}-{first + len(body) - 1}/{len(at.film)}"}
        if at.etag:
            headers["etag"] = at.etag
        if at.ranges:
            self.answer(206, headers, body)
        else:
            self.answer(200, {}, at.film)

    def log_message(self, *_):
        pass


class WebTest(Case):
    def setUp(self):
        super().setUp()
        pem = self.folder / "ca.pem"
        made = subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                               "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                               str(self.folder / "key.pem"), "-out", str(pem)], stderr=subprocess.DEVNULL, check=False)
        if made.returncode:
            self.skipTest("no openssl")
        self.web = WebServer(("127.0.0.1", 0), Web)
        self.web.film, self.web.etag, self.web.asked = self.film.path.read_bytes(), '"v1"', []
        self.web.ranges, self.web.failures = True, []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, self.folder / "key.pem")
        self.web.socket = context.wrap_socket(self.web.socket, server_side=True)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        self.addCleanup(self.web.server_close)
        self.addCleanup(self.web.shutdown)
        self.top = f"https://localhost:{self.web.server_address[1]}"
        self.env = {"STEREO_CA_FILE": str(pem), "no_proxy": "localhost"}

    def job(self, path="/moved/film.mp4"):
        return Job(self.folder, self.top + path, self.folder / "out.mp4", self.folder / "work", env=self.env)

    def test_the_same_film(self):
        want, count = self.local()
        job = self.job()
        self.web.failures = [503, 500]
        job.do("plan")
        wrong = [span for span in self.web.asked for start, end in media_spans(self.web.film)
                 if span[0] < end and span[1] > start + 8]  # the head of a box may be followed by 8 bytes
        self.assertEqual([span for span in wrong if span != (0, 1)], [], "plan reads media")
        self.assertEqual(job.all(), count)
        self.assertEqual((self.folder / "out.mp4").read_bytes(), want)

    def test_without_etag(self):
        self.web.etag = None
        self.job("/film.mp4?signature=secret").do("plan")

    def test_what_is_refused(self):
        job = self.job("/film.mp4?signature=wrong")
        code, message, said = job.run("plan")
        self.assertEqual((code, message["class"]), (64, "Config"))
        self.assertIn("HTTP 404", message["message"])
        self.assertNotIn("signature", json.dumps(message) + said)
        self.web.ranges = False
        code, message, said = self.job().run("plan")
        self.assertEqual(code, 64)
        self.assertIn("ranges", message["message"])
        self.assertNotIn("secret", json.dumps(message) + said)

    def test_a_film_that_changes(self):
        job = self.job()
        job.do("plan")
        self.web.etag = '"v2"'
        code, message, _ = job.run("convert")
        self.assertEqual((code, message["class"]), (65, "Input"))

    def test_a_certificate_that_is_not_known(self):
        self.env.pop("STEREO_CA_FILE")
        code, message, _ = self.job().run("plan")
        self.assertEqual((code, message["class"]), (64, "Config"))


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad days that are more than one call (torture.py has those): a store that is down, slow or lies, a disk that is full
or read-only, a clock that jumps, a worker that stands still, no memory left. After each the film is the one of an
undisturbed run, at once or when the same command is given again.

    test_rows.py [--whole] [-k PATTERN]
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "media")]
import films  # noqa: E402
import torture  # noqa: E402


LONG = unittest.skipUnless("--whole" in sys.argv, "long: --whole")


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.film = films.film("h264-b", size="192x108", frames=16)

    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="stereo-rows-")
        self.addCleanup(holder.cleanup)
        self.top = pathlib.Path(holder.name)


class S3(torture.S3):
    film_uri = None

    def place(self, name):
        return self.film_uri if name == "in.mp4" and self.film_uri else super().place(name)


class StoreTest(Case):
    """Source, output and work on an S3 server that does as it is told (tests/s3/faulty)."""

    VERBS = (("s3-plan", 0), ("s3-convert", 0), ("s3-convert", 1), ("s3-assemble", 0))

    def setUp(self):
        super().setUp()
        services = torture.Services(self.top)
        self.addCleanup(services.close)
        self.s3 = services.client
        (self.top / "s3").mkdir()
        self.world = S3(self.top / "s3", self.film, {}, self.s3)

    def forget(self):
        """The server begins anew, with the film."""
        self.s3.send("PUT", "/_script")
        self.s3.put(torture.BUCKET, f"{self.world.name}/in.mp4", self.film.path.read_bytes())

    def script(self, lines):
        self.s3.send("POST", "/_script", body="\n".join(lines).encode())

    def run_all(self, verbs=VERBS):
        """The ends of the verbs, each begun again at most three times as an operator would."""
        ends = []
        for verb, index in verbs:
            for _ in range(4):
                ends.append(self.world.run(verb, index))
                if ends[-1].code == 0:
                    break
                self.assertIn(ends[-1].code, torture.RETRIED, ends[-1].text)
            self.assertEqual(ends[-1].code, 0, ends[-1].text)
        return ends

    def output(self):
        self.s3.send("DELETE", "/_script")  # what of it nobody asked for
        return self.s3.get(torture.BUCKET, f"{self.world.name}/out.mp4")

    def undisturbed(self):
        self.forget()
        self.run_all()
        want = self.output()
        self.forget()
        return want

    def costs_nothing(self, lines):
        """Under the script the film is the same, and no verb fails."""
        want = self.undisturbed()
        self.script(lines)
        ends = self.run_all()
        self.assertEqual(self.output(), want)
        self.assertEqual([end.code for end in ends], [0] * len(self.VERBS), [end.text for end in ends])

    def test_a_storm(self):
        storm = []
        for operation in ("GET", "HEAD", "LIST"):
            for fault in ("error 503 SlowDown", "error 500 InternalError", "silent", "error 429 TooManyRequests") * 2:
                storm += [f"{operation} {fault}", f"{operation} good"]
        for fault in ("error 503 SlowDown", "done-error 500 InternalError", "done-silent", "silent") * 2:
            storm += [f"PUT {fault}", "PUT good"]
        self.costs_nothing(storm)

    def test_answers_that_are_cut_or_too_long(self):
        self.costs_nothing(["GET half", "GET good", "GET silent", "GET good", "GET slow 1", "GET good"] * 4)

    def test_wrong_bytes_of_the_right_length(self):
        """In what we wrote, by assemble: checksums tell, another attempt reads it again. A film has no checksum of ours,
        so it is on this disk; what is wrong in one reads as a damaged film."""
        self.world.film_uri = str(self.film.path)
        want = self.undisturbed()
        self.run_all(self.VERBS[:-1])
        self.script(["GET good", "GET flip"] * 6)
        ends = self.run_all(self.VERBS[-1:])
        self.assertEqual(self.output(), want)
        self.assertGreater(len(ends), 1, "nothing was wrong")

    @LONG
    def test_a_slow_store(self):
        began = time.monotonic()
        self.costs_nothing(["GET slow 2", "PUT slow 2", "HEAD slow 2"] * 2)
        self.assertGreater(time.monotonic() - began, 4)


class DiskTest(Case):
    """A file system of its own, of few bytes or read-only. Needs the right to mount."""

    def mount(self, *options):
        place = self.top / "disk"
        place.mkdir(exist_ok=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "stereo-rows", str(place)],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            self.skipTest("cannot mount: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", str(place)], check=False)
        return place

    def cli(self, out, *more):
        return subprocess.run([torture.STEREO, "convert", str(self.film.path), str(out), "--preset", "ultrafast",
                               "--segment-seconds", str(self.film.frames / 50), *more], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=torture.SECONDS, check=False,
                              env={**os.environ, "STEREO_WORKER": torture.WORKER})

    def want(self):
        out = self.top / "undisturbed.mp4"
        done = self.cli(out)
        self.assertEqual(done.returncode, 0, done.stdout)
        return out.read_bytes()

    def test_a_disk_that_is_full_until_somebody_makes_room(self):
        want, disk = self.want(), self.mount("size=1m")
        out = disk / "film.mp4"
        block = disk / "ballast"
        for room in (0, 16, 48, 96):  # KiB
            with self.subTest(room=room):
                self.fill(block, room)
                done = self.cli(out)
                if done.returncode:
                    self.assertEqual(done.returncode, 73, done.stdout)
                    self.assertRegex(done.stdout, "No space left|no space")
                    self.assertFalse(out.exists())
                else:
                    self.assertEqual(out.read_bytes(), want)
                block.unlink()
                done = self.cli(out) if done.returncode else done
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertEqual(out.read_bytes(), want)
                self.assertEqual(list(disk.iterdir()), [out])
                out.unlink()

    def fill(self, block, room_kib):
        with open(block, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) > 0:
                    pass
            except OSError:
                pass
            file.truncate(max(0, file.tell() - room_kib * 1024))

    def test_a_read_only_disk(self):
        want, disk = self.want(), self.mount("size=4m")
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        out = disk / "film.mp4"
        done = self.cli(out)
        self.assertEqual(done.returncode, 64, done.stdout)
        self.assertIn("Read-only file system", done.stdout)
        self.assertIn(str(out.parent), done.stdout)
        # The work elsewhere: known before anything is converted.
        work = self.top / "work"
        done = self.cli(out, "--work-dir", str(work))
        self.assertEqual(done.returncode, 64, done.stdout)
        self.assertIn("Read-only file system", done.stdout)
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        done = self.cli(out, "--work-dir", str(work))
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(out.read_bytes(), want)

    def test_a_limit_on_the_size_of_files(self):
        """As ulimit -f: a signal by default, which nobody is to die of."""
        want, out = self.want(), self.top / "film.mp4"
        command = [torture.STEREO, "convert", str(self.film.path), str(out), "--preset", "ultrafast",
                   "--segment-seconds", str(self.film.frames / 50)]
        for limit in (1024, 8192):
            with self.subTest(limit=limit):
                done = subprocess.run(["prlimit", f"--fsize={limit}", *command], stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, timeout=torture.SECONDS, check=False,
                                      env={**os.environ, "STEREO_WORKER": torture.WORKER})
                self.assertEqual(done.returncode, 73, done.stdout)
                self.assertFalse(out.exists())
                done = self.cli(out)
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertEqual(out.read_bytes(), want)
                out.unlink()


class TimeTest(Case):
    def setUp(self):
        super().setUp()
        self.world = torture.Cli(self.top / "cli", self.film, {})
        self.world.prepare(["cli"])

    def test_the_clock_jumps(self):
        """A day forward or back in the middle of a run: the CLI's deadlines and backoffs go by another clock."""
        for seconds, after_ms in ((86400, 600), (-86400, 300)):
            with self.subTest(seconds=seconds, after=after_ms):
                self.world.restore("cli")
                began = time.monotonic()
                end = self.world.run("cli", TORTURE_CLOCK=f"{after_ms}:{seconds}")
                self.assertEqual(end.code, 0, end.text)
                self.assertLess(time.monotonic() - began, 60)
                self.assertEqual(self.world.state(), self.world.want["cli"])

    def test_a_workers_clock_jumps(self):
        """So does its node's: nothing is different, on a disk and on a server that counts how old requests are."""
        services = torture.Services(self.top)
        self.addCleanup(services.close)
        for place in ("", "s3-"):
            top = self.top / f"worker-{place}"
            top.mkdir()
            world = (S3(top, self.film, services.environment, services.client) if place else
                     torture.Folder(top, self.film, services.environment))
            world.prepare([place + verb for verb in ("plan", "convert", "assemble")])
            for verb in world.want:
                for seconds, after_ms in ((86400, 0), (86400, 150), (-86400, 150)):
                    with self.subTest(verb=verb, seconds=seconds, after=after_ms):
                        world.restore(verb)
                        end = world.run(verb, TORTURE_CLOCK=f"{after_ms}:{seconds}")
                        self.assertEqual(end.code, 0, end.text)
                        self.assertEqual(world.state(), world.want[verb])

    def test_a_worker_whose_clock_jumped_still_hears(self):
        """The order to stop is looked for at intervals: not at tomorrow's."""
        top = self.top / "worker"
        top.mkdir()
        world = torture.Folder(top, self.film, {})
        world.prepare(["plan", "convert"])
        world.restore("convert")
        command = [torture.WORKER, "convert"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={
            **world.environment(0), "LD_PRELOAD": torture.SHIM, "TORTURE_NAME": "stereo-worker",
            "TORTURE_CLOCK": "0:86400", "STEREO_FP": "convert.depth=sleep(1500)",
            "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        self.addCleanup(process.stdout.close)
        time.sleep(2.5)
        self.assertIsNone(process.poll(), "it is to be met at work")
        began = time.monotonic()
        process.terminate()
        text = process.communicate(timeout=torture.SECONDS)[0]
        self.assertLess(time.monotonic() - began, 4, text)
        self.assertIn("told to stop", text)

    def start(self, out, stall_s):
        """`stereo run` with workers that live long enough to be met."""
        manifest = self.top / "job.yaml"
        manifest.write_text("apiVersion: stereojob.io/v1\nkind: StereoJob\nmetadata: {name: film}\n"
                            f"spec:\n  source: {{uri: {self.film.path}}}\n  output: {{uri: {out}}}\n"
                            f"  encode: {{preset: ultrafast}}\n  segment: {{seconds: {self.film.frames / 50}}}\n"
                            f"  parallelism: 1\n  stallSeconds: {stall_s}\n", encoding="ascii")
        process = subprocess.Popen([torture.STEREO, "run", "-f", str(manifest)], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, env={
                                       **os.environ, "STEREO_WORKER": torture.WORKER,
                                       "STEREO_FP": "convert.decode.first=sleep(1500)"})
        self.addCleanup(process.stdout.close)
        return process

    def worker(self, process, verb):
        """The pid of a worker at that verb."""
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            for pid in pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                try:
                    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if words[1:2] == [verb.encode()]:
                    return int(pid)
            time.sleep(0.02)
        self.fail(f"no worker at {verb}: {process.communicate()[0]}")

    def test_a_worker_stands_still(self):
        """For ever, if it were not replaced after stallSeconds."""
        out = self.top / "film.mp4"
        process = self.start(out, 3)
        pid = self.worker(process, "convert")
        os.kill(pid, signal.SIGSTOP)
        text = process.communicate(timeout=torture.SECONDS)[0]
        self.assertEqual(process.returncode, 0, text)
        self.assertEqual(torture.digest(out.read_bytes()), self.world.whole)
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists(), "it was left standing")

    @LONG
    def test_all_stands_still_for_a_while(self):
        """As a machine that sleeps for longer than stallSeconds."""
        out = self.top / "film.mp4"
        process = self.start(out, 3)
        pid = self.worker(process, "convert")
        for each in (process.pid, pid):
            os.kill(each, signal.SIGSTOP)
        time.sleep(6)
        for each in (process.pid, pid):
            os.kill(each, signal.SIGCONT)
        text = process.communicate(timeout=torture.SECONDS)[0]
        self.assertEqual(process.returncode, 0, text)
        self.assertEqual(torture.digest(out.read_bytes()), self.world.whole)


if __name__ == "__main__":
    if "--whole" in sys.argv:
        sys.argv.remove("--whole")
    unittest.main(verbosity=2)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real `stereo convert` over films of every kind, cut everywhere, and killed at every step.

    test_convert.py [--short | --rest] [-k PATTERN]      STEREO, STEREO_WORKER, STEREO_MEDIA_TOOLS name the
                                                programs, else they are taken from build/
Every output goes through check.py. --short: a few films, no kills; --rest: what --short leaves out.
"""
import itertools
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402
import films  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHORT = "--short" in sys.argv
REST = "--rest" in sys.argv
long = unittest.skipIf(SHORT, "long")
short = unittest.skipIf(REST, "done with --short")
EVERY_CUT = bool(os.environ.get("STEREO_EVERY_CUT"))  # each film in 1, 2 and 7 segments
SECONDS = 600


def program(variable, pattern):
    named = os.environ.get(variable)
    found = [named] if named else sorted(ROOT.glob(pattern), key=os.path.getmtime, reverse=True)
    if not found:
        raise SystemExit(f"{variable} is not set and nothing is built ({pattern})")
    return str(found[0])


STEREO = program("STEREO", "build/*/cli/stereo")
WORKER = program("STEREO_WORKER", "build/*/worker/stereo-worker")


def environment(**more):
    return {**os.environ, "STEREO_WORKER": WORKER, **more}


def command(source, out, *args, segments=1, seconds=None):
    length = seconds if seconds else 36000
    if segments > 1:
        media = check.Media(source)
        times = media.frame_times()
        length = float(times[-1] - times[0]) / segments
    return [STEREO, "convert", str(source), str(out), "--segment-seconds",
            f"{max(length, 0.1):.3f}", *args]


def convert(source, out, *args, segments=1, **more):
    return subprocess.run(command(source, out, *args, segments=segments), env=environment(**more),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=SECONDS, check=False)


def pictures(path):
    """A hash of every decoded frame and its time."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:V:0",
                           "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f",
                           "framemd5", "-"], stdout=subprocess.PIPE, check=True, text=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def psnr(one, other):
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "info", "-i", str(one), "-i", str(other), "-lavfi", "psnr", "-f",
                           "null", "-"], stderr=subprocess.PIPE, check=True, text=True)
    return float(re.findall(r"PSNR.*average:(\S+)", done.stderr)[-1])


def children(pid, name):
    """Pids below pid whose program is name."""
    found, parents = [], {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        comm, _, rest = stat.partition("(")[2].rpartition(")")
        parents[int(entry.name)] = (int(rest.split()[1]), comm)
    for child, (parent, comm) in parents.items():
        while parent not in (0, pid):
            parent = parents.get(parent, (0, ""))[0]
        if parent == pid and comm == name[:15]:
            found.append(child)
    return found


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Case(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="stereo-convert-")
        self.folder = pathlib.Path(self.holder.name)

    def tearDown(self):
        self.holder.cleanup()

    def good(self, film, out, layout="full-sbs"):
        wrong = check.check(film.path, out, layout, film.numbers, seeks=10 if EVERY_CUT else 5,
                            retimed=film.retimed)
        self.assertEqual(wrong, [], f"{film.name} -> {out}")

    def succeeded(self, done, out):
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        last = done.stdout.strip().splitlines()[-1]
        self.assertTrue(last.startswith(str(out)), f"the last line names the output: {last}")

    def run_one(self, name, ext, segments, layout, *args, **changes):
        film = films.film(name, **changes)
        out = self.folder / f"{name}-{segments}-{'-'.join((layout, *args))}{ext}"
        with self.subTest(film=name, ext=ext, segments=segments, layout=layout):
            done = convert(film.path, out, "--layout", layout, *args, segments=segments)
            self.succeeded(done, out)
            self.good(film, out, layout)
            self.assertFalse((self.folder / f"{out.name}.stereojob").exists(), "work folder stays")


class FilmsTest(Case):
    """Every film, in one segment or several, in both containers."""

    @short
    def test_short_films(self):
        for name, segments, ext in (("h264-b", 7, ".mp4"), ("vfr", 3, ".mkv"),
                                    ("open-gop", 7, ".mp4"), ("tracks-mkv", 2, ".mp4"),
                                    ("turned-90", 2, ".mp4"), ("fields-mpeg2", 2, ".mp4"),
                                    ("h264-422-10", 3, ".mp4"), ("h264-avi", 2, ".mkv")):
            self.run_one(name, ext, segments, "full-sbs")
        for name, layout in (("h264-b", "anaglyph-dubois"), ("hevc10", "rgbd")):
            self.run_one(name, ".mp4", 2, layout)

    @long
    def test_all_layouts(self):
        for name, layout in itertools.product(("h264-b", "anamorphic", "hevc10"), check.LAYOUTS):
            self.run_one(name, ".mkv" if name == "anamorphic" else ".mp4", 2, layout, frames=60)

    @long
    def test_mov(self):
        self.run_one("mov-pcm", ".mov", 2, "full-sbs")
        self.run_one("tracks-mp4", ".mov", 2, "half-sbs")

    @long
    def test_pieces(self):
        for name in ("h264-b", "open-gop", "mpeg2-ts", "vfr", "one-key"):
            self.run_one(name, ".mp4", 3, "full-sbs", "--segment-mode", "copy")

    @long
    def test_views(self):
        for view in ("left", "right"):
            self.run_one("h264-b", ".mp4", 2, "full-sbs", "--synthetic-view", view)

    @long
    def test_x265(self):
        self.run_one("hdr10", ".mp4", 2, "full-sbs", "--codec", "libx265", "--preset",
                     "ultrafast")


@long
class EveryKindTest(Case):
    """Every kind of film there is; in two halves, for two cores."""

    def every(self, half):
        cuts = itertools.product(films.RECIPES, (1, 2, 7)) if EVERY_CUT else \
            zip(films.RECIPES, itertools.cycle((3, 1, 1, 3)))
        for i, (name, segments) in enumerate(cuts):
            ext = ".mkv" if i % 2 else ".mp4"
            if i // 2 % 2 == half:
                self.run_one(name, ext, segments, "full-sbs")

    def test_all_films_a(self):
        self.every(0)

    def test_all_films_b(self):
        self.every(1)


class CutsTest(Case):
    """The result must not depend on how the film was cut."""

    def same(self, name, *args, counts=(1, 7)):
        film, results = films.film(name), []
        for segments in counts:
            out = self.folder / f"{name}-{segments}.mp4"
            out.unlink(missing_ok=True)
            done = convert(film.path, out, "--codec", "libx264", "--crf", "0", "--preset",
                           "ultrafast", *args, segments=segments)
            self.succeeded(done, out)
            results.append(pictures(out))
        self.assertEqual(len(results[0]), film.frames)
        self.assertEqual(results[0], results[1], f"{name}: {counts} segments differ")
        return results[0]

    @short
    def test_one_and_seven_segments_are_equal(self):
        self.same("h264-b")

    @long
    def test_a_screen_that_follows_the_film(self):
        """Glides by a bounded window as well, over depth from the picture and from a film."""
        lies = self.same("h264-b", "--convergence", "auto")
        self.assertNotEqual(lies, self.same("h264-b", counts=(1, 1)))
        depth = f"video:{films.film('h264-b').path}"
        lies = self.same("h264-b", "--convergence", "auto", "--depth", depth)
        self.assertNotEqual(lies, self.same("h264-b", "--depth", depth, counts=(1, 1)))

    @long
    def test_open_gops_are_equal(self):
        for name in ("open-gop", "hevc-open", "one-key", "vfr"):
            with self.subTest(film=name):
                self.same(name)

    @long
    def test_fields_are_equal(self):
        """With depth from a film no frame is decoded for the depth's sake: a field's neighbours are
        there because plan asked for them."""
        for name in ("fields-h264", "fields-bottom"):
            with self.subTest(film=name):
                self.same(name, "--depth", f"video:{films.film(name).path}", counts=(1, 5))

    @long
    def test_depth_comes_back(self):
        """What --layout depth gives, --depth video: takes: the same views, but for the coding between."""
        film = films.film("h264-b")
        fine = ("--codec", "libx264", "--preset", "ultrafast", "--crf", "1")

        def made(name, *args):
            out = self.folder / name
            self.succeeded(convert(film.path, out, *fine, *args), out)
            return out

        depth = made("depth.mkv", "--layout", "depth")
        views = made("views.mkv", "--divergence", "5")
        again = made("again.mkv", "--divergence", "5", "--depth", f"video:{depth}")
        flat = made("flat.mkv", "--divergence", "0")
        self.assertGreater(psnr(views, again), 40)
        self.assertLess(psnr(views, flat), psnr(views, again) - 10)

    @long
    def test_depth_and_pieces_are_equal(self):
        self.same("h264-b", "--layout", "depth")
        self.same("open-gop", "--segment-mode", "copy")


class EyesTest(Case):
    """A film for each eye, in one run."""

    def eyes(self, name="film.mp4"):
        left = self.folder / name
        stem = left.stem[:-2] if left.stem.endswith("_L") else left.stem
        return left, left.with_name(f"{stem}_R{left.suffix}")

    def both_good(self, film, left, right):
        self.good(film, left, "left")
        self.good(film, right, "right")
        self.assertEqual(check.Media(left).frame_times(), check.Media(right).frame_times())
        self.assertFalse(pictures(left) == pictures(right), "both eyes show the same")

    def make(self, film, left, *args, segments=1, **more):
        done = convert(film.path, left, "--layout", "left-right", *args, segments=segments, **more)
        self.assertEqual(done.returncode, 0, done.stdout[-2000:] + done.stderr[-2000:])
        return done.stdout.strip().splitlines()[-1]

    @short
    def test_both_are_whole_films(self):
        film = films.film("tracks-mkv")
        left, right = self.eyes("film_L.mkv")
        said = self.make(film, left, segments=2)
        self.assertTrue(said.startswith(f"{left} and {right}: {film.width}x{film.height} left-right"), said)
        self.both_good(film, left, right)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["film_L.mkv", "film_R.mkv"])

    @long
    def test_each_is_what_its_own_layout_makes(self):
        """To the byte, whatever else is asked for: cuts, parts, pieces, HDR, one view made."""
        hevc = ("--codec", "libx265", "--preset", "ultrafast")
        for name, ext, segments, args in (
                ("tracks-mkv", ".mkv", 2, ("--from", "1", "--to", "2.5")),
                ("vfr", ".mov", 2, ("--max-fps", "12", "--convergence", "auto")),
                ("open-gop", ".mp4", 3, ("--segment-mode", "copy", "--synthetic-view", "right")),
                ("hdr10", ".mp4", 2, hevc)):
            with self.subTest(film=name, args=args):
                film = films.film(name, frames=75)
                left, right = self.eyes(f"{name}{ext}")
                self.make(film, left, *args, segments=segments)
                for eye, out in (("left", left), ("right", right)):
                    alone = self.folder / f"alone{ext}"
                    done = convert(film.path, alone, "--layout", eye, "--overwrite", *args, segments=segments)
                    self.succeeded(done, alone)
                    self.assertTrue(out.read_bytes() == alone.read_bytes(), f"{out.name} is not what {eye} makes")

    @long
    def test_one_and_seven_segments_are_equal(self):
        seen = []
        for segments in (1, 7):
            left, right = self.eyes(f"film-{segments}.mp4")
            self.make(films.film("h264-b"), left, "--crf", "0", "--preset", "ultrafast", segments=segments)
            seen.append((pictures(left), pictures(right)))
        self.assertEqual(len(seen[0][0]), films.film("h264-b").frames)
        self.assertEqual(seen[0], seen[1])

    def manifest(self, left, **output):
        path = self.folder / "job.yaml"
        path.write_text(json.dumps({
            "apiVersion": "stereojob.io/v1", "kind": "StereoJob", "metadata": {"name": "eyes"},
            "spec": {"source": {"uri": str(films.film("h264-b").path)}, "output": {"uri": str(left), **output},
                     "stereo": {"layout": "LeftRight"}, "segment": {"seconds": 2},
                     "backoffLimitPerIndex": 0}}), encoding="ascii")
        return path

    def run_manifest(self, path, **more):
        return subprocess.run([STEREO, "run", "-f", str(path)], env=environment(**more), capture_output=True,
                              text=True, timeout=SECONDS, check=False)

    @long
    def test_killed_between_the_two(self):
        """The right eye is published first: what stands at OUT says that both are there."""
        want_left, want_right = self.eyes("want.mp4")
        self.assertEqual(self.run_manifest(self.manifest(want_left)).returncode, 0)
        left, right = self.eyes()
        for over in (False, True):
            path = self.manifest(left, overwrite=over)
            if over:
                left.write_text("an old film", encoding="ascii")
                right.write_text("and its other eye", encoding="ascii")
            for passes in (1, 2):
                done = self.run_manifest(path, STEREO_FP=f"assemble.before_publish=kill@{passes}")
                if done.returncode == 0:
                    self.skipTest("this build has no failpoints")
                self.assertEqual(done.returncode, 70, done.stderr)
                self.assertEqual(left.read_text(encoding="ascii") if left.exists() else "", "an old film" if over else "")
            self.assertTrue(right.read_bytes() == want_right.read_bytes())
            seen = right.stat()
            done = self.run_manifest(path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertTrue(left.read_bytes() == want_left.read_bytes())
            self.assertTrue(right.read_bytes() == want_right.read_bytes())
            self.assertEqual((seen.st_ino, seen.st_mtime_ns), (right.stat().st_ino, right.stat().st_mtime_ns))
            self.assertEqual([path.name for path in self.folder.glob("*.stereojob")], [])
            left.unlink()
            right.unlink()

    @long
    def test_a_right_eye_that_comes_or_goes(self):
        """Between two attempts somebody puts a file in its place, or takes it away."""
        left, right = self.eyes()
        path = self.manifest(left)
        if self.run_manifest(path, STEREO_FP="assemble.before_publish=kill@2").returncode == 0:
            self.skipTest("this build has no failpoints")
        right.write_text("mine", encoding="ascii")
        done = self.run_manifest(path)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn(f"output exists: {right}; --overwrite", done.stderr)
        self.assertEqual((right.read_text(encoding="ascii"), left.exists()), ("mine", False))
        right.unlink()
        self.assertEqual(self.run_manifest(path).returncode, 0)
        self.both_good(films.film("h264-b"), left, right)

    @long
    def test_a_right_eye_that_exists(self):
        film, (left, right) = films.film("h264-b"), self.eyes()
        right.write_text("mine", encoding="ascii")
        done = convert(film.path, left, "--layout", "left-right")
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertIn(f"OUT: {right} exists; --overwrite", done.stderr)
        self.assertEqual([path.name for path in self.folder.iterdir()], [right.name])
        self.assertEqual(right.read_text(encoding="ascii"), "mine")
        done = convert(film.path, left, "--layout", "left-right", "--overwrite", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.both_good(film, left, right)
        output = json.loads(done.stdout.splitlines()[-1])["output"]
        self.assertEqual((output["uri"], output["rightUri"]), (str(left), str(right)))
        self.assertEqual((output["width"], output["height"]), (film.width, film.height))
        self.assertEqual(output["rightBytes"], right.stat().st_size)
        self.assertEqual(output["bytes"], left.stat().st_size + right.stat().st_size)
        done = convert(film.path, self.folder / "o.m3u8", "--layout", "left-right")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("OUT: layout left-right makes two films, which HLS", done.stderr)

    @long
    def test_one_of_two_is_gone(self):
        """A run that was kept is done while both are there; what is left of it is never replaced."""
        film, (left, right) = films.film("h264-b"), self.eyes()
        self.make(film, left, "--keep-work")
        seen = left.stat()
        self.make(film, left, "--keep-work")
        self.assertEqual(left.stat().st_mtime_ns, seen.st_mtime_ns)
        right.unlink()
        done = convert(film.path, left, "--layout", "left-right", "--keep-work")
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertIn(f"OUT: {left} exists", done.stderr)
        self.assertEqual(left.stat().st_mtime_ns, seen.st_mtime_ns)


class Killed(Case):
    """Ends of all kinds, and what stands after them."""

    @classmethod
    def setUpClass(cls):
        cls.film = films.film("h264-b", size="480x270", frames=240)
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "undisturbed.mp4"
            done = convert(cls.film.path, out, segments=6)
            assert done.returncode == 0, done.stderr
            cls.want = pictures(out)

    def start(self, out):
        return subprocess.Popen(command(self.film.path, out, "--parallelism", "2", segments=6),
                                env=environment(), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def finish(self, out):
        done = convert(self.film.path, out, "--parallelism", "2", segments=6)
        self.succeeded(done, out)
        self.assertEqual(pictures(out), self.want)
        self.good(self.film, out)
        left = [p.name for p in self.folder.iterdir() if p != out]
        self.assertEqual(left, [], "nothing else is left behind")

    def wait_for(self, what, test, running):
        end = time.monotonic() + 60
        while not test():
            if time.monotonic() > end or running.poll() is not None:
                self.fail(f"{what}: did not come")
            time.sleep(0.02)

    def committed(self, out):
        try:  # the folder goes away at the end, also while it is looked at
            names = os.listdir(self.folder / f"{out.name}.stereojob" / "segments")
        except OSError:
            return 0
        return sum(name.endswith(".json") for name in names)


@long
class KillsTest(Killed):
    """Killed at any moment and started again: the same film."""

    def kill_at(self, running, out, segments, more):
        """SIGKILL when so many segments are done, and a little later; False: it was finished."""
        while running.poll() is None and self.committed(out) < segments:
            time.sleep(0.01)
        time.sleep(more)
        finished = running.poll() is not None
        workers = children(running.pid, "stereo-worker")
        running.kill()
        running.communicate()
        time.sleep(0.5)
        self.assertEqual([pid for pid in workers if is_alive(pid)], [], "a worker lives on")
        # Its last act is to remove the work folder: what was killed after it had nothing left to do.
        over = out.exists() and not (self.folder / f"{out.name}.stereojob").exists()
        return not (finished or over)

    def test_the_cli_is_killed(self):
        draw = random.Random(5)
        for segments in (0, 1, 3, 5, 6):
            with self.subTest(segments=segments):
                out = self.folder / f"killed-{segments}.mp4"
                running = self.start(out)
                if self.kill_at(running, out, segments, draw.uniform(0, 0.3)):
                    self.finish(out)
                self.assertEqual(pictures(out), self.want)
                out.unlink()

    def test_the_cli_is_killed_again_and_again(self):
        out = self.folder / "often.mp4"
        killed = True
        for segments in (0, 1, 2, 3, 4, 5, 6):
            killed = self.kill_at(self.start(out), out, segments, 0.05)
            if not killed:
                break
        if killed:
            self.finish(out)
        self.assertEqual(pictures(out), self.want)


@long
class DeathsTest(Killed):
    """One of its parts dies, or its user stops it."""

    def test_what_is_done_is_not_done_again(self):
        out = self.folder / "kept.mp4"
        running = self.start(out)
        self.wait_for("two segments", lambda: self.committed(out) >= 2, running)
        running.kill()
        running.communicate()
        records = {p: p.stat().st_mtime_ns for p in
                   (self.folder / f"{out.name}.stereojob").glob("**/segments/*.json")}
        again = subprocess.Popen(command(self.film.path, out, "--keep-work", segments=6),
                                 env=environment(), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True)
        text = again.communicate(timeout=SECONDS)[0]
        self.assertEqual(again.returncode, 0, text)
        for path, when in records.items():
            self.assertEqual(path.stat().st_mtime_ns, when, f"{path.name} was written again")
        self.assertEqual(pictures(out), self.want)

    def test_workers_are_killed(self):
        out = self.folder / "workers.mp4"
        running = self.start(out)
        killed = 0
        # Not `stereo-worker --version`, which comes before the first pod.
        logs = self.folder / f"{out.name}.stereojob" / "logs"
        self.wait_for("a pod", lambda: logs.is_dir() and os.listdir(logs), running)
        for _ in range(3):
            self.wait_for("a worker", lambda: children(running.pid, "stereo-worker"), running)
            time.sleep(0.3)
            for pid in children(running.pid, "stereo-worker")[:1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed += 1
                except ProcessLookupError:
                    pass
        text = running.communicate(timeout=SECONDS)[0]
        self.assertEqual(running.returncode, 0, text)
        self.assertGreater(killed, 0)
        self.assertEqual(pictures(out), self.want)
        self.good(self.film, out)

    def test_redis_is_killed(self):
        out = self.folder / "redis.mp4"
        running = self.start(out)
        self.wait_for("redis", lambda: children(running.pid, "redis-server"), running)
        self.wait_for("a segment", lambda: self.committed(out) >= 1, running)
        for pid in children(running.pid, "redis-server"):
            os.kill(pid, signal.SIGKILL)
        text = running.communicate(timeout=SECONDS)[0]
        self.assertEqual(running.returncode, 0, text)
        self.assertEqual(pictures(out), self.want)

    def test_ctrl_c(self):
        out = self.folder / "stopped.mp4"
        running = self.start(out)
        self.wait_for("a segment", lambda: self.committed(out) >= 1, running)
        running.send_signal(signal.SIGINT)
        text = running.communicate(timeout=60)[0]
        self.assertEqual(running.returncode, 75, text)
        self.assertFalse(out.exists())
        self.finish(out)

    def run_once(self, out, **more):
        """By a manifest that allows no second attempt."""
        options = command(self.film.path, out, segments=6)
        seconds = options[options.index("--segment-seconds") + 1]
        manifest = self.folder / "job.yaml"
        manifest.write_text("apiVersion: stereojob.io/v1\nkind: StereoJob\n"
                            "metadata: {name: point}\n"
                            f"spec:\n  source: {{uri: {self.film.path}}}\n"
                            f"  output: {{uri: {out}}}\n  segment: {{seconds: {seconds}}}\n"
                            "  backoffLimitPerIndex: 0\n", encoding="ascii")
        done = subprocess.run([STEREO, "run", "-f", str(manifest)], env=environment(**more),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=SECONDS, check=False)
        manifest.unlink()
        return done

    def fails_at(self, point, what):
        """The worker dies at a named place, each time it comes there; then no more."""
        out = self.folder / "point.mp4"
        done = self.run_once(out, STEREO_FP=f"{point}={what}")
        if done.returncode == 0:
            self.skipTest("this build has no failpoints")
        self.assertIn(done.returncode, (69, 70, 75), done.stderr)
        self.finish(out)
        out.unlink()

    def test_assembly_dies_everywhere(self):
        for point in ("assemble.start", "assemble.mid", "assemble.before_publish",
                      "assemble.after_publish"):
            with self.subTest(point=point):
                self.fails_at(point, "kill")


class AnswersTest(Case):
    """Exit codes, and what is never touched."""

    def test_wrong_option(self):
        film = films.film("h264-b")
        done = convert(film.path, self.folder / "o.mp4", "--layuot", "full-sbs")
        self.assertEqual(done.returncode, 64)
        self.assertIn("--layout", done.stderr)

    def test_options_are_named_as_options(self):
        film = films.film("h264-b")
        for wrong, wanted in ((["--from", "5", "--to", "3", "--crf", "99", "--divergence", "11"],
                               ["--to: must be after --from", "--crf: must", "--divergence: must"]),
                              (["--preset", "bogus"], ["stereo: error: --preset: 'bogus' is not"]),
                              (["--from", "50"], ["stereo: error: --from: 50 s is behind"])):
            done = convert(film.path, self.folder / "o.mp4", *wrong)
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), len(wanted), done.stderr)
            for words in wanted:
                self.assertIn(words, done.stderr)
            self.assertNotIn("spec.", done.stderr)

    def test_json_lines(self):
        film = films.film("h264-b")
        out = self.folder / "o.mp4"
        done = convert(film.path, out, "--json", segments=2)
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual((events[0]["event"], events[-1]["event"]), ("started", "ended"))
        self.assertEqual({event["event"] for event in events[1:-1]}, {"progress"})
        self.assertEqual(events[-1]["phase"], "Completed")
        self.assertEqual(events[-1]["output"], {
            "uri": str(out), "width": 2 * film.width, "height": film.height, "frames": film.frames,
            "damagedFrames": 0, "scaledFrames": 0,
            "durationMs": film.frames * 40, "bytes": out.stat().st_size})

    def test_pictures_of_another_size_are_told_of(self):
        out = self.folder / "o.mp4"
        done = convert(films.film("resized-ts").path, out, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        notes = [event["message"] for event in events if event["event"] == "note"]
        self.assertRegex(" ".join(notes), r"48 of 96 frames have another size in .*were scaled")
        self.assertEqual(events[-1]["output"]["scaledFrames"], 48)

    def test_not_a_film(self):
        path = self.folder / "notes.mp4"
        path.write_text("this is no film\n" * 1000, encoding="ascii")
        done = subprocess.run([STEREO, "convert", str(path), str(self.folder / "o.mp4")],
                              env=environment(), capture_output=True, text=True, check=False,
                              timeout=SECONDS)
        self.assertEqual(done.returncode, 65, done.stdout + done.stderr)
        self.assertFalse((self.folder / "o.mp4").exists())

    def test_an_output_that_exists(self):
        film = films.film("h264-b")
        out = self.folder / "mine.mp4"
        out.write_text("mine", encoding="ascii")
        done = convert(film.path, out)
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertRegex(done.stdout + done.stderr, re.escape("--overwrite"))
        self.assertEqual(out.read_text(encoding="ascii"), "mine")
        done = convert(film.path, out, "--overwrite")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.good(film, out)


if __name__ == "__main__":
    sys.argv = [arg for arg in sys.argv if arg not in ("--short", "--rest")]
    unittest.main()

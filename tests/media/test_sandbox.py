#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Films that want more than to be read: canaries beside the real programs, and the child looked at from outside.

    test_sandbox.py [-k PATTERN]      STEREO and STEREO_WORKER name the programs, else they are taken from build/
"""
import ctypes
import os
import pathlib
import platform
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 120
IN_OPEN = 0x20
INPUT = 65


def program(variable, pattern):
    named = os.environ.get(variable)
    found = [named] if named else sorted(ROOT.glob(pattern), key=os.path.getmtime, reverse=True)
    if not found:
        raise SystemExit(f"{variable} is not set and nothing is built ({pattern})")
    return str(found[0])


STEREO = program("STEREO", "build/*/cli/stereo")
WORKER = program("STEREO_WORKER", "build/*/worker/stereo-worker")


def run(*args, **more):
    return subprocess.run([STEREO, *map(str, args)], env={**os.environ, "STEREO_WORKER": WORKER, **more},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, args)], check=True)


def film(path, seconds=1, *more):
    ffmpeg("-f", "lavfi", "-i", f"testsrc2=size=64x48:rate=25:duration={seconds}", "-f", "lavfi", "-i",
           f"sine=duration={seconds}", "-c:v", "libx264", "-g", "10", "-c:a", "aac", *more, path)
    return path


class Canaries:
    """A file and a listener that say whether anybody came."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        self.file = film(self.folder / "canary.mp4")
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.watch = self.libc.inotify_init()
        if self.libc.inotify_add_watch(self.watch, os.fsencode(self.folder), IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def rang(self):
        """What happened since the last time."""
        seen = []
        while select.select([self.watch], [], [], 0)[0]:
            os.read(self.watch, 4096)
            seen.append("opened")
        while select.select([self.listener], [], [], 0)[0]:
            self.listener.accept()[0].close()
            seen.append("called")
        return seen

    def close(self):
        os.close(self.watch)
        self.listener.close()


def box(kind, payload):
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def map_boxes(data, inside, change):
    """data with change(payload) of every box of kind inside, wherever it is."""
    out, at = b"", 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        size = size or len(data) - at
        payload = data[at + 8:at + size]
        if kind == inside:
            payload = change(payload)
        elif kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf"):
            payload = map_boxes(payload, inside, change)
        out += box(kind, payload)
        at += size
    return out


def alias_to(path):
    """A dref whose only entry is an alias record of an absolute path."""
    name = path.name.encode()[:63].ljust(63, b"\0")
    text = os.fsencode(path)
    record = (b"\0" * 4 + b"\0" * 10 + bytes([6]) + b"volume".ljust(27, b"\0") + b"\0" * 12 + bytes([len(path.name)]) +
              name + b"\0" * 16 + struct.pack(">hh", 1, 1) + b"\0" * 16 +
              struct.pack(">hH", 2, len(text)) + text + b"\0" * (len(text) % 2) + struct.pack(">hH", -1, 0))
    return b"\0\0\0\0" + struct.pack(">I", 1) + box(b"alis", record)


def ebml(ident, payload):
    return ident + bytes([0x10 | len(payload) >> 24 & 0xf, len(payload) >> 16 & 255, len(payload) >> 8 & 255,
                          len(payload) & 255]) + payload


def next_segment(data, text):
    """A Matroska film with a second Info, in the place of padding: the film goes on in another file."""
    info = ebml(b"\x15\x49\xa9\x66", ebml(b"\x3e\x83\xbb", text) + ebml(b"\x3c\x83\xab", text))
    for match in re.finditer(rb"\xec\x01\0\0\0\0\0(..)", data, re.S):
        room = int.from_bytes(match.group(1), "big") + 9
        if room >= len(info) + 9:
            rest = b"\xec\x01" + (room - len(info) - 9).to_bytes(7, "big")
            return data[:match.start()] + info + rest + data[match.start() + len(info) + 9:]
    raise AssertionError("no room in this film")


def kernel_without(call):
    """For preexec_fn: from here on that system call is one that the kernel does not know (ENOSYS)."""
    code = b"".join(struct.pack("HBBI", *row) for row in (
        (0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7fff0000)))
    held = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(held)))
    libc = ctypes.CDLL(None)

    def apply(_=held):
        if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program):
            raise OSError("no filter")
    return apply


class Case(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="stereo-sandbox-")
        self.folder = pathlib.Path(self.holder.name)

    def tearDown(self):
        self.holder.cleanup()


class CanaryTest(Case):
    """Films that name other files and hosts."""

    def setUp(self):
        super().setUp()
        self.canaries = Canaries(self.folder / "canary")

    def tearDown(self):
        self.canaries.close()
        super().tearDown()

    def test_the_canaries_sing(self):
        self.assertEqual(self.canaries.rang(), [])
        self.canaries.file.read_bytes()
        socket.create_connection(("127.0.0.1", self.canaries.port)).close()
        self.assertEqual(sorted(set(self.canaries.rang())), ["called", "opened"])

    def texts(self):
        file, url = self.canaries.file, f"http://127.0.0.1:{self.canaries.port}/x.ts"
        return {
            "concat.txt": f"ffconcat version 1.0\nfile '{file}'\n",
            "concat.mp4": f"ffconcat version 1.0\nfile '{file}'\n",
            "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{url}\n#EXTINF:5,\n{file}\n#EXT-X-ENDLIST\n",
            "list.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile://{file}\n#EXT-X-ENDLIST\n",
            "show.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
                        '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
                        f"<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>",
            "call.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                        f"m=video {self.canaries.port} RTP/AVP 96\na=rtpmap:96 H264/90000\n",
            "ask.smil": f'<smil><body><video src="{url}"/></body></smil>',
            "rtsp.mov": f"RTSPtextrtsp://127.0.0.1:{self.canaries.port}/x\n",
        }

    def test_texts_are_no_films(self):
        for name, text in self.texts().items():
            path = self.folder / name
            path.write_text(text)
            with self.subTest(name=name):
                run("probe", path, STEREO_SANDBOX="off")  # our own guards hold by themselves
                done = run("probe", path)
                self.assertEqual(done.returncode, INPUT, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("not a film", done.stderr)
                self.assertEqual(self.canaries.rang(), [])
        done = run("convert", self.folder / "list.m3u8", self.folder / "out.mp4")
        self.assertEqual(done.returncode, INPUT, done.stderr)
        self.assertEqual(self.canaries.rang(), [])

    def convert_all(self, *paths):
        for path in paths:
            for sandbox in ("off", "auto"):
                with self.subTest(film=path.name, sandbox=sandbox):
                    out = self.folder / f"{sandbox}-{path.stem}.mp4"
                    run("convert", path, out, STEREO_SANDBOX=sandbox)
                    self.assertEqual(self.canaries.rang(), [])

    def test_films_that_go_on_elsewhere(self):
        plain, linked = film(self.folder / "plain.mov"), self.folder / "dref.mov"
        linked.write_bytes(map_boxes(plain.read_bytes(), b"dref", lambda _: alias_to(self.canaries.file)))
        self.assertIn(b"alis", linked.read_bytes())
        matroska, chained = film(self.folder / "plain.mkv", 1, "-reserve_index_space", 2000), self.folder / "chained.mkv"
        chained.write_bytes(next_segment(matroska.read_bytes(), os.fsencode(self.canaries.file)))
        self.convert_all(linked, chained)


class ChildTest(Case):
    """The process that decodes, from outside and at its end."""

    def has_failpoints(self):
        return run("probe", film(self.folder / "tiny.mkv"), STEREO_FP="film.open.crash=err").returncode != 0

    def test_it_makes_no_difference(self):
        source, outs = film(self.folder / "film.mkv", 3), {}
        for sandbox in ("off", "required"):
            outs[sandbox] = self.folder / f"{sandbox}.mp4"
            done = run("convert", source, outs[sandbox], "--segment-seconds", 1, STEREO_SANDBOX=sandbox)
            if sandbox == "required" and "this kernel gives" in done.stderr:
                self.skipTest(done.stderr)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(outs["off"].read_bytes(), outs["required"].read_bytes())
        refused = run("probe", source, STEREO_SANDBOX="maybe")
        self.assertEqual(refused.returncode, 64, refused.stderr)

    def test_probe_says_what_it_lives_in(self):
        source = film(self.folder / "film.mp4")
        self.assertRegex(run("probe", source).stdout, r"(?m)^sandbox: .*seccomp.*landlock.*limits")
        self.assertIn("without a sandbox", run("probe", source, STEREO_SANDBOX="off").stderr)

    @unittest.skipUnless(platform.machine() in ("x86_64", "aarch64"), "other numbers of calls")
    def test_a_kernel_that_lacks_something(self):
        source = film(self.folder / "film.mp4")
        for word, call in (("no landlock", 444), ("no seccomp", 317 if platform.machine() == "x86_64" else 277)):
            for mode, code in (("auto", 0), ("required", 64)):
                with self.subTest(word=word, mode=mode):
                    done = subprocess.run([STEREO, "probe", source], capture_output=True, text=True, check=False,
                                          env={**os.environ, "STEREO_WORKER": WORKER, "STEREO_SANDBOX": mode},
                                          timeout=SECONDS, preexec_fn=kernel_without(call))
                    self.assertEqual(done.returncode, code, done.stderr)
                    self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                    self.assertRegex(done.stderr, "this kernel gives .*" + word)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "needs root and setpriv")
    def test_a_user_without_rights(self):
        source = film(self.folder / "film.mkv")
        self.folder.chmod(0o755)
        worker = shutil.copy(WORKER, self.folder / "worker")
        done = subprocess.run(["setpriv", "--reuid", "65532", "--regid", "65532", "--clear-groups", "--no-new-privs",
                               "--bounding-set", "-all", "--inh-caps", "-all", worker, "probe", source],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              env={"STEREO_SANDBOX": "required"}, timeout=SECONDS)
        if "this kernel gives" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_crash_is_the_films(self):
        if not self.has_failpoints():
            self.skipTest("a build without failpoints")
        source = film(self.folder / "film.mp4")
        for point, word in (("film.decode.crash=err@5", "SIGSEGV"), ("film.decode.socket=err@5", "SIGSYS"),
                            ("film.open.crash=err", "SIGSEGV")):
            out = self.folder / "out.mp4"
            with self.subTest(point=point):
                done = run("convert", source, out, STEREO_FP=point)
                self.assertEqual(done.returncode, INPUT, done.stderr)
                self.assertIn(word, done.stderr)
                self.assertRegex(done.stderr, "(IN|spec.source.uri|%s): its? " % re.escape(str(source)))  # which film
                self.assertFalse(out.exists())
                again = [log.name for log in self.folder.glob("out.mp4.stereojob/logs/*") if "-a0" not in log.name]
                self.assertEqual(again, [], "it was tried again")
            shutil.rmtree(self.folder / "out.mp4.stereojob", ignore_errors=True)

    def test_texts_are_read_in_there(self):
        if not self.has_failpoints():
            self.skipTest("a build without failpoints")
        words, out = self.folder / "words.srt", self.folder / "out.mp4"
        words.write_text("1\n00:00:00,100 --> 00:00:00,900\nHello\n")
        source = self.folder / "film.mkv"
        ffmpeg("-i", film(self.folder / "plain.mkv"), "-i", words, "-c", "copy", source)
        for sandbox, code in (("auto", INPUT), ("off", 0)):
            with self.subTest(sandbox=sandbox):
                done = run("convert", source, out, STEREO_FP="film.text.socket=err", STEREO_SANDBOX=sandbox)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertEqual("SIGSYS" in done.stderr, code == INPUT, done.stderr)
                self.assertEqual(out.exists(), code == 0)
            shutil.rmtree(self.folder / "out.mp4.stereojob", ignore_errors=True)

    def child_of(self, name, pid):
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text().strip() == name and \
                        int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    return entry
            except OSError:
                continue
        return None

    def test_from_outside(self):
        if not self.has_failpoints():
            self.skipTest("a build without failpoints")
        source = film(self.folder / "film.ts")
        with subprocess.Popen([WORKER, "probe", source], stdout=subprocess.DEVNULL,
                              env={**os.environ, "STEREO_FP": "film.decode.crash=sleep(3000)",
                                   "AWS_SECRET_ACCESS_KEY": "canary-secret"}) as worker:
            until, child = time.monotonic() + 30, None
            while time.monotonic() < until and not child:
                child = self.child_of("stereo-film", worker.pid)
            self.assertTrue(child, "no child")
            status = (child / "status").read_text()
            while time.monotonic() < until and "Seccomp:\t2" not in status:
                status = (child / "status").read_text()
            self.assertIn("Seccomp:\t2", status)
            self.assertIn("NoNewPrivs:\t1", status)
            if os.geteuid() == 0:
                names = (child / "environ").read_bytes()
                self.assertNotIn(b"canary-secret", names)
                fds = [os.readlink(fd) for fd in (child / "fd").iterdir()]
                self.assertFalse([fd for fd in fds if not re.match(r"/dev/null|socket:|/memfd:|pipe:|/", fd)], fds)
                self.assertFalse([fd for fd in fds if str(source) in fd], "the film is the parent's to open")
            worker.kill()
            worker.wait()
            while time.monotonic() < until and (child / "exe").is_symlink() and \
                    " Z " not in (child / "stat").read_text():
                time.sleep(0.05)
            self.assertLess(time.monotonic(), until, "it outlives its parent")

    def coreless(self, entry):
        try:
            return {(entry / "comm").read_text().strip()} if self.may_not_dump(entry.name) else set()
        except OSError:
            return set()

    def may_not_dump(self, pid):
        """Its limit of a core's size is 0, for it and what it starts."""
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        return re.search(r"Max core file size +0 +0 ", limits) is not None

    def dumps_core(self, *args, **more):
        """Whether a program that is told to quit leaves its memory in a file. Sanitizers would forbid it themselves."""
        def allow():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        env = {**os.environ, "ASAN_OPTIONS": "disable_coredump=0:detect_leaks=0", **more}
        with subprocess.Popen([*map(str, args)], stdout=subprocess.DEVNULL, cwd=self.folder, env=env,
                              preexec_fn=allow) as process:
            until = time.monotonic() + 30
            while args[0] == STEREO and time.monotonic() < until and not self.may_not_dump(process.pid):
                time.sleep(0.01)
            while args[0] == WORKER and time.monotonic() < until and not self.child_of("stereo-film", process.pid):
                time.sleep(0.01)
            time.sleep(0.2)
            process.send_signal(signal.SIGQUIT)
            _, status = os.waitpid(process.pid, 0)
            process.returncode = 0
        self.assertTrue(os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGQUIT, status)
        return os.WCOREDUMP(status)

    def test_its_keys_are_in_no_core(self):
        if not self.has_failpoints():
            self.skipTest("a build without failpoints")
        try:
            if not self.dumps_core("sleep", 30):
                self.skipTest("nothing leaves a core here")
        except (subprocess.SubprocessError, ValueError):
            self.skipTest("cores may not be asked for here")
        source = film(self.folder / "film.ts")
        self.assertFalse(self.dumps_core(WORKER, "probe", source, STEREO_FP="film.decode.crash=sleep(3000)",
                                         AWS_SECRET_ACCESS_KEY="canary-secret"))
        self.assertFalse(self.dumps_core(STEREO, "convert", source, self.folder / "out.mp4", STEREO_FP="film.decode.crash=sleep(3000)",
                                         STEREO_WORKER=WORKER, AWS_SECRET_ACCESS_KEY="canary-secret"))

    def test_none_may_leave_a_core(self):
        """As above where nothing leaves a core anyway: what the kernel would be told."""
        if not self.has_failpoints():
            self.skipTest("a build without failpoints")
        source = film(self.folder / "film.ts")
        wanted = {"stereo", "stereo-worker", "stereo-film"}
        with subprocess.Popen([STEREO, "convert", source, self.folder / "out.mp4"], stdout=subprocess.DEVNULL,
                              start_new_session=True,
                              env={**os.environ, "STEREO_FP": "film.decode.crash=sleep(20000)",
                                   "STEREO_WORKER": WORKER}) as process:
            until, seen = time.monotonic() + 30, set()
            while time.monotonic() < until and not wanted <= seen:
                for entry in pathlib.Path("/proc").iterdir():
                    if entry.name.isdigit() and self.session_of(entry) == process.pid:
                        seen |= self.coreless(entry)
                time.sleep(0.05)
            os.killpg(process.pid, signal.SIGKILL)
        self.assertLessEqual(wanted, seen)

    @staticmethod
    def session_of(entry):
        try:
            return int((entry / "stat").read_text().rpartition(")")[2].split()[3])
        except OSError:
            return 0


if __name__ == "__main__":
    unittest.main()

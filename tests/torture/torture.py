#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each worker verb and `stereo convert` while the k-th call of one kind fails, or the program is killed (torture.c).

    torture.py                  a sample: one k of every kind and fault for every verb
    torture.py --kills          killed at the failpoints of POINTS, and at a sample of the calls that change the disk
    torture.py [--kills] --whole    every k (TORTURE_SECONDS: at most so long, then drawn k for so long)
    torture.py VERB:KIND:K:WHAT [...]      these trials, with what the program said and who called

What must hold: no crash (but for the abort of common/mem.h, "out of memory", and of libraries without memory), no report of a sanitizer, an
exit code that allows another attempt with a line that says why, nothing but the whole film at the output, and
the same command without the fault ends with the files of an undisturbed run. A call that was interrupted or
did less than asked is no fault at all: then the first run succeeds.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import queue
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "media"), str(HERE.parent / "s3")]
import client  # noqa: E402
import films  # noqa: E402

STEREO, WORKER, SHIM = (os.environ[name] for name in ("STEREO", "STEREO_WORKER", "STEREO_TORTURE"))
UID = "6f1c9d3e-0000-4000-8000-000000000000"
SEED = 7
SECONDS = 120  # a single run
BUCKET = "films"
RETRIED = {69, 70, 71, 73, 75}  # common/contract/class.h
SANITIZER = 99
LIB_SURE = 150  # allocations of libraries, before there are threads and pictures
SHORTAGE = "out of memory"
LEAK = "LeakSanitizer: detected"

# What each kind of call may answer. The rest of an attempt must go well with those that are no faults.
NO_FAULT = ("EINTR", "short")
KINDS = {
    "own": ("ENOMEM", "ENOMEM+"), "lib": ("ENOMEM",), "open": ("EMFILE", "EIO"), "read": ("EIO", "EINTR", "short"),
    "write": ("ENOSPC", "EIO", "ENOSPC+", "EINTR", "short"), "sync": ("EIO",), "name": ("EIO", "ENOSPC"),
    "net": ("ECONNRESET", "ENETDOWN+", "short"), "map": ("ENOMEM",), "thread": ("EAGAIN",),
}
KILLS = {kind: ("kill",) for kind in ("write", "sync", "name", "net")}
# Where a worker may die, with the k-th pass. A film is read in ranges, so there is no download; nothing is locked,
# so there is what only the first writes. (The film itself is read by a child, which may kill nobody.) An upload of many parts: tests/worker/store/test_films.py.
STEPS = (
    ("start", "convert.start", 1), ("lock", "convert.facts.after", 1), ("download", "store.read", 1),
    ("probe", "convert.probe", 1), ("first decode", "convert.decode.first", 1), ("mid-inference", "convert.depth", 4),
    ("mid-encode", "convert.encode.mid", 1), ("trailer", "convert.trailer", 1), ("upload", "s3:store.put.before", 1),
    ("before Complete", "convert.commit.before", 1), ("after Complete", "convert.commit.after", 1),
    ("after Complete", "s3:store.put.after", 1), ("after commit", "convert.record.after", 1),
    ("after commit, before Redis", "report.before", 1), ("after Redis", "report.after", 1),
)
REPORTED = (("report.before", 1), ("report.after", 1))
STORED = (("store.put.before", 1), ("store.put.after", 1))
POINTS = {
    "convert": [(name, k) for _, name, k in STEPS if not name.startswith("s3:")],
    "s3-convert": [(name.removeprefix("s3:"), k) for _, name, k in STEPS if name != "store.read"],
    "plan": [("plan.start", 1), ("store.read", 1), ("plan.write.before", 1), ("plan.write.after", 1), *REPORTED],
    "s3-plan": [("plan.write.before", 1), ("plan.write.after", 1), *REPORTED],
    "assemble": [("assemble.start", 1), ("store.read", 3), ("assemble.mid", 1), ("assemble.before_publish", 1),
                 ("assemble.after_publish", 1), *REPORTED],
    "s3-assemble": [("assemble.mid", 1), ("assemble.before_publish", 1), ("assemble.after_publish", 1), *STORED,
                    *REPORTED],
    "clean": [("clean.start", 1), ("clean.mid", 1), ("clean.end", 1), *REPORTED],
    "cli": [("local.save.before", 1), ("local.save.after", 1), ("local.save.before", 3), ("local.save.after", 5),
            ("local.child", 1), ("local.child", 2), ("local.child", 4), ("cli.sweep", 1), ("cli.sweep", 3)],
}
VERBS = ("plan", "convert", "assemble", "clean")
PLACES = {"": VERBS, "s3-": VERBS[:3], "cli": ("cli",)}  # a verb's name begins with where the work is
S3_KINDS = ("own", "net", "read", "write", "thread", "open")


@dataclass(frozen=True)
class Trial:
    verb: str
    kind: str
    number: int
    what: str

    def __str__(self):
        return f"{self.verb}:{self.kind}:{self.number}:{self.what}"


@dataclass
class End:
    code: int
    text: str
    message: dict


def digest(data):
    return hashlib.sha256(data).hexdigest()


def outcome(name, data):
    """What must be the same: a record without the time it took, anything else to the byte."""
    if name.endswith(".json"):
        try:
            document = json.loads(data)
        except ValueError:
            return "broken: " + digest(data)
        for field in ("wallMs", "mac"):
            document.pop(field, None)
        document.get("source", {}).pop("mtimeNs", None)  # the S3 server's is the time of the answer
        return json.dumps(document, sort_keys=True)
    return digest(data)


class Folder:
    """A job of the worker's with everything in one folder of this machine."""
    PREFIX = ""

    def __init__(self, top, film, services):
        self.top, self.film, self.services = top, film, services
        self.world, self.message = top / "world", top / "message"
        self.saved, self.want, self.counts, self.whole = {}, {}, {}, ""
        self.world.mkdir(parents=True)
        shutil.copy(film.path, self.world / "in.mp4")

    def place(self, name):
        return str(self.world / name)

    def environment(self, index):
        spec = {"source": {"uri": self.place("in.mp4")}, "output": {"uri": self.place("out.mp4")},
                "segment": {"seconds": self.film.frames / 50}, "encode": {"preset": "ultrafast"}}
        return {"PATH": os.environ["PATH"], "STEREO_JOB_NAME": "film", "STEREO_JOB_UID": UID,
                "STEREO_SPEC": json.dumps(spec), "STEREO_INDEX": str(index), "STEREO_WORK_URI": self.place("work"),
                "STEREO_SCRATCH": str(self.top), "STEREO_TERMINATION_LOG": str(self.message), **self.services}

    def run(self, verb, index=0, **torture):
        self.message.unlink(missing_ok=True)
        done = execute([WORKER, verb.removeprefix(self.PREFIX)], "stereo-worker", self.environment(index), torture)
        try:
            message = json.loads(self.message.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            message = {}
        return End(done.returncode, done.stdout, message)

    def files(self):
        """name: bytes of everything but the film"""
        found = {str(path.relative_to(self.world)): path.read_bytes()
                 for path in sorted(self.world.rglob("*")) if path.is_file()}
        found.pop("in.mp4")
        return found

    def restore(self, verb):
        for path in self.world.iterdir():
            if path.name == "in.mp4":
                continue
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name, data in self.saved[verb].items():
            path = self.world / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def state(self):
        """What is kept; `clean` knows the store's trials that a killed plan left."""
        return {name: outcome(name, data) for name, data in self.files().items() if "/probe-" not in name}

    def prepare(self, verbs):
        """An undisturbed run, which also counts the calls."""
        for verb in verbs:
            self.saved[verb] = self.files()
            count = self.top / "count"
            end = self.run(verb, TORTURE_COUNT=str(count))
            if end.code != 0 or not count.exists():
                raise SystemExit(f"{verb}, undisturbed: {end.code} {end.message} {end.text}")
            self.want[verb] = self.state()
            self.counts[verb] = {kind: int(n) for kind, n in map(str.split, count.read_text().splitlines())}
            if verb.endswith("convert"):
                self.run(verb, 1)
            self.whole = self.state().get("out.mp4", self.whole)


class S3(Folder):
    """The same job with source, output and work on an S3 server."""
    PREFIX = "s3-"

    def __init__(self, top, film, services, s3):
        self.s3, self.name = s3, "-".join(top.parts[-2:])
        super().__init__(top, film, services)
        s3.put(BUCKET, f"{self.name}/in.mp4", film.path.read_bytes())

    def place(self, name):
        return f"s3://{BUCKET}/{self.name}/{name}"

    def environment(self, index):
        keys = {"ACCESS_KEY_ID": self.s3.access, "SECRET_ACCESS_KEY": self.s3.secret,
                "ENDPOINT_URL": self.s3.endpoint}
        return {**super().environment(index),
                **{f"STEREO_{role}_{key}": value for role in ("SOURCE", "OUTPUT", "WORK")
                   for key, value in keys.items()}}

    def files(self):
        skip = len(self.name) + 1
        found = {key[skip:]: self.s3.get(BUCKET, key) for key in self.s3.keys(BUCKET, f"{self.name}/")}
        found.pop("in.mp4")
        return found

    def restore(self, verb):
        for key in self.s3.keys(BUCKET, f"{self.name}/"):
            if not key.endswith("/in.mp4"):
                self.s3.send("DELETE", f"/{BUCKET}/{key}")
        for name, data in self.saved[verb].items():
            self.s3.put(BUCKET, f"{self.name}/{name}", data)


class Cli(Folder):
    """`stereo convert` on this machine."""

    def run(self, verb, index=0, **torture):
        command = [STEREO, "convert", self.place("in.mp4"), self.place("out.mp4"), "--parallelism", "2",
                   "--segment-seconds", str(self.film.frames / 50), "--preset", "ultrafast"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.top), "TMPDIR": str(self.top),
                       "STEREO_WORKER": WORKER}
        done = execute(command, "stereo", environment, torture)
        return End(done.returncode, done.stdout, {})


def execute(command, name, environment, torture):
    options = "exitcode=%d:allocator_may_return_null=1:verify_asan_link_order=0:fast_unwind_on_malloc=%d" % (
        SANITIZER, "STACKS" not in torture)
    more = {"LD_PRELOAD": SHIM, "TORTURE_NAME": name, **torture,
            "LSAN_OPTIONS": f"suppressions={HERE / 'leaks.txt'}:print_suppressions=0"} if torture else {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                               env={**environment, "ASAN_OPTIONS": options, **more}, start_new_session=True,
                               text=True, errors="replace")
    try:
        text = process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        text = process.communicate()[0] + "\nit hangs"
    return subprocess.CompletedProcess(command, process.returncode, text)


def said(end):
    """A line for people, by the log or by the termination message."""
    return bool(end.message.get("message")) or re.search(r"error|could not|cannot", end.text)


def judge(trial, end, others):
    """What is wrong with the end of a disturbed run; others: files that differ from an undisturbed one's."""
    shortage = trial.kind in ("own", "lib") and SHORTAGE in end.text
    if "it hangs" in end.text:
        return "hangs"
    if end.code == -signal.SIGABRT and shortage:
        return None
    if trial.what == "kill" or trial.kind == "point":
        if end.code == -signal.SIGKILL:
            return None
        if trial.kind == "point":
            return f"it was not killed: exit {end.code}"
    if end.code < 0 and trial.kind == "lib":
        return None  # a library gave up; to whoever started us that is an end like any other
    if end.code < 0:
        return f"killed by signal {-end.code}"
    if end.code == SANITIZER or "Sanitizer" in end.text or "runtime error:" in end.text:
        return "a sanitizer's report"
    if end.code == 0:
        return f"success, but other files: {others}" if others else None
    if trial.what in NO_FAULT:
        return f"exit {end.code} by what is no fault"
    if end.code not in RETRIED:
        return f"exit {end.code}, which is never tried again"
    return None if said(end) else f"exit {end.code} without a word"


def half(world):
    """The output is neither absent nor whole."""
    data = world.files().get("out.mp4")
    return data is not None and digest(data) != world.whole


def attempt(world, trial, trace):
    """(what is wrong or None, the end)"""
    world.restore(trial.verb)
    if trial.kind == "point":
        torture = {"STEREO_FP": f"{trial.what}=kill@{trial.number}"}
    else:
        torture = {"TORTURE": f"{trial.kind}:{trial.number}:{trial.what}", **({"TORTURE_TRACE": "1"} if trace else {})}
    end = world.run(trial.verb, **torture)
    if LEAK in end.text:  # whose? Libraries are known by whole stacks, which take their time
        world.restore(trial.verb)
        end = world.run(trial.verb, STACKS="1", **torture)
    wrong = judge(trial, end, difference(world.state(), world.want[trial.verb]))
    if wrong:
        return wrong, end
    if half(world):
        return "half a film at the output", end
    if end.code != 0:
        after = world.run(trial.verb)
        if after.code != 0:
            return f"and then without it exit {after.code}: {after.text[-600:]} {after.message}", end
        others = difference(world.state(), world.want[trial.verb])
        if others:
            return f"and then without it other files: {others}", end
    return None, end


def difference(got, want):
    return [name for name in sorted({*got, *want}) if got.get(name) != want.get(name)]


class Services:
    """Redis and S3 for all of them."""

    def __init__(self, top):
        self.environment, self.redis = {}, None
        program = shutil.which("redis-server")
        if program:
            path = top / "redis.sock"
            self.redis = subprocess.Popen([program, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir",
                                           str(top)], stdout=subprocess.DEVNULL)
            self.environment = {"STEREO_TRACK_URL": f"unix://{path}", "STEREO_TRACK_TOKEN": "00"}
        self.s3 = subprocess.Popen([str(HERE.parent / "s3" / "faulty"), str(top)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.client = client.Client(*self.s3.stdout.readline().split())

    def close(self):
        self.s3.stdin.close()
        self.s3.wait()
        if self.redis:
            self.redis.kill()
            self.redis.wait()


def make_worlds(top, film, services):
    """One of each place, with what an undisturbed run makes there."""
    worlds = {}
    for place, verbs in PLACES.items():
        folder = top / (place.strip("-") or "disk")
        folder.mkdir(parents=True)
        if place == "s3-":
            world = S3(folder, film, services.environment, services.client)
        else:
            world = (Cli if place == "cli" else Folder)(folder, film, services.environment)
        world.prepare([place + verb if place != "cli" else verb for verb in verbs])
        for verb in world.saved:
            worlds[verb] = world
    return worlds


def all_trials(worlds, kinds):
    """[[the trials of one verb, kind and fault, in order of k]]"""
    found = []
    for verb, world in worlds.items():
        for kind, whats in kinds.items():
            if verb.startswith("s3-") and kind not in S3_KINDS:
                continue
            for what in whats:
                numbers = range(1, world.counts[verb][kind] + 1)
                found.append([Trial(verb, kind, number, what) for number in numbers])
    return [group for group in found if group]


def sample(groups, draw):
    """Of each verb, kind and fault a drawn one."""
    trials = []
    for group in groups:
        if group[0].kind == "lib":  # what decoders make of it depends on the moment, see docs/soak.md
            group = group[:LIB_SURE]
        trials.append(draw.choice(group))
    return trials


def work(trials, pool, results, until, trace):
    def one(trial):
        if time.monotonic() > until:
            return
        worlds = pool.get()
        try:
            wrong, end = attempt(worlds[trial.verb], trial, trace)
        finally:
            pool.put(worlds)
        results.put((trial, wrong, end))
    with concurrent.futures.ThreadPoolExecutor(pool.qsize()) as threads:
        list(threads.map(one, trials))


def report(results, verbose):
    passed = failed = 0
    codes = collections.Counter()
    while not results.empty():
        trial, wrong, end = results.get()
        codes[trial.verb, end.code] += 1
        passed, failed = passed + (wrong is None), failed + (wrong is not None)
        if wrong or verbose:
            print(f"{'FAILED' if wrong else 'ok'} {trial}: {wrong or end.code}\n{end.text[-3000:]}\n{end.message}\n")
    for (verb, code), count in sorted(codes.items()):
        print(f"{verb:12} exit {code:4}: {count}")
    print(f"{passed} passed, {failed} failed")
    if passed + failed == 0:
        print("no trial was run: is the time too short, or the expression wrong?")
    return failed > 0 or passed == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--only", default="", help="trials whose name matches this expression")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("trials", nargs="*")
    options = parser.parse_args()
    draw = random.Random(options.seed)
    film = films.film("h264-b", size="192x108", frames=16)
    results, pool, began = queue.Queue(), queue.Queue(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stereo-torture-") as top:
        services = Services(pathlib.Path(top))
        try:
            for number in range(max(1, min(2, os.cpu_count() or 1))):
                worlds = make_worlds(pathlib.Path(top) / str(number), film, services)
                pool.put(worlds)
            groups = all_trials(worlds, KILLS if options.kills else KINDS)
            if options.trials:
                trials = [Trial(verb, kind, int(k), what) for verb, kind, k, what in
                          (text.split(":") for text in options.trials)]
            else:
                every = [trial for group in groups for trial in group]
                trials = every if options.whole else sample(groups, draw)
                if options.kills:
                    trials += [Trial(verb, "point", k, name) for verb, points in POINTS.items() for name, k in points]
                trials = [trial for trial in trials if re.search(options.only, str(trial))]
                print(f"{len(trials)} trials, {len(every)} calls, seed {options.seed}", flush=True)
                draw.shuffle(trials)
            limit = float(os.environ.get("TORTURE_SECONDS") or "inf") if options.whole else float("inf")
            work(trials, pool, results, began + limit, bool(options.trials))
        finally:
            services.close()
    print(f"{results.qsize()} trials in {time.monotonic() - began:.0f} s")
    return 1 if report(results, bool(options.trials)) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures plan, convert, warp, assembly and memory, each beside its peer in the same run.

    bench/speed.py [--runs N] [--seconds S] [plan] [convert] [warp] [assemble] [memory]

Films are made on the spot under build/bench. Every figure is the median of N runs taken in turns
with its peer's, because machines are noisy; ratios are what to quote.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
WORK = os.path.join(ROOT, "build", "bench")
STEREO = os.path.join(BUILD, "cli", "stereo")
WORKER = os.path.join(BUILD, "worker", "stereo-worker")


def run(*argv, **kw):
    """Wall seconds, peak memory (MiB, largest process) and CPU seconds of one command; its failure is
    fatal."""
    start = time.monotonic()
    pid = os.posix_spawn(argv[0], argv, dict(os.environ, **kw.get("env", {})),
                         file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.path.join(WORK, "out.log"),
                                        os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)])
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"bench: {' '.join(argv)} ended with {status}")
    return time.monotonic() - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def tree_mib(root):
    """Memory that a process and everything below it hold, shared pages counted once."""
    parents, total = {}, 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as f:
                    parents.setdefault(int(f.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
        except OSError:
            pass  # it has ended
    queue = [root]
    while queue:
        pid = queue.pop()
        queue += parents.get(pid, [])
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        except OSError:
            pass
    return total / 1024


def peak_mib(*argv):
    """The most that a command's processes held together, looked at ten times a second."""
    with open(os.path.join(WORK, "out.log"), "w", encoding="utf-8") as log, \
         subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log) as process:
        peak = 0
        while process.poll() is None:
            peak = max(peak, tree_mib(process.pid))
            time.sleep(0.1)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(argv)} ended with {process.returncode}")
    return peak


def ffmpeg(*argv):
    return run(shutil.which("ffmpeg"), "-v", "error", "-nostdin", "-y", *argv)


def made(name, make):
    path = os.path.join(WORK, name)
    if not os.path.exists(path):
        part = os.path.join(WORK, "part-" + name)
        make(part)
        os.rename(part, path)
    return path


def turns(runs, *actions):
    """Runs the actions in turn; medians of what each answers, per action."""
    rows = [[] for _ in actions]
    for _ in range(runs):
        for row, action in zip(rows, actions):
            row.append(action())
    return [statistics.median(row) for row in rows]


def camera_film(seconds):
    """1080p with grain and motion, as a camera gives: what an encoder finds hard."""
    def make(path):
        real = os.path.join(ROOT, "..", "shared", "media", "bigbuckbunny.mp4")
        source = ["-stream_loop", "-1", "-i", real] if os.path.exists(real) else \
                 ["-f", "lavfi", "-i", "mandelbrot=s=1920x1080:r=25"]
        ffmpeg(*source, "-an", "-t", str(seconds), "-vf",
               "scale=1920:1080,noise=alls=7:allf=t,format=yuv420p", "-c:v", "libx264",
               "-preset", "fast", "-crf", "20", "-g", "125", "-f", "mp4", path)
    return made(f"camera-{seconds}.mp4", make)


def hour_film():
    def make(path):
        piece = made("piece.mp4", lambda p: ffmpeg(
            "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25", "-f", "lavfi", "-i", "sine", "-t", "20",
            "-c:v", "libx264", "-preset", "veryfast", "-g", "250", "-c:a", "aac", "-f", "mp4", p))
        ffmpeg("-stream_loop", "179", "-i", piece, "-c", "copy", "-f", "mp4", path)
    return made("hour.mp4", make)


def bench_plan(args):
    film = hour_film()
    size = os.path.getsize(film)

    def ours():
        return run(WORKER, "probe", film, "--json")[0]

    def peer():
        return run(shutil.which("ffprobe"), "-v", "error", "-select_streams", "v:0",
                   "-show_entries", "packet=pts,dts,flags", "-of", "csv", film)[0]

    mine, theirs = turns(args.runs, ours, peer)
    run(WORKER, "probe", film, "--json")
    with open(os.path.join(WORK, "out.log"), encoding="utf-8") as log:
        read = json.load(log)["bytesRead"]
    return [("plan of a one-hour 1080p MP4", f"{mine:.2f} s, {read} of {size} bytes read",
             f"ffprobe's packet list {theirs:.2f} s", f"{mine / theirs:.2f}", "< 1 s")]


def clean(path):
    for one in (path, path + ".stereojob"):
        if os.path.isdir(one):
            shutil.rmtree(one)
        elif os.path.exists(one):
            os.remove(one)


def bench_convert(args):
    film = camera_film(args.seconds)
    out = os.path.join(WORK, "convert.mp4")
    lossless = os.path.join(WORK, "lossless.mp4")
    memory = []

    clean(lossless)
    run(STEREO, "convert", film, lossless, "--codec", "libx264", "--crf", "0", "--preset",
        "ultrafast")

    def ours():
        clean(out)
        wall, peak, _ = run(STEREO, "convert", film, out, "--codec", "libx264", "--crf", "20",
                      "--preset", "medium", "--segment-seconds", "60")
        memory.append(peak)  # of the largest process below it
        return wall

    def encode():
        return ffmpeg("-i", lossless, "-an", "-c:v", "libx264", "-preset", "medium", "-crf", "20",
                      "-f", "mp4", os.path.join(WORK, "peer.mp4"))[0]

    def decode_lossless():
        return ffmpeg("-i", lossless, "-f", "null", "-")[0]

    def decode_source():
        return ffmpeg("-i", film, "-f", "null", "-")[0]

    mine, enc, dec, src = turns(args.runs, ours, encode, decode_lossless, decode_source)
    peer = enc - dec + src
    return [("convert 1080p full SBS, x264 medium crf 20", f"{mine:.1f} s for {args.seconds} s",
             f"decode + the same encode by ffmpeg {peer:.1f} s (as run: {enc:.1f} s)",
             f"{mine / peer:.2f}", "<= 1.25"),
            ("peak memory of the largest process, 1080p", f"{max(memory):.0f} MiB", "-", "-", "-")]


def bench_warp(_args):
    text = subprocess.run([os.path.join(BUILD, "worker", "stereo", "bench_warp")], check=True,
                          capture_output=True, text=True).stdout
    return [tuple(line.split("\t")) for line in text.splitlines() if line.count("\t") == 4]


def worker_orders(out):
    """What the worker is told to assemble `out` again from the work store kept beside it."""
    with open(os.path.join(out + ".stereojob", "job.json"), encoding="utf-8") as f:
        job = json.load(f)
    return {"STEREO_JOB_NAME": job["metadata"]["name"], "STEREO_JOB_UID": job["metadata"]["uid"],
            "STEREO_SPEC": json.dumps(job["spec"]), "STEREO_INDEX": "0", "STEREO_EPOCH": "0",
            "STEREO_ATTEMPT": "0", "STEREO_WORK_URI": out + ".stereojob",
            "STEREO_TRACK_TOKEN": "00" * 32,
            "STEREO_TERMINATION_LOG": os.path.join(WORK, "termination")}


def bench_assembly(args, film, name, segment_seconds, what, goal):
    out = os.path.join(WORK, name)
    copy = os.path.join(WORK, "copy-" + name)
    segments = os.path.join(out + ".stereojob", "segments")
    clean(out)
    run(STEREO, "convert", film, out, "--codec", "libx264", "--crf", "10", "--preset", "ultrafast",
        "--segment-seconds", segment_seconds, "--keep-work", "--json")
    size = os.path.getsize(out)
    orders = worker_orders(out)
    cpu = {"copy": [], "ours": []}

    def settle():
        for path in (out, copy, os.path.join(out + ".stereojob", "assemble.json")):
            if os.path.exists(path):
                os.remove(path)
        run("/bin/sh", "-c", f"cat {segments}/*/*.nut > /dev/null; sync")

    def timed(kind, *argv, **kw):
        settle()
        wall, _, seconds = run(*argv, **kw)
        cpu[kind].append(seconds)
        return wall

    mine, theirs = turns(
        args.runs,
        lambda: timed("ours", WORKER, "assemble", env=orders),
        lambda: timed("copy", "/bin/sh", "-c", f"cat {segments}/*/*.nut > {copy} && sync {copy}"))
    settle()
    return (what, f"{mine:.2f} s for {size >> 20} MiB, CPU {statistics.median(cpu['ours']):.2f} s",
            f"cp + sync {theirs:.2f} s, CPU {statistics.median(cpu['copy']):.2f} s",
            f"{theirs / mine:.2f} x cp's speed", goal)


def bench_assemble(args):
    film = camera_film(args.seconds)
    return [bench_assembly(args, film, "assemble-one.mp4", str(args.seconds + 1),
                           "assembly, no joint to decode", ">= 0.8 x"),
            bench_assembly(args, film, "assemble.mp4", "5", "assembly, a joint every 5 s", "-")]


def bench_memory(_args):
    """Not a matter of load, so one run; long enough to fill every queue and the encoder's own."""
    rows = []
    for name, width, height, codec in (("1080p", 1920, 1080, "libx264"),
                                       ("4K", 3840, 2160, "libx265"),
                                       ("8K", 7680, 4320, "libx265")):
        size = f"{width}x{height}"
        film = made(f"memory-{name}.mp4", lambda part, size=size: ffmpeg(
            "-f", "lavfi", "-i", f"testsrc2=s={size}:r=25", "-frames:v", "60", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-preset", "ultrafast", "-f", "mp4", part))
        out = os.path.join(WORK, "memory.mp4")
        encode = ["-preset", "ultrafast"] if width > 3840 else ["-preset", "medium"]
        clean(out)
        mine = peak_mib(STEREO, "convert", film, out, "--codec", codec, "--parallelism", "1",
                        *("-" + word if word == "-preset" else word for word in encode))
        peer = peak_mib(shutil.which("ffmpeg"), "-v", "error", "-nostdin", "-y", "-i", film, "-an",
                        "-vf", f"scale={2 * width}:{height}", "-c:v", codec, *encode, "-f", "mp4",
                        os.path.join(WORK, "peer.mp4"))
        text = subprocess.run([STEREO, "plan", film, out, "--codec", codec, "--speed", "1", "--json"],
                              check=True, capture_output=True, text=True).stdout
        thought = json.loads(text)["plan"]["memoryBytes"] / (1 << 20)
        rows.append((f"peak memory, {name} to full SBS, {codec} {encode[1]}",
                     f"{mine:.0f} MiB (a pod would get {thought:.0f})",
                     f"ffmpeg, scaled to that size {peer:.0f} MiB", f"{mine / peer:.2f}", "-"))
    return rows


BENCHES = {"plan": bench_plan, "convert": bench_convert, "warp": bench_warp,
           "assemble": bench_assemble, "memory": bench_memory}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    os.makedirs(WORK, exist_ok=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, {args.runs} runs\n")
    print("| what | ours | peer, same run | ratio | goal |\n|---|---|---|---|---|")
    for name in args.names or BENCHES:
        for row in BENCHES[name](args):
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Films with bytes changed, through the real worker's probe and the real `stereo convert`: every one
must end with an exit code that is documented, within time and memory, without a sanitizer's report.

    mutate.py [--count N] [--seed WORD] [--jobs N] [--whole-every N] [--keep DIR]

The k-th film of a seed is always the same. What went wrong is kept in DIR, with its log.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import hostile  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
CODES = (0, 65, 69, 73)             # 64 and 71 are of options, 70 is our fault, 75 nobody asked for
SECONDS = 90
MEMORY_KIB = 3 << 20                # of one process; a sanitizer's own is part of it
SIGNS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "UndefinedBehavior")
MOVIE = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.48"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d=0.48"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "6", "-bf", "1"]
SEEDS = {                           # one of each container, codecs in turn
    "h264.mp4": [*X264, "-c:a", "aac"],
    "fast.mp4": [*X264, "-c:a", "aac", "-movflags", "+faststart"],
    "parts.mp4": [*X264, "-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov"],
    "hevc.mkv": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                 "keyint=6:log-level=error", "-c:a", "libopus"],
    "h264.ts": [*X264, "-c:a", "aac"],
    "mpeg2.ts": ["-c:v", "mpeg2video", "-g", "6", "-c:a", "mp2"],
    "mpeg4.avi": ["-c:v", "mpeg4", "-g", "6", "-c:a", "mp3"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "6", "-c:a",
                 "libopus"],
    "prores.mov": ["-c:v", "prores_ks", "-profile:v", "0", "-c:a", "pcm_s16le"],
    "mjpeg.nut": ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"],
    "flv1.flv": ["-c:v", "flv", "-g", "6", "-ar", "44100", "-c:a", "mp3"],
    "texts.mkv": [*X264, "-c:a", "flac", "-map", "0", "-map", "1", "-map", "2", "-map", "2", "-map", "2", "-c:s:0", "srt",
                  "-c:s:1", "ass", "-c:s:2", "webvtt"],
    "texts.mp4": [*X264, "-c:a", "ac3", "-map", "0", "-map", "1", "-map", "2", "-c:s", "mov_text"],
}
WORDS = "".join(f"{n}\n00:00:00,{n}00 --> 00:00:00,{n}80\n<i>Text</i> {n} & {{more}}\nbelow\n\n" for n in range(4))
OUTS = ("mkv", "mp4", "mov", "m3u8")  # in turns: each has ways of its own to say no at the end


def seeds(folder):
    made, words = [], pathlib.Path(folder) / "words.srt"
    words.write_text(WORDS, encoding="ascii")
    for name, args in SEEDS.items():
        path = pathlib.Path(folder) / name
        hostile.ffmpeg(path, *args, "-fflags", "+bitexact",
                       inputs=[*MOVIE, *SOUND, *(["-i", str(words)] if name.startswith("texts") else [])])
        made.append((name, path.read_bytes()))
    return made


def flip(draw, data):
    for _ in range(draw.choice((1, 3, 10, 60))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def head(draw, data):
    """In the header, and in the index that may stand at the end."""
    for _ in range(draw.choice((1, 4, 12))):
        at = draw.randrange(min(1500, len(data)))
        data[at if draw.random() < 0.6 else len(data) - 1 - at] = draw.randrange(256)


def lengths(draw, data):
    """Numbers that parsers believe: sizes and counts, in the forms in which they stand there."""
    for _ in range(draw.choice((1, 2, 5))):
        value = draw.choice((0, 1, 7, 8, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000,
                             0xffffffff, len(data), len(data) - 1, draw.randrange(1 << 32)))
        form = draw.choice((">I", "<I", ">H", "<H"))
        at = draw.randrange(max(len(data) - 4, 1))
        if draw.random() < 0.5:  # near the names of boxes and elements
            near = [data.find(name) for name in (b"stsz", b"stco", b"stts", b"stsd", b"ctts",
                    b"elst", b"mdhd", b"trun", b"avcC", b"LIST", b"idx1", b"strf", b"esds")]
            near = [place for place in near if place > 4]
            at = draw.choice(near) + draw.choice((-4, 4, 8, 12, 16)) if near else at
        value &= (1 << 8 * struct.calcsize(form)) - 1
        if at + 4 <= len(data):
            struct.pack_into(form, data, at, value)


def chunk(draw, data):
    """A piece moved, doubled, removed or overwritten."""
    size = draw.choice((4, 16, 188, 1000))
    start, to = draw.randrange(len(data)), draw.randrange(len(data))
    piece, how = data[start:start + size], draw.randrange(4)
    if how == 0:
        del data[start:start + size]
        data[to:to] = piece
    elif how == 1:
        data[to:to] = piece
    elif how == 2:
        del data[start:start + size]
    else:
        data[to:to + len(piece)] = bytes(len(piece))


def cut(draw, data):
    del data[draw.randrange(len(data)):]


def mutated(films, seed, index):
    draw = random.Random(f"{seed}/{index}")
    name, data = films[index % len(films)]
    data = bytearray(data)
    for change in draw.choices((flip, head, lengths, chunk, cut), (4, 4, 4, 2, 1),
                               k=draw.choice((1, 1, 2))):
        if data:
            change(draw, data)
    return name, bytes(data)


def run(command, folder):
    """(exit status, what it wrote, most memory in KiB, seconds)."""
    env = {**os.environ, "TMPDIR": str(folder), "STEREO_WORKER": worker(),
           "ASAN_OPTIONS": "allocator_may_return_null=1:" + os.environ.get("ASAN_OPTIONS", "")}
    begin = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    try:
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=SECONDS, check=False)
        status, words = done.returncode, done.stdout
    except subprocess.TimeoutExpired as reason:
        status, words = None, reason.stdout or b""
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return status, words.decode("utf-8", "replace"), max(most, before), time.monotonic() - begin


def worker():
    return os.environ.get("STEREO_WORKER") or str(next(ROOT.glob("build/*/worker/stereo-worker")))


def stereo():
    return os.environ.get("STEREO") or str(next(ROOT.glob("build/*/cli/stereo")))


def logs(folder):
    """What the workers wrote is in the work folder, if it stays."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace")
                     for path in sorted(pathlib.Path(folder).rglob("*.log")))


def judge(status, words):
    if status is None:
        return f"still running after {SECONDS} s"
    for sign in SIGNS:
        if sign in words:
            return "a sanitizer's report"
    if status not in CODES:
        return f"exit {status}"
    return None


def attempt(film, place, ext):
    """What went wrong, or None; and the exit status. One segment, one worker; ext: None to probe."""
    status, words, _, took = run([worker(), "probe", "--json", str(film)], place)
    wrong = judge(status, words)
    if wrong or not ext or status != 0:
        return wrong and f"probe: {wrong}", status, words, took
    out = place / f"out.{ext}"
    status, words, _, more = run([stereo(), "convert", str(film), str(out), "--segment-seconds",
                                  "36000", "--parallelism", "1", "--preset", "ultrafast"], place)
    words += logs(place)
    wrong = judge(status, words)
    if not wrong and out.exists() != (status == 0):
        wrong = f"exit {status}, and the output is {'' if out.exists() else 'not '}there"
    return wrong and f"convert: {wrong}", status, words, took + more


def one(films, seed, index, keep, every):
    name, data = mutated(films, seed, index)
    with tempfile.TemporaryDirectory(prefix="stereo-mutant-") as folder:
        place = pathlib.Path(folder)
        film = place / f"{index}-{name}"
        film.write_bytes(data)
        ext = OUTS[index // every % len(OUTS)] if index % every == 0 else None
        wrong, status, words, took = attempt(film, place, ext)
        if wrong and keep:
            pathlib.Path(keep).mkdir(parents=True, exist_ok=True)
            shutil.copy(film, keep)
            (pathlib.Path(keep) / f"{film.name}.log").write_text(f"{wrong}\n{words}",
                                                                encoding="utf-8")
    return index, name, wrong, status, took, words


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="films")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--whole-every", type=int, default=4, metavar="N",
                        help="each N-th film that can be planned is converted, the others probed")
    parser.add_argument("--keep", help="folder for the films that went wrong")
    options = parser.parse_args()
    found, codes, longest, begin = [], {}, 0.0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stereo-mutants-") as folder:
        films = seeds(folder)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for index, name, wrong, status, took, words in pool.map(
                lambda k: one(films, options.seed, k, options.keep, options.whole_every),
                range(options.first, options.first + options.count)):
            codes[str(status)] = codes.get(str(status), 0) + 1
            longest = max(longest, took)
            if wrong:
                found.append(index)
                print(f"{index} {name}: {wrong}\n    " + "\n    ".join(words.splitlines()[-12:]),
                      flush=True)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    if most > MEMORY_KIB:
        found.append(-1)
        print(f"a process took {most >> 10} MiB")
    print(json.dumps({"films": options.count, "seed": options.seed, "wrong": len(found),
                      "exits": codes, "longest_s": round(longest, 1), "most_mib": most >> 10,
                      "wall_s": round(time.monotonic() - begin, 1)}))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

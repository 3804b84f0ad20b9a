#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Films that nobody means well with: each a function that writes one file.

Headers are patched in films that ffmpeg makes, so that all but the lie is as a player expects it.
"""
import pathlib
import random
import struct
import subprocess

MOVIE = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d={d}"]
SOUND = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d={d},volume=0.2"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "12", "-bf", "2"]


def ffmpeg(path, *args, inputs=MOVIE, seconds=2.0):
    """One film; {d} of the inputs is its length."""
    inputs = [word.format(d=seconds) for word in inputs]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *inputs, *args, str(path)],
                   check=True, timeout=120)
    return path


def plain(path, *args, seconds=2.0, codec=None):
    return ffmpeg(path, *(codec or X264), *args, seconds=seconds)


# Boxes of MP4 and MOV ---------------------------------------------------------------------------

def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def boxes(data):
    """(kind, body) of each box in turn."""
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, data[at + 8:at + size]
        at += size


CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"dinf", b"edts")


def rebuilt(data, change):
    """The boxes again, each as change(path, body) gives it: bytes, None to keep, [] to drop."""
    def walk(data, path):
        out = []
        for kind, body in boxes(data):
            here = (*path, kind)
            new = change(here, body)
            if new == []:
                continue
            if new is None:
                new = walk(body, here) if kind in CONTAINERS else body
            out.append(box(kind, new))
        return b"".join(out)
    return walk(data, ())


def mp4_patched(path, change, seconds=2.0):
    """An MP4 whose index stands behind the pictures (so that their places stay), changed."""
    plain(path, seconds=seconds)
    path.write_bytes(rebuilt(path.read_bytes(), change))
    return path


def mp4_says(path, box_name, at, form, *values):
    """An MP4 with a number of one of its boxes replaced."""
    def change(here, body):
        if here[-1] != box_name:
            return None
        body = bytearray(body)
        struct.pack_into(form, body, at, *values)
        return bytes(body)
    return mp4_patched(path, change)


def mp4_tracks(path, count):
    """The sound's track so many times."""
    ffmpeg(path, *X264, "-c:a", "aac", "-shortest", inputs=[*MOVIE, *SOUND], seconds=0.2)
    parts, tracks = [], []
    for kind, body in boxes(path.read_bytes()):
        if kind == b"moov":
            inner = [box(k, b) for k, b in boxes(body)]
            tracks = [whole for whole in inner if whole[4:8] == b"trak"]
            rest = [whole for whole in inner if whole[4:8] != b"trak"]
            parts.append(box(b"moov", *rest, tracks[0], *([tracks[1]] * (count - 1))))
        else:
            parts.append(box(kind, body))
    path.write_bytes(b"".join(parts))
    return path


def mov_elsewhere(path, where):
    """A MOV whose pictures lie in another file."""
    plain(path.with_suffix(".mov"))
    url = box(b"url ", struct.pack(">I", 0), where.encode() + b"\0")
    dref = struct.pack(">II", 0, 1) + url
    data = path.with_suffix(".mov").read_bytes()
    path.write_bytes(rebuilt(data, lambda here, body: dref if here[-1] == b"dref" else None))
    return path


def mov_alias(path, where):
    """The same by an alias record, as QuickTime wrote them; libav follows these when it may."""
    name = where.encode()
    record = struct.pack(">4xH", 0) + struct.pack(">H", 2) + struct.pack(">H", 0)
    record += bytes([min(len(name), 27)]) + name[:27].ljust(27, b"\0") + bytes(12)
    record += bytes([min(len(name), 63)]) + name[:63].ljust(63, b"\0") + bytes(16)
    record += struct.pack(">hh", 1, 1) + bytes(16)
    for kind in (2, 18):
        record += struct.pack(">hH", kind, len(name)) + name + (b"\0" if len(name) % 2 else b"")
    record += struct.pack(">hH", -1, 0)
    dref = struct.pack(">II", 0, 1) + box(b"alis", struct.pack(">I", 0), record)
    plain(path.with_suffix(".mov"))
    data = path.with_suffix(".mov").read_bytes()
    path.write_bytes(rebuilt(data, lambda here, body: dref if here[-1] == b"dref" else None))
    return path


# Matroska ---------------------------------------------------------------------------------------

INFO, TRACKS = b"\x15\x49\xa9\x66", b"\x16\x54\xae\x6b"


def mkv_says(path, within, ident, value, seconds=2.0, codec=None):
    """A Matroska film with the number of an element replaced, in as many bytes: the first `ident`
    behind `within`."""
    plain(path, "-fflags", "+bitexact", seconds=seconds, codec=codec)
    data = bytearray(path.read_bytes())
    at = data.find(ident, data.find(within))
    assert at > 0, "the element is not there"
    size = data[at + len(ident)] & 0x7f
    start = at + len(ident) + 1
    data[start:start + size] = value[-size:].rjust(size, b"\0")
    path.write_bytes(data)
    return path


# Damage -----------------------------------------------------------------------------------------

def flipped(path, bits, seed, first=0.15, last=0.95):
    """Bits of the film's middle; an MP4's index, which stands behind it, is spared."""
    data = bytearray(path.read_bytes())
    end = data.rfind(b"moov") if path.suffix in (".mp4", ".mov") else len(data)
    draw = random.Random(seed)
    for _ in range(bits):
        data[draw.randrange(int(end * first), int(end * last))] ^= 1 << draw.randrange(8)
    path.write_bytes(data)
    return path


def cut(path, part):
    data = path.read_bytes()
    path.write_bytes(data[:int(len(data) * part)])
    return path


def noise(path, size=200000):
    path.write_bytes(random.Random(3).randbytes(size))
    return path


def text(path, words):
    pathlib.Path(path).write_text(words, encoding="utf-8")
    return path

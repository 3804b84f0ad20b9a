# SPDX-License-Identifier: Apache-2.0
"""What ffmpeg cannot write by itself into a film: patches of an MP4 in place, and joined files.

A patch is a function of (path, *arguments); films.py names them in its recipes.
"""
import re
import struct
import subprocess

HOLDERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"edts"}
ENTRIES = {b"hvc1", b"hev1", b"avc1", b"dvh1"}
ONE = 1 << 16


def boxes(data, start, end, path=()):
    """(path of names, start, end) of every box between start and end, outer ones first."""
    at = start
    while at + 8 <= end:
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", data[at + 8:at + 16])[0], 16
        stop = at + size if size else end
        here = path + (kind,)
        yield here, at, stop
        if kind in HOLDERS:
            yield from boxes(data, at + head + (8 if kind == b"stsd" else 0), stop, here)
        at = stop


def turn(path, a, b, c, d):
    """Sets the display matrix of the first track: across is (a, b) on the screen, down is (c, d)."""
    data = bytearray(path.read_bytes())
    _, at, _ = next(box for box in boxes(data, 0, len(data)) if box[0][-1] == b"tkhd")
    version = data[at + 8]
    matrix = at + 8 + 40 + (12 if version == 1 else 0)
    data[matrix:matrix + 36] = struct.pack(">9i", a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0,
                                           1 << 30)
    path.write_bytes(data)


def dolby(path, profile, compatibility):
    """Says that the first video is Dolby Vision: a box more in its sample entry. The moov is last,
    so nothing else moves."""
    data = bytearray(path.read_bytes())
    found = list(boxes(data, 0, len(data)))
    holders, _, stop = next(box for box in found if box[0][-1] in ENTRIES)
    word = profile << 9 | 1 << 3 | 1 << 2 | 1  # level 1, RPU, base layer
    extra = struct.pack(">I4sBBHB19x", 32, b"dvvC" if profile > 7 else b"dvcC", 1, 0, word,
                        compatibility << 4)
    for here, at, end in found:
        if holders[:len(here)] == here and at < stop <= end:
            data[at:at + 4] = struct.pack(">I", end - at + len(extra))
    assert found[-1][0][0] != b"mdat", "the moov must be last"
    data[stop:stop] = extra
    path.write_bytes(data)


def again(path, times):
    """The file as many times, one behind the other: the clock of a transport stream jumps."""
    path.write_bytes(path.read_bytes() * times)


def captions(path):
    """Closed captions of its own in every picture of an MPEG-2 stream: two letters, bytes that look
    like a start code, padding."""
    data = path.read_bytes()
    out, last, n = [], 0, 0
    for found in re.finditer(b"\0\0\1\xb5[\x80-\x8f]", data):  # a picture's extension
        at = data.index(b"\0\0\1", found.end())
        triplets = bytes([0xFC, 0x80 | 65 + n // 26, 0x80 | 65 + n % 26, 0xFD, 0x80, 0x80, 0xFF, n,
                          0, 0xFE, 0, 0, 0xFA, 0, 0])
        out += [data[last:at], b"\0\0\1\xb2GA94\3", bytes([0x40 | len(triplets) // 3, 0xFF]),
                triplets, b"\xff"]
        last, n = at, n + 1
    path.write_bytes(b"".join([*out, data[last:]]))


def resized(path, width, height):
    """Behind itself once more, in another size: what a broadcast does between two programmes."""
    made = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-vf",
                           f"scale={width}:{height}", "-c:v", "libx264", "-preset", "veryfast",
                           "-crf", "16", "-g", "15", "-f", "mpegts", "-"], stdout=subprocess.PIPE,
                          check=True)
    path.write_bytes(path.read_bytes() + made.stdout)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sound, subtitles, chapters, attachments, languages, marks: what becomes of each in each container,
and of a part of a film (--from, --to, --max-fps).

    test_tracks.py [--short | --rest] [-k PATTERN]      STEREO, STEREO_WORKER as in test_convert.py

FATES says what becomes of a stream; SOURCES are films that hold many of them; every source goes into
every container.
"""
import array
import hashlib
import pathlib
import re
import struct
import subprocess
import sys
import unittest
from fractions import Fraction

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402
import film_patch  # noqa: E402
import films  # noqa: E402
import test_convert as base  # noqa: E402

CONTAINERS = (".mp4", ".mov", ".mkv")
MS = Fraction(1, 1000)

# "=": packet for packet; "t": as text of that container; "-": left out, and said so; ".": made anew;
# "f": FLAC, "p": PCM, sample for sample; "a": AAC
FATES = {  # mp4, mov, mkv
    "aac": "===", "ac3": "===", "eac3": "===", "mp3": "===", "mp2": "===", "alac": "===",
    "opus": "=a=", "flac": "=p=", "dts": "=a=", "truehd": "=p=", "vorbis": "aa=",
    "pcm_s16le": "f==", "pcm_s24le": "f==", "pcm_s16be": "f==",
    "mov_text": "==t", "subrip": "tt=", "ass": "tt=", "webvtt": "tt=",
    "dvd_subtitle": "=-=", "hdmv_pgs_subtitle": "--=", "dvb_subtitle": "--=",
    "attachment": "--=", "cover": "=-=", "tmcd": "...", "text": "...",
}
SOUND_LINES = {"f": "becomes FLAC, without loss.", "p": "becomes PCM, without loss.", "a": "becomes AAC."}
TEXT = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "subrip"}
# Dispositions that a container keeps.
KEPT = {".mp4": {"default", "dub", "comment", "hearing_impaired", "visual_impaired", "forced"},
        ".mov": {"default"},
        ".mkv": {"default", "dub", "original", "comment", "hearing_impaired", "visual_impaired",
                 "forced"}}
MARKS = KEPT[".mp4"] | KEPT[".mkv"] | {"lyrics", "karaoke", "clean_effects"}

FFMPEG = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-fflags", "+bitexact"]
PICTURE = ["-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=2"]
# A tone with a click at one second.
SOUND = ["-f", "lavfi", "-i",
         "aevalsrc='0.02*sin(2*PI*440*t)+0.8*between(t,1,1.002)':s=48000:d=2:c=stereo"]
SRT = ["-i", "{dir}/a.srt"]
X264 = ["-c:v:0", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-crf", "28", "-g", "25",
        "-strict", "-2"]
META = ["-i", "{dir}/meta.ffmeta"]


def sounds(*codecs):
    """-map and -c of one sound in many codecs; it is input 1."""
    return [x for i, codec in enumerate(codecs) for x in ("-map", "1:a", f"-c:a:{i}", codec)]


SOURCES = {
    "rich.mkv": [*PICTURE, *SOUND, *SRT, *META, "-map", "0:v", *X264,
                 *sounds("aac", "ac3", "libopus", "flac", "pcm_s16le", "libmp3lame", "libvorbis",
                         "eac3", "dca", "truehd"),
                 "-map", "2:s", "-map", "2:s", "-map", "2:s", "-map_metadata", "3", "-map_chapters",
                 "3", "-c:s:0", "srt", "-c:s:1", "ass", "-c:s:2", "webvtt", "-attach",
                 "{dir}/font.ttf", "-metadata:s:t:0", "mimetype=font/ttf", "-metadata:s:t:0",
                 "filename=font.ttf", "-metadata:s:a:0", "language=eng", "-metadata:s:a:0",
                 "title=Main sound", "-metadata:s:a:1", "language=fra", "-metadata:s:a:2",
                 "language=jpn", "-metadata:s:s:0", "language=deu", "-metadata:s:s:0",
                 "title=Deutsch (SDH)", "-metadata:s:s:1", "language=eng", "-disposition:a:0",
                 "default", "-disposition:a:1", "dub", "-disposition:a:2", "comment",
                 "-disposition:a:3", "original", "-disposition:a:6", "dub+comment", "-disposition:a:7", "visual_impaired",
                 "-disposition:s:0", "default+hearing_impaired", "-disposition:s:1", "forced"],
    "rich.mp4": [*PICTURE, *SOUND, *SRT, *META, "-f", "lavfi", "-i", "testsrc=s=32x32:d=0.04:r=25",
                 "-map", "0:v", *X264,
                 *sounds("aac", "ac3", "libopus", "flac", "libmp3lame", "alac", "eac3"), "-map",
                 "2:s", "-map", "2:s", "-map", "4:v", "-map_metadata", "3", "-map_chapters", "3",
                 "-c:v:1", "mjpeg", "-disposition:v:1", "attached_pic", "-c:s", "mov_text",
                 "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=fra",
                 "-metadata:s:s:0", "language=deu", "-metadata:s:s:1", "language=jpn",
                 "-disposition:a:1", "dub", "-disposition:s:0", "default", "-disposition:s:1",
                 "forced"],
    "rich.mov": [*PICTURE, *SOUND, *SRT, *META, "-map", "0:v", *X264,
                 *sounds("pcm_s16le", "pcm_s24le", "aac", "alac", "pcm_s16be"), "-map", "2:s",
                 "-map_metadata", "3", "-map_chapters", "3", "-timecode", "01:00:00:00", "-c:s",
                 "mov_text", "-metadata:s:a:0", "language=eng"],
    "rich.webm": [*PICTURE, *SOUND, *SRT, "-map", "0:v", "-c:v", "libvpx", "-deadline", "realtime",
                  "-cpu-used", "8", *sounds("libopus", "libvorbis"), "-map", "2:s", "-c:s",
                  "webvtt", "-metadata:s:s:0", "language=deu"],
    "rich.ts": [*PICTURE, *SOUND, "-i", "{dir}/a.sup", "-map", "0:v", *X264,
                *sounds("aac", "ac3", "mp2", "libopus"), "-map", "2:s", "-c:s", "dvbsub",
                "-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu",
                "-metadata:s:s:0", "language=fra"],
    "rich.avi": [*PICTURE, *SOUND, "-map", "0:v", "-c:v", "mpeg4", "-q:v", "5", "-bf", "0",
                 *sounds("libmp3lame", "pcm_s16le", "ac3")],
    "bitmaps.mkv": [*PICTURE, "-i", "{dir}/a.sup", "-map", "0:v", *X264, "-map", "1:s", "-map", "1:s",
                    "-map", "1:s", "-c:s:0", "copy", "-c:s:1", "dvdsub", "-c:s:2", "dvbsub",
                    "-metadata:s:s:1", "language=ita"],
    # times: what is heard when, against the pictures
    "late.mp4": [*PICTURE, "-itsoffset", "0.35", *SOUND, "-map", "0:v", *X264, *sounds("aac")],
    "early.mp4": [*PICTURE, "-itsoffset", "-0.2", *SOUND, "-map", "0:v", *X264, *sounds("aac"),
                  "-avoid_negative_ts", "disabled"],
    "video-late.mkv": ["-itsoffset", "0.3", *PICTURE, *SOUND, "-map", "0:v", *X264,
                       *sounds("aac", "libmp3lame", "libopus", "flac", "ac3")],
    "late.mkv": [*PICTURE, "-itsoffset", "0.35", *SOUND, "-map", "0:v", *X264,
                 *sounds("aac", "libmp3lame", "libopus", "flac", "ac3")],
    "whole.mp4": [*PICTURE, *SOUND, "-map", "0:v", *X264, *sounds("aac")],
    "edited.mp4": ["-ss", "0.5", "-i", "{whole.mp4}", "-c", "copy"],
    "late.ts": ["-itsoffset", "0.3", *PICTURE, *SOUND, "-map", "0:v", *X264, "-bf", "2",
                *sounds("aac", "mp2")],
    "many.mov": [*PICTURE, "-f", "lavfi", "-i", "anullsrc=cl=hexadecagonal:d=2", "-map", "0:v", *X264,
                 *sounds("pcm_s16le")],
    "captions.m2v": [*PICTURE, "-c:v", "mpeg2video", "-g", "1", "-q:v", "2"],
    "captions.mp4": ["-i", "{captions.m2v}", *X264, "-bf", "2"],
    "captions.ts": ["-i", "{captions.m2v}", "-c:v", "mpeg2video", "-q:v", "3", "-g", "12", "-bf",
                    "2"],
    "pcm.mov": [*PICTURE, *SOUND, "-map", "0:v", *X264, *sounds("pcm_s16le")],
}

PATCHES = {"captions.m2v": film_patch.captions}


def bitmaps(path):
    """Two PGS subtitles: boxes at 0.2 to 0.9 and 1.1 to 1.8 seconds."""
    def segment(seconds, kind, data):
        return b"PG" + struct.pack(">IIBH", int(seconds * 90000), 0, kind, len(data)) + data

    def composition(n, objects):
        head = struct.pack(">HHBHBBBB", 96, 64, 0x10, n, 0x80 if objects else 0, 0, 0, objects)
        return head + objects * struct.pack(">HBBHH", 0, 0, 0, 8, 40)

    window = struct.pack(">BBHHHH", 1, 0, 8, 40, 32, 8)
    lines = 8 * bytes([0, 0x80 | 32, 1, 0, 0])
    picture = struct.pack(">HBB", 0, 0, 0xC0) + (len(lines) + 4).to_bytes(3, "big") + \
        struct.pack(">HH", 32, 8) + lines
    with open(path, "wb") as f:
        for i, (start, end) in enumerate(((0.2, 0.9), (1.1, 1.8))):
            for kind, data in ((0x16, composition(2 * i, 1)), (0x17, window),
                               (0x14, bytes([0, 0, 1, 235, 128, 128, 255])), (0x15, picture),
                               (0x80, b"")):
                f.write(segment(start, kind, data))
            for kind, data in ((0x16, composition(2 * i + 1, 0)), (0x17, window), (0x80, b"")):
                f.write(segment(end, kind, data))


def write_inputs(folder):
    (folder / "a.srt").write_text(
        "1\n00:00:00,200 --> 00:00:00,900\nFirst line\n\n"
        "2\n00:00:01,100 --> 00:00:01,800\nZweite Zeile äöü\nand a second row\n\n", encoding="utf-8")
    (folder / "meta.ffmeta").write_text(
        ";FFMETADATA1\ntitle=Everything\nartist=Nobody\ncomment=made here\ndate=2021-03-04\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=One\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Zwei äö\n", encoding="utf-8")
    (folder / "font.ttf").write_bytes(bytes(range(256)) * 20)
    bitmaps(folder / "a.sup")


def source(name):
    """The path of one of SOURCES, made once."""
    key = hashlib.sha256(repr((SOURCES[name], FFMPEG)).encode()).hexdigest()[:12]
    folder = films.cache_dir() / f"tracks-{name}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with films.locked(folder / "lock"):
        if not path.exists():
            write_inputs(folder)
            args = [arg.replace("{dir}", str(folder)) for arg in SOURCES[name]]
            args = [str(source(arg[1:-1])) if arg[1:-1] in SOURCES else arg for arg in args]
            aside = folder / ("aside-" + name)
            subprocess.run([*FFMPEG, *args, str(aside)], check=True)
            PATCHES.get(name, str)(aside)
            aside.rename(path)
    return path


def ffmpeg(*args):
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *args], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.stdout


def kind_of(stream):
    if stream["disposition"]["attached_pic"]:
        return "cover"
    if stream["codec_type"] == "attachment":
        return "attachment"
    return stream["codec_tag_string"] if stream["codec_type"] == "data" else stream["codec_name"]


class Film:
    """A file's streams, and a hash of each one's bytes."""

    def __init__(self, path):
        self.path = str(path)
        doc = check.probe(self.path, "-show_streams", "-show_format", "-show_chapters",
                          "-show_packets", "-show_entries", "packet=stream_index,pts_time")
        self.streams, self.chapters = doc["streams"], doc["chapters"]
        self.tags = {k.lower(): v for k, v in doc["format"].get("tags", {}).items()}
        self.video = next(s for s in self.streams if s["codec_type"] == "video")
        self.others = [s for s in self.streams if s is not self.video]
        times = {}
        for packet in doc["packets"]:
            if "pts_time" in packet:
                times.setdefault(packet["stream_index"], []).append(Fraction(packet["pts_time"]))
        self.start = {i: min(t) for i, t in times.items()}
        self.hashes = self.hash_all()

    def hash_all(self):
        maps, bsf, found = [], [], {}
        order = [s for s in self.others if s["codec_type"] in ("audio", "subtitle") or
                 s["disposition"]["attached_pic"]]
        for i, stream in enumerate(order):
            maps += ["-map", f"0:{stream['index']}"]
            if stream["codec_name"] == "aac" and self.path.endswith(".ts"):
                bsf += [f"-bsf:{i}", "aac_adtstoasc"]
        out = ffmpeg("-i", self.path, *maps, "-c", "copy", *bsf, "-f", "streamhash", "-hash", "md5",
                     "-").decode() if order else ""
        for line in out.splitlines():
            number, _, digest = line.split(",")
            found[order[int(number)]["index"]] = digest
        for n, stream in enumerate(s for s in self.others if s["codec_type"] == "attachment"):
            aside = pathlib.Path(self.path).with_suffix(".attached")
            subprocess.run(["ffmpeg", "-nostdin", "-v", "quiet", "-y", f"-dump_attachment:t:{n}",
                            str(aside), "-i", self.path], check=False)
            found[stream["index"]] = hashlib.md5(aside.read_bytes()).hexdigest()
            aside.unlink()
        return found

    def texts(self, stream):
        """(start, end, text) in milliseconds after the first picture."""
        out = ffmpeg("-copyts", "-i", self.path, "-map", f"0:{stream['index']}", "-f", "srt", "-")
        found = re.findall(r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)\n(.*?)\n\n",
                           out.decode().replace("\r", "") + "\n\n", re.S)
        first = round(self.start[self.video["index"]] * 1000)
        return [tuple(((int(p[i]) * 60 + int(p[i + 1])) * 60 + int(p[i + 2])) * 1000 + int(p[i + 3]) -
                      first for i in (0, 4)) + (re.sub("<[^>]*>", "", p[8]),) for p in found]


def dispositions(stream, kept):
    return {name for name, on in stream["disposition"].items() if on and name in kept}


class Tracks(base.Case):
    def convert(self, name, ext, *args, segments=1):
        out = self.folder / (name.replace(".", "-") + "".join(args) + ext)
        done = base.convert(source(name), out, "--preset", "ultrafast", *args, segments=segments)
        self.succeeded(done, out)
        return out, done.stdout


class TracksTest(Tracks):
    """Every source into every container."""

    def fates(self, film, ext):
        """The streams that must be there, in order, and what must be said of the others."""
        kept, said = [], set()
        for stream in film.others:
            kind = kind_of(stream)
            fate = FATES[kind][CONTAINERS.index(ext)]
            if fate in "=tfpa":
                kept.append((stream, fate))
            elif fate == "-":
                codec = {"cover": "mjpeg"}.get(kind, kind)
                said.add(f"stream {stream['index']} ({codec})")
        return kept, said

    def compare(self, a, b, kept, ext):
        got = [s for s in b.others if kind_of(s) not in ("tmcd", "text", "cover", "attachment")]
        got += [s for s in b.others if kind_of(s) in ("cover", "attachment")]
        self.assertEqual(len(got), len(kept), [kind_of(s) for s in got])
        zero = b.start[b.video["index"]] - a.start[a.video["index"]]
        for (one, fate), two in zip(kept, got):
            what = f"{pathlib.Path(b.path).name}: stream {one['index']} ({kind_of(one)})"
            if fate == "t":
                self.assertEqual(two["codec_name"], TEXT[ext], what)
            elif fate in "fpa":
                self.remade(a, one, fate, b, two, what)
            else:
                self.assertEqual(b.hashes[two["index"]], a.hashes[one["index"]], what)
            if one["codec_type"] == "subtitle" and (fate == "t" or kind_of(one) == "mov_text"):
                for x, y in zip(a.texts(one), b.texts(two)):
                    self.assertEqual(x[2], y[2], what)
                    self.assertLessEqual(max(abs(x[0] - y[0]), abs(x[1] - y[1])), 1, what)
                self.assertEqual(len(b.texts(two)), 2, what)
            elif one["codec_type"] in ("audio", "subtitle") and fate != "a":
                late = b.start[two["index"]] - a.start[one["index"]] - zero
                self.assertLessEqual(abs(late), MS, what)
            self.assertEqual(check.language_of(two), check.language_of(one), what)
            self.marks(one, two, kept, ext, what)

    def remade(self, a, one, fate, b, two, what):
        names = {"f": ("flac",), "p": ("pcm_s16le", "pcm_s24le"), "a": ("aac",)}
        self.assertIn(two["codec_name"], names[fate], what)
        self.assertEqual((two["channels"], two["sample_rate"]), (one["channels"], one["sample_rate"]),
                         what)
        was, now = (ffmpeg("-i", film.path, "-map", f"0:{stream['index']}", "-f", "s24le", "-")
                    for film, stream in ((a, one), (b, two)))
        if fate == "a":  # its first and its last packet are whole ones
            self.assertLessEqual(abs(len(was) - len(now)), 2 * 6 * 1024, what)
        else:
            self.assertTrue(was == now, f"{what}: other samples")

    def marks(self, one, two, kept, ext, what):
        title = one.get("tags", {}).get("title")
        key = "title" if ext == ".mkv" else "handler_name"
        if title:
            self.assertEqual(two["tags"].get(key), title, what)
        want, got = (dispositions(s, KEPT[ext]) for s in (one, two))
        first = [s for s, _ in kept if s["codec_type"] == one["codec_type"]][0] is one
        if ext != ".mkv" and first and not any(
                s["disposition"]["default"] for s, _ in kept
                if s["codec_type"] == one["codec_type"]):
            got -= {"default"}  # the first of its kind is enabled when none is
        self.assertEqual(got, want, what)

    @base.short
    def test_a_text_that_no_sample_holds(self):
        """MP4's texts have 16 bits for their length: one is left out, and said; the others come."""
        words, source = self.folder / "long.srt", self.folder / "long.mkv"
        cues = ("Before", "x" * 70000, "Behind")
        words.write_text("".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n},500\n{cue}\n\n"
                                 for n, cue in enumerate(cues)))
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=25:duration=3", "-i", words, "-c:v",
               "libx264", "-c:s", "srt", source)
        out = self.folder / "long.mp4"
        done = base.convert(source, out, "--keep-work")
        self.succeeded(done, out)
        film = Film(out)
        self.assertEqual([t[2] for t in film.texts(film.others[0])], ["Before", "Behind"])
        logs = "".join(log.read_text() for log in self.folder.glob("long.mp4.stereojob/logs/*.log"))
        self.assertIn("stream 1: the subtitle at 1.000 s cannot be read and is left out", logs)

    def lost_marks(self, kept, ext, text):
        """What a stream is marked as that the container cannot say is said of it."""
        for stream, _ in kept:
            found = re.findall(rf"(?m)^note: Not taken over: marks of stream {stream['index']} "
                               r"\(\w+\): (.*)\.$", text)
            want = dispositions(stream, MARKS - KEPT[ext])
            if kind_of(stream) not in ("attachment", "cover"):
                self.assertEqual(set(found[0].split(", ")) if found else set(), want, text)

    def film_tags(self, a, b):
        for tag in ("title", "artist", "comment", "date"):
            self.assertEqual(b.tags.get(tag), a.tags.get(tag), tag)
        zero = b.start[b.video["index"]] - a.start[a.video["index"]]
        self.assertEqual(len(b.chapters), len(a.chapters))
        for one, two in zip(a.chapters, b.chapters):
            self.assertEqual(one["tags"]["title"], two["tags"]["title"])
            for end in ("start_time", "end_time"):
                late = Fraction(two[end]) - Fraction(one[end]) - zero
                self.assertLessEqual(abs(late), 2 * MS)
        code = a.video.get("tags", {}).get("timecode")
        if code:
            tags = {k.lower(): v for k, v in b.video["tags"].items()}
            self.assertEqual(tags.get("timecode"), code)

    def row(self, name, ext):
        with self.subTest(source=name, container=ext):
            a = Film(source(name))
            out, text = self.convert(name, ext)
            b = Film(out)
            kept, said = self.fates(a, ext)
            self.compare(a, b, kept, ext)
            self.film_tags(a, b)
            lines = re.findall(r"(?m)^note: Not taken over: (stream \d+ \(\w+\)): .*\.$", text)
            self.assertEqual((len(lines), set(lines)), (len(said), said), text)
            for stream, fate in kept:
                word = SOUND_LINES.get(fate)
                self.assertEqual(f"note: Sound stream {stream['index']} " in text, bool(word), text)
                self.assertIn(f"({kind_of(stream)}) {word}" if word else "", text)
            self.lost_marks(kept, ext, text)
            silent = any(s["codec_type"] == "audio" for s in a.others) and \
                not any(s["codec_type"] == "audio" for s, _ in kept)
            self.assertEqual("note: The output has no sound." in text, silent, text)

    @base.short
    def test_short(self):
        self.row("rich.mkv", ".mp4")
        self.row("rich.mp4", ".mkv")

    @base.long
    def test_all(self):
        for name, containers in (("rich.mkv", (".mov", ".mkv")), ("rich.mp4", (".mp4", ".mov")),
                                 ("rich.mov", CONTAINERS), ("rich.webm", (".mp4", ".mkv")),
                                 ("rich.ts", (".mp4", ".mkv")), ("rich.avi", (".mp4",)),
                                 ("bitmaps.mkv", (".mp4", ".mkv"))):
            for ext in containers:
                self.row(name, ext)

    @base.short
    def test_no_sound_is_said(self):
        _, text = self.convert("many.mov", ".mp4")
        self.assertIn("note: The output has no sound.\nnote: Not taken over: stream 1 (pcm_s16le): "
                      "MP4 cannot hold it, .mkv can.", text)


def heard(path):
    """For each sound, when the click comes after the first picture, in seconds."""
    doc = check.probe(str(path), "-show_streams", "-show_frames", "-show_entries",
                      "frame=stream_index,pts_time:stream=index,codec_type,sample_rate")
    starts = {}
    for frame in doc["frames"]:
        if "pts_time" in frame and "stream_index" in frame:
            starts.setdefault(frame["stream_index"], float(frame["pts_time"]))
    video = next(s["index"] for s in doc["streams"] if s["codec_type"] == "video")
    out = []
    for stream in (s for s in doc["streams"] if s["codec_type"] == "audio"):
        wave = array.array("f", ffmpeg("-i", str(path), "-map", f"0:{stream['index']}", "-ac", "1",
                                       "-f", "f32le", "-"))
        at = next((i for i, x in enumerate(wave) if abs(x) > 0.3), None)
        out.append(None if at is None else
                   starts[stream["index"]] - starts[video] + at / int(stream["sample_rate"]))
    return out


class SyncTest(Tracks):
    """What is heard when: start offsets, negative times, edit lists, priming."""

    def row(self, name, ext):
        with self.subTest(source=name, container=ext):
            want = heard(source(name))
            out, _ = self.convert(name, ext)
            got = heard(out)
            if ext == ".mkv" or len(got) == len(want):
                self.assertEqual(len(got), len(want))
                for a, b in zip(want, got):
                    self.assertLessEqual(abs(a - b), 0.001, f"{got}, want {want}")
            if ext == ".mkv" and name in ("edited.mp4", "early.mp4"):  # what is hidden stays away
                film = Film(out)
                first = min(film.start.values())
                self.assertLessEqual(film.start[film.video["index"]] - first, 0.045)

    @base.short
    def test_short(self):
        self.row("late.mkv", ".mp4")
        self.row("edited.mp4", ".mkv")

    @base.long
    def test_all(self):
        for name, ext in (("late.mp4", ".mp4"), ("late.mp4", ".mkv"), ("early.mp4", ".mp4"),
                          ("early.mp4", ".mkv"), ("video-late.mkv", ".mkv"), ("late.mkv", ".mkv"),
                          ("edited.mp4", ".mov"), ("late.ts", ".mp4"), ("late.ts", ".mkv"),
                          ("pcm.mov", ".mov"), ("pcm.mov", ".mp4"), ("late.mkv", ".mov"),
                          ("rich.webm", ".mp4")):
            self.row(name, ext)


class MarksTest(Tracks):
    """Every container says that it is 3D, by its own word and in the video itself."""

    def row(self, ext, layout, *args):
        with self.subTest(container=ext, layout=layout, args=args):
            out, _ = self.convert("whole.mp4", ext, "--layout", layout, *args)
            media = check.Media(out)
            marks = [d["type"] for d in media.video.get("side_data_list", [])
                     if d["side_data_type"] == "Stereo 3D"]
            want = check.MARKS.get(layout)
            self.assertEqual(marks, [want] if want else [])
            self.assertEqual(check.mark_of_video(media), want)
            self.assertEqual(list(check.check_picture(check.Media(source("whole.mp4")), media,
                                                      layout)), [])
            self.assertEqual(check.decoder_words(media), (0, []))
            self.assertEqual(len(heard(out)), 1)

    @base.short
    def test_short(self):
        self.row(".mov", "half-tb")

    @base.long
    def test_all(self):
        for ext, layout in ((".mov", "full-sbs"), (".mov", "left"), (".mp4", "full-tb"),
                            (".mkv", "half-sbs")):
            self.row(ext, layout)
        for ext, layout in ((".mp4", "full-sbs"), (".mkv", "half-tb"), (".mp4", "left")):
            self.row(ext, layout, "--codec", "libx265", "--preset", "ultrafast")


class CutTest(Tracks):
    """A part of a film, and fewer frames of it: to the frame, however it is cut."""

    @classmethod
    def setUpClass(cls):
        cls.film = films.film("h264-b", size="160x96", frames=100)

    def part(self, ext, seconds, *args):
        out = self.folder / f"part-{seconds}{ext}"
        done = subprocess.run(base.command(self.film.path, out, "--codec", "libx264", "--crf", "0",
                                           "--preset", "ultrafast", *args, seconds=seconds),
                              env=base.environment(), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=base.SECONDS, check=False)
        self.succeeded(done, out)
        return out

    def has(self, out, frames, shift):
        """Exactly these frames of the source, each `shift` seconds earlier."""
        media = check.Media(out)
        got = check.barcodes(out, check.eye_size(media, "full-sbs"), "crop=iw/2:ih:0:0")
        self.assertEqual(got, frames)
        tolerance = 0 if media.is_mp4() else MS / 2
        for n, time in zip(frames, media.frame_times()):
            self.assertLessEqual(abs(time - Fraction(n, 25) + shift), tolerance)

    def same(self, ext, frames, shift, *args):
        length = (frames[-1] - frames[0] + 1) / 25
        one, seven = (self.part(ext, length / segments, *args) for segments in (1, 7))
        self.has(one, frames, shift)
        self.assertEqual(base.pictures(one), base.pictures(seven), f"{args}: cuts change it")
        one.unlink()
        seven.unlink()

    @base.short
    def test_short(self):
        self.same(".mp4", list(range(26, 63)), Fraction(26, 25), "--from", "1.01", "--to", "0:02.5")

    @base.long
    def test_rates(self):
        paced = [-(-5 * k // 2) for k in range(40)]
        self.same(".mp4", paced, 0, "--max-fps", "10")
        self.has(self.part(".mkv", 1.5, "--from", "0:01", "--max-fps", "10"),
                 [25 + n for n in paced if n < 75], 1)
        self.has(self.part(".mp4", 60, "--to", "0.4", "--max-fps", "99"), list(range(10)), 0)

    @base.short
    def test_sound(self):
        for ext in (".mp4", ".mkv"):
            out, _ = self.convert("whole.mp4", ext, "--from", "0.55", "--to", "1.5")
            self.assertLessEqual(abs(heard(out)[0] - 0.44), 0.001)
            last = float(check.probe(str(out), "-show_streams")["streams"][1].get("duration") or
                         check.probe(str(out), "-show_format")["format"]["duration"])
            self.assertLessEqual(abs(last - 0.96), 0.045, "sound ends with the picture")

    @base.long
    def test_texts_and_chapters(self):
        for ext in (".mp4", ".mkv"):
            out, _ = self.convert("rich.mkv", ext, "--from", "0.5", "--to", "1.5")
            film = Film(out)
            texts = [s for s in film.others if s["codec_type"] == "subtitle"]
            self.assertEqual(len(texts), 3)
            for stream in texts:
                got = film.texts(stream)
                self.assertEqual([t[2].split()[0] for t in got], ["First", "Zweite"])
                for at, want in zip(got[0][:2] + got[1][:2], (0, 380, 580, 1000)):
                    self.assertLessEqual(abs(at - want), 2)  # the first picture is at 0.52
            ends = [round(float(c[e]) * 1000) for c in film.chapters
                    for e in ("start_time", "end_time")]
            for at, want in zip(ends, (0, 357, 357, 1000)):
                self.assertLessEqual(abs(at - want), 5)

    @base.long
    def test_what_lies_before_is_not_read(self):
        """The same packets as when the film is read from its start, of less of it."""
        for name in ("tracks-mkv", "tracks-mp4"):
            film, found = films.film(name, frames=700), {}
            for skips in (True, False):
                out = self.folder / f"{name}-{skips}{film.path.suffix}"
                done = base.convert(film.path, out, "--from", "23.5", "--to", "25", "--preset", "ultrafast", "--keep-work",
                                    **({} if skips else {"STEREO_FP": "output.no_skip=err"}))
                self.succeeded(done, out)
                logs = "".join(log.read_text() for log in self.folder.glob(f"{out.name}.stereojob/logs/*.log"))
                read, size = map(int, re.search(r"(\d+) of the source's (\d+) bytes were read", logs).groups())
                packets = check.probe(str(out), "-show_packets", "-show_data_hash", "md5", "-show_entries",
                                      "packet=stream_index,pts,dts,duration,flags,data_hash")["packets"]
                found[skips] = read / size, packets
            self.assertEqual(found[True][1], found[False][1], name)
            self.assertGreaterEqual(len({p["stream_index"] for p in found[True][1]}), 3)
            self.assertLess(found[True][0], found[False][0] - 0.2, name)

    @base.short
    def test_nothing_left(self):
        done = base.convert(self.film.path, self.folder / "o.mp4", "--from", "99")
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertIn("--from: 99 s is behind the film's last picture, at 3.960 s", done.stderr)
        self.assertFalse((self.folder / "o.mp4").exists())


def captions(path):
    """(time, bytes) of the closed captions of every picture that has some."""
    doc = check.probe(f"movie={path}[out0+subcc]", "-f", "lavfi", "-select_streams", "s",
                      "-show_packets", "-show_data", "-show_entries", "packet=pts_time,data")
    found = []
    for packet in doc.get("packets", []):
        rows = [line.partition(": ")[2][:40] for line in packet["data"].splitlines() if line]
        found.append((Fraction(packet["pts_time"]), bytes.fromhex("".join(rows).replace(" ", ""))))
    return [(time - found[0][0], data) for time, data in found]


class CaptionsTest(Tracks):
    """Closed captions (CEA-608/708) stay with their pictures, once each, however it is cut."""

    def row(self, name, ext, *args, segments=1):
        with self.subTest(source=name, container=ext, args=args, segments=segments):
            want = captions(source(name))
            self.assertEqual(len(want), 50)
            out, text = self.convert(name, ext, *args, segments=segments)
            eyes = [out] + ([out.with_name(f"{out.stem}_R{ext}")] if "left-right" in args else [])
            for eye in eyes:
                self.same(want, captions(eye), "--max-fps" in args)
                eye.unlink()
            self.assertNotIn("note:", text)

    def same(self, want, got, fewer):
        if fewer:  # those of a picture that is left out go on with the one before
            self.assertEqual(len(got), 13)
            self.assertEqual(b"".join(d for _, d in got), b"".join(d for _, d in want))
        else:
            self.assertEqual([d for _, d in got], [d for _, d in want])
            for one, two in zip(want, got):
                self.assertLessEqual(abs(one[0] - two[0]), MS)

    @base.short
    def test_short(self):
        self.row("captions.mp4", ".mp4", segments=7)
        self.row("captions.ts", ".mkv", "--codec", "libx265", "--crf", "12", segments=7)

    @base.long
    def test_all(self):
        self.row("captions.ts", ".mp4")
        self.row("captions.mp4", ".mp4", "--codec", "libx265", "--crf", "12")
        self.row("captions.mp4", ".mp4", "--layout", "left-right", segments=2)
        self.row("captions.ts", ".mkv", "--layout", "left-right", "--codec", "libx265", "--crf", "12", segments=3)
        for segments in (1, 3):
            self.row("captions.mp4", ".mp4", "--max-fps", "6.25", segments=segments)

    @base.long
    def test_encoder_without(self):
        out = self.folder / "mpeg4.mp4"
        done = base.convert(source("captions.mp4"), out, "--codec", "mpeg4")
        self.succeeded(done, out)
        self.assertIn("note: The film has closed captions, which the encoder mpeg4 cannot carry.",
                      done.stdout)
        self.assertEqual(captions(out), [])


if __name__ == "__main__":
    sys.argv = [arg for arg in sys.argv if arg not in ("--short", "--rest")]
    unittest.main()

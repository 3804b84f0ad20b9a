#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Is OUTPUT the 3D film of SOURCE? Reads both with ffmpeg's tools only; nothing of ours is asked.

    check.py SOURCE OUTPUT --layout full-sbs [--frames N] [--seeks 10]

--frames N: the source's frames carry the barcodes 0..N-1 of film_gen (else they are not looked
for). Prints what is wrong, one line each, and exits 1; prints nothing and exits 0 when all is well.
"""
import argparse
import json
import pathlib
import random
import re
import struct
import subprocess
import sys
from fractions import Fraction

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import films  # noqa: E402

LAYOUTS = ("full-sbs", "half-sbs", "full-tb", "half-tb", "left", "right", "depth",
           "cross-sbs", "anaglyph-dubois", "anaglyph-color", "anaglyph-half-color",
           "anaglyph-gray", "rgbd")
BESIDE = ("full-sbs", "half-sbs", "cross-sbs", "rgbd")  # what lies beside each other
TAGS = ("title", "artist", "album", "comment", "date", "genre", "copyright")
MARKS = {"full-sbs": "side by side", "half-sbs": "side by side", "full-tb": "top and bottom",
         "half-tb": "top and bottom"}
MS = Fraction(1, 1000)
THUMBNAIL = 8  # levels of 255, on average


class Media:
    """What ffprobe says of one file."""

    def __init__(self, path):
        self.path = str(path)
        self.doc = probe(self.path, "-show_format", "-show_streams", "-show_chapters",
                         "-show_packets", "-show_entries",
                         "packet=stream_index,pts,dts,duration,flags,size:format:stream:chapter:"
                         "stream_tags:format_tags:chapter_tags:stream_disposition:"
                         "stream_side_data")
        self.streams = self.doc["streams"]
        self.video = next((s for s in self.streams if s["codec_type"] == "video" and
                           not s["disposition"]["attached_pic"]), None)
        if self.video is None:
            raise ValueError(f"{path} has no video stream")
        self.packets = {s["index"]: [] for s in self.streams}
        for packet in self.doc["packets"]:
            self.packets.setdefault(packet["stream_index"], []).append(packet)

    def of_type(self, kind):
        return [s for s in self.streams if s["codec_type"] == kind and
                not s["disposition"]["attached_pic"]]

    def covers(self):
        return [s for s in self.streams if s["disposition"]["attached_pic"]]

    def time(self, stream, ticks):
        return Fraction(int(ticks)) * Fraction(stream["time_base"])

    def frame_times(self):
        """Presentation times of the frames that are shown, ascending, in seconds."""
        shown = [p for p in self.packets[self.video["index"]] if "D" not in p["flags"]]
        if any("pts" not in p for p in shown):  # AVI: what a player makes of it
            frames = probe(self.path, "-select_streams", str(self.video["index"]), "-show_frames",
                           "-show_entries", "frame=best_effort_timestamp")["frames"]
            ticks = [int(f.get("best_effort_timestamp", -1)) for f in frames]
            for i in range(2, len(ticks)):
                if ticks[i] < 0:  # the last, which no packet came behind
                    ticks[i] = 2 * ticks[i - 1] - ticks[i - 2]
            return [self.time(self.video, t) for t in ticks]
        return sorted(self.time(self.video, p["pts"]) for p in shown)

    def first_time(self, stream):
        packets = self.packets[stream["index"]]
        if not packets:
            return None
        first = packets[0]
        return self.time(stream, first.get("pts", first.get("dts", 0)))

    def is_mp4(self):
        return "mp4" in self.doc["format"]["format_name"]

    def is_mov(self):
        return self.doc["format"].get("tags", {}).get("major_brand", "").strip() == "qt"

    def is_yuv(self):
        return not self.video.get("pix_fmt", "").startswith(("gbr", "rgb", "bgr"))

    def is_mpeg_stream(self):
        return self.doc["format"]["format_name"] in ("mpegts", "mpeg")


def run(command, **kwargs):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          **kwargs)


def probe(path, *args):
    done = run(["ffprobe", "-v", "error", "-of", "json", *args, path], text=True)
    if done.returncode != 0:
        raise ValueError(f"{path}: ffprobe: {done.stderr.strip()}")
    return json.loads(done.stdout)


def crop_of(layout, eye):
    side = 0 if (eye == "left") != (layout == "cross-sbs") else 1
    if layout in BESIDE:
        return f"crop=iw/2:ih:iw/2*{side}:0"
    if layout.endswith("tb"):
        return f"crop=iw:ih/2:0:ih/2*{side}"
    return "null"


def eye_size(media, layout):
    width, height = media.video["width"], media.video["height"]
    if layout in BESIDE:
        return width // 2, height
    if layout.endswith("tb"):
        return width, height // 2
    return width, height


def barcodes(path, size, filters, *before, extra=()):
    """The frame numbers that are seen, None where one cannot be read."""
    width, height = size
    decode = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", *before, "-i", path, "-map", "0:V:0", "-vf",
         f"{filters},settb=1/25,setpts=N", "-fps_mode", "passthrough", "-enc_time_base", "1/25",
         *extra, "-pix_fmt", "gray", "-f", "rawvideo", "-"], stdout=subprocess.PIPE)
    read = run([films.tool("film_read"), f"{width}x{height}"], stdin=decode.stdout, text=True)
    decode.stdout.close()
    if decode.wait() != 0 or read.returncode not in (0, 1):
        return []
    return [None if line == "?" else int(line) for line in read.stdout.split()]


def first_difference(got, want):
    for i, (a, b) in enumerate(zip(got, want)):
        if a != b:
            return f"at {i}: {a}, want {b}"
    return f"{len(got)}, want {len(want)}"


def check_barcodes(out, layout, want):
    for eye in ("left", "right"):
        if layout in ("left", "right", "rgbd") and eye == "right":
            continue
        got = barcodes(out.path, eye_size(out, layout), crop_of(layout, eye))
        if got != want:
            yield f"frames: {eye} eye: {first_difference(got, want)}"


def check_times(source, out, retimed):
    """retimed: the source's own times are no use (missing, or they jump); ours must ascend."""
    want, got = source.frame_times(), out.frame_times()
    if len(want) != len(got):
        yield f"times: {len(got)} frames, the source has {len(want)}"
        return
    if retimed:
        steps = [b - a for a, b in zip(got, got[1:])]
        if steps and (min(steps) <= 0 or max(steps) > 2 * sorted(steps)[len(steps) // 2]):
            yield f"times: frames lie {float(min(steps))} to {float(max(steps))} s apart"
        return
    shift = got[0] - want[0]
    tolerance = 0 if out.is_mp4() else MS / 2
    if not source.is_mpeg_stream() and not 0 <= shift + tolerance and want[0] >= 0:
        yield f"times: the film starts {float(shift)} s off"
    if out.is_mp4() and not source.is_mpeg_stream() and shift != 0 and want[0] >= 0:
        yield f"times: the film starts {float(shift)} s off"
    if not out.is_mp4() and abs(shift) > tolerance:
        # Matroska knows no times before zero: all move when a sound starts there
        least = min([t for s in source.of_type("audio") if (t := source.first_time(s)) is not None]
                    + [want[0]])
        if not source.is_mpeg_stream() and not (least < 0 and abs(shift + least) <= 2 * MS):
            yield f"times: the film starts {float(shift)} s off"
        shift = Fraction(round(shift * 1000), 1000)
    for i, (a, b) in enumerate(zip(got, want)):
        if abs(a - b - shift) > tolerance + (MS / 2 if tolerance and shift else 0):
            yield f"times: frame {i} is {float(a - b - shift) * 1000:.4f} ms off"
            return


def check_dts(out):
    last = None
    for i, packet in enumerate(out.packets[out.video["index"]]):
        dts = packet.get("dts")
        if dts is None:
            continue
        if last is not None and int(dts) <= int(last) and out.is_mp4():
            yield f"dts: packet {i} has {dts} after {last}"
            return
        if "pts" in packet and int(packet["pts"]) < int(dts):
            yield f"dts: packet {i} has pts {packet['pts']} before dts {dts}"
            return
        last = dts


def packet_hash(media, kind, index, bsf):
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", media.path, "-map", f"0:{kind}:{index}",
                "-c", "copy", *(["-bsf", bsf] if bsf else []), "-f", "streamhash", "-hash", "md5",
                "-"], text=True)
    return done.stdout.strip().rpartition("=")[2] or done.stderr.strip()


def subtitle_text(media, index):
    """Lines of text, and the times between them in milliseconds from the first frame."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-copyts", "-i", media.path, "-map",
                f"0:s:{index}", "-f", "srt", "-"], text=True)
    start, lines, times = media.frame_times()[0], [], []
    for line in done.stdout.strip().splitlines():
        found = re.fullmatch(r"(\d+):(\d+):(\d+),(\d+) --> (\d+):(\d+):(\d+),(\d+)", line)
        if not found:
            lines.append(line)
            continue
        part = [int(x) for x in found.groups()]
        for h, m, s, ms in (part[:4], part[4:]):
            times.append(((h * 60 + m) * 60 + s) * 1000 + ms - float(start * 1000))
    return lines, times


def same_subtitles(source, out, index):
    (text_a, times_a), (text_b, times_b) = (subtitle_text(m, index) for m in (source, out))
    return text_a == text_b and len(times_a) == len(times_b) and \
        all(abs(a - b) <= 2 for a, b in zip(times_a, times_b))


def becomes(codec, out):
    """What a sound that the container has no name for is made into, None for the others."""
    lossy = re.match("(vorbis|wma)", codec) or (out.is_mov() and codec in ("opus", "dts"))
    if not out.is_mp4():
        return None
    if out.is_mov():
        return "aac" if lossy else "pcm" if codec in ("flac", "truehd", "mlp") else None
    return "aac" if lossy else "flac" if codec == "mlp" or codec.startswith("pcm_") else None


def heard(media, index):
    """(begin, end, hash): when decoded samples of a sound are there, behind the first frame, and
    what they are."""
    frames = probe(media.path, "-select_streams", f"a:{index}", "-show_frames", "-show_entries",
                   "frame=pts,nb_samples")["frames"]
    stream = media.of_type("audio")[index]
    first = next(f["pts"] for f in frames if "pts" in f)  # what the end brings out has none
    begin = media.time(stream, first) - media.frame_times()[0]
    length = Fraction(sum(f["nb_samples"] for f in frames), int(stream["sample_rate"]))
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", media.path, "-map", f"0:a:{index}", "-c:a",
                "pcm_s24le", "-f", "md5", "-"], text=True)
    return begin, begin + length, done.stdout


def check_remade(source, out, index, codec):
    a, b = source.of_type("audio")[index], out.of_type("audio")[index]
    if not b["codec_name"].startswith(codec):
        yield f"audio {index}: {b['codec_name']}, want {codec}"
        return
    lossy = codec == "aac"  # its packets are whole, one of them before the first sample
    more = Fraction(1024, int(b["sample_rate"])) if lossy else 0
    (begin_a, end_a, hash_a), (begin_b, end_b, hash_b) = heard(source, index), heard(out, index)
    if not -more - MS <= begin_b - begin_a <= MS:
        yield f"audio {index}: begins {float(begin_b - begin_a) * 1000:.3f} ms off"
    if not -MS <= end_b - end_a <= more + MS:
        yield f"audio {index}: ends {float(end_b - end_a) * 1000:.3f} ms off"
    if a["channels"] != b["channels"] or a["sample_rate"] != b["sample_rate"]:
        yield f"audio {index}: other channels or another rate than the source's"
    if not lossy and (hash_a != hash_b or "MD5" not in hash_a):
        yield f"audio {index}: other samples than the source's"


def check_copies(source, out):
    for kind in ("audio", "subtitle"):
        want, got = source.of_type(kind), out.of_type(kind)
        if len(got) < len(want):
            yield f"{kind}: {len(got)} streams, the source has {len(want)}"
            continue
        for i, (a, b) in enumerate(zip(want, got)):
            if kind == "subtitle":
                if not same_subtitles(source, out, i):
                    yield f"subtitle {i}: other text or times"
                continue
            remade = becomes(a["codec_name"], out)
            if remade:
                yield from check_remade(source, out, i, remade)
                continue
            if a["codec_name"] != b["codec_name"] and \
                    (a["codec_name"], b["codec_name"]) != ("mp2", "mp3"):  # MP4 has one name
                yield f"{kind} {i}: {b['codec_name']}, the source has {a['codec_name']}"
                continue
            bsf = "aac_adtstoasc" if source.is_mpeg_stream() and a["codec_name"] == "aac" else None
            if packet_hash(source, "a", i, bsf) != packet_hash(out, "a", i, None):
                yield f"audio {i}: other packets than the source's"
    if len(out.covers()) < len(source.covers()):
        yield "cover: the picture is lost"


def check_sync(source, out):
    """A/V offset: the first packet of each sound against the first frame."""
    for i, (a, b) in enumerate(zip(source.of_type("audio"), out.of_type("audio"))):
        want, got = source.first_time(a), out.first_time(b)
        if want is None or got is None or becomes(a["codec_name"], out):
            continue
        off = (got - out.frame_times()[0]) - (want - source.frame_times()[0])
        if abs(off) > MS:
            yield f"sync: audio {i} is {float(off) * 1000:.3f} ms off"
        last_a, last_b = source.packets[a["index"]][-1], out.packets[b["index"]][-1]
        drift = (out.time(b, last_b["pts"]) - got) - (source.time(a, last_a["pts"]) - want)
        if abs(drift) > 2 * MS:
            yield f"sync: audio {i} drifts {float(drift) * 1000:.3f} ms"


def language_of(stream):
    """MOV's old table has the bibliographic codes."""
    code = stream.get("tags", {}).get("language", "und")
    return {"ger": "deu", "fre": "fra", "dut": "nld", "sve": "swe", "gre": "ell", "ice": "isl",
            "chi": "zho"}.get(code, code)


def check_tags(source, out):
    want, got = source.doc["format"].get("tags", {}), out.doc["format"].get("tags", {})
    want = {k.lower(): v for k, v in want.items()}
    got = {k.lower(): v for k, v in got.items()}
    for tag in TAGS:
        if tag in want and want[tag] != got.get(tag):
            yield f"tag {tag}: '{got.get(tag)}', the source has '{want[tag]}'"
    for kind in ("video", "audio", "subtitle"):
        pairs = list(zip(source.of_type(kind), out.of_type(kind)))
        any_default = any(a["disposition"]["default"] for a, _ in pairs)
        for i, (a, b) in enumerate(pairs):
            la, lb = (language_of(s) for s in (a, b))
            if la != lb:
                yield f"language of {kind} {i}: {lb}, the source has {la}"
            # MP4 enables a first track where none is the default
            if a["disposition"]["default"] != b["disposition"]["default"] and \
                    not (out.is_mp4() and not any_default and i == 0):
                yield f"disposition of {kind} {i}: default is {b['disposition']['default']}"
            if not out.is_mp4() and a["disposition"]["forced"] != b["disposition"]["forced"]:
                yield f"disposition of {kind} {i}: forced is {b['disposition']['forced']}"


def check_chapters(source, out):
    want, got = source.doc["chapters"], out.doc["chapters"]
    shift = out.frame_times()[0] - source.frame_times()[0]
    if len(want) != len(got):
        yield f"chapters: {len(got)}, the source has {len(want)}"
        return
    for i, (a, b) in enumerate(zip(want, got)):
        if a.get("tags", {}).get("title") != b.get("tags", {}).get("title"):
            yield f"chapter {i}: title '{b.get('tags', {}).get('title')}'"
        start = Fraction(b["start_time"]) - Fraction(a["start_time"]) - shift
        if abs(start) > 2 * MS:
            yield f"chapter {i}: starts {float(start) * 1000:.1f} ms off"


def ratio(text):
    if not text or text in ("N/A", "0:1"):
        return Fraction(1)
    num, den = text.split(":")
    return Fraction(int(num), int(den))


def rotation_of(stream):
    for data in stream.get("side_data_list", []):
        if "rotation" in data:
            return int(data["rotation"])
    return 0


def check_picture(source, out, layout):
    width, height = source.video["width"], source.video["height"]
    sar = ratio(source.video.get("sample_aspect_ratio"))
    if rotation_of(source.video) % 180:
        width, height, sar = height, width, 1 / sar
    width -= width % 2  # the last column or row is cropped
    height -= height % 2
    if any(d.get("side_data_type") == "Display Matrix"
           for d in out.video.get("side_data_list", [])):
        yield "the output has a display matrix"
    if out.video.get("field_order", "progressive") != "progressive":
        yield f"the output is interlaced: {out.video['field_order']}"
    want = {"full-sbs": (2 * width, height), "full-tb": (width, 2 * height),
            "cross-sbs": (2 * width, height), "rgbd": (2 * width, height)}.get(
        layout, (width, height))
    got = out.video["width"], out.video["height"]
    if got != want:
        yield f"size: {got[0]}x{got[1]}, want {want[0]}x{want[1]}"
    sar *= {"half-sbs": Fraction(2), "half-tb": Fraction(1, 2)}.get(layout, 1)
    seen = ratio(out.video.get("sample_aspect_ratio"))
    if seen != sar:
        yield f"SAR: {seen}, want {sar}"
    for key in ("color_range", "color_space", "color_transfer", "color_primaries"):
        told = source.video.get(key, "unknown")
        said = out.video.get(key, "tv" if key == "color_range" else "unknown")
        if told == "gbr" and key == "color_space":  # RGB becomes YUV
            told = "bt709"
        if told not in ("unknown", "reserved") and said != told and source.is_yuv():
            yield f"{key}: {said}, the source has {told}"


def check_chroma(out, layout):
    """Half-size colour smears an anaglyph."""
    if layout.startswith("anaglyph") and not out.video["pix_fmt"].startswith("yuv444"):
        yield f"pixels: {out.video['pix_fmt']}, an anaglyph is 4:4:4"


def thumbnails(media, filters):
    """32 x 18 pixels in RGB of every frame, as it is shown."""
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-i", media.path, "-map", "0:V:0", "-vf",
                f"{filters},scale=32:18:flags=area,format=rgb24,settb=1/25,setpts=N", "-fps_mode",
                "passthrough", "-enc_time_base", "1/25", "-f", "rawvideo", "-"])
    size = 32 * 18 * 3
    return [done.stdout[i:i + size] for i in range(0, len(done.stdout), size)]


def check_thumbnails(source, out, layout):
    """The left eye is the source but for small shifts: upright, not mirrored, in its colours."""
    want = thumbnails(source, "null")
    got = thumbnails(out, crop_of(layout, "left"))
    if len(want) != len(got):
        yield f"thumbnails: {len(got)}, the source has {len(want)}"
        return
    for i, (a, b) in enumerate(zip(want, got)):
        off = sum(abs(x - y) for x, y in zip(a, b)) / len(a)
        if off > THUMBNAIL:
            yield f"thumbnail {i}: {off:.1f} levels off the source's"
            return


def hdr_of(media):
    """What the first frame and the container say of the display that the film was made for."""
    frames = probe(media.path, "-select_streams", "v:0", "-read_intervals", "%+#16", "-show_frames",
                   "-show_entries", "frame=side_data_list")["frames"] or [{}]
    kinds = ("Mastering display metadata", "Content light level metadata")
    return [{d["side_data_type"]: {k: Fraction(str(v)) for k, v in d.items()
                                   if k != "side_data_type"}
             for d in lists if d.get("side_data_type") in kinds}
            for lists in (frames[0].get("side_data_list", []),
                          media.video.get("side_data_list", []))]


def h264_hdr_of(media):
    """The same two messages in H.264, which ffprobe does not tell before 6.0."""
    done = run(["ffmpeg", "-nostdin", "-v", "trace", "-i", media.path, "-map", "0:V:0", "-c", "copy",
                "-bsf:v", "trace_headers", "-frames:v", "1", "-f", "null", "-"], text=True)
    return {key: int(value) for key, value in re.findall(
        r"(m\w+_luminance|max_\w*light_level)\s+[01]+ = (\d+)", done.stderr)}


def check_hdr(source, out):
    if source.video.get("color_transfer") not in ("smpte2084", "arib-std-b67"):
        return
    picture, container = hdr_of(source)
    want = {**container, **picture}
    picture, container = hdr_of(out)
    if container != want:
        yield f"HDR in the container: {container}, the source has {want}"
    if out.video["codec_name"] == "h264":
        picture = h264_hdr_of(out)
        screen = want.get("Mastering display metadata", {})
        light = want.get("Content light level metadata", {})
        want = {"max_display_mastering_luminance": screen.get("max_luminance", 0) * 10000,
                "min_display_mastering_luminance": screen.get("min_luminance", 0) * 10000,
                "max_content_light_level": light.get("max_content", 0),
                "max_pic_average_light_level": light.get("max_average", 0)}
        want = {key: value for key, value in want.items() if value}
    if picture != want:
        yield f"HDR in the pictures: {picture}, the source has {want}"
    if any("DOVI" in d.get("side_data_type", "") for d in out.video.get("side_data_list", [])):
        yield "the output says that it is Dolby Vision"


def mark_of_video(out):
    """The frame packing message inside H.264 and HEVC, without the container around it."""
    raw = out.video["codec_name"]
    bare = run(["ffmpeg", "-nostdin", "-v", "error", "-i", out.path, "-map", "0:V:0", "-c", "copy",
                "-frames:v", "3", "-f", raw, "-"])
    done = run(["ffmpeg", "-hide_banner", "-f", raw, "-i", "pipe:0", "-vf", "showinfo", "-frames:v",
                "1", "-f", "null", "-"], input=bare.stdout)
    seen = re.search(r"tereoscopic information: type - (side by side|top and bottom|\w+)",
                     done.stderr.decode("utf-8", "replace"))
    return seen.group(1) if seen else None


def check_marks(out, layout):
    want = MARKS.get(layout)
    marks = [d.get("type") for d in out.video.get("side_data_list", [])
             if d.get("side_data_type") == "Stereo 3D"]
    if layout == "cross-sbs":  # neither MP4 nor libx264 can say that the right eye is first
        want = None if out.is_mp4() else "side by side"
    if (marks[0] if marks else None) != want and not (out.is_mov() and not marks):
        yield f"3D mark of the container: {marks}, want {want}"
    if out.video["codec_name"] in ("h264", "hevc"):
        seen, want = mark_of_video(out), MARKS.get(layout)
        if seen != want:
            yield f"3D mark of the video (SEI): {seen}, want {want}"


def decoder_words(media):
    done = run(["ffmpeg", "-nostdin", "-v", "warning", "-err_detect", "explode", "-i", media.path,
                "-map", "0:V:0", "-map", "0:a?", "-fps_mode", "passthrough", "-enc_time_base",
                "1:90000", "-f", "null", "-"], text=True)
    words = [re.sub(r"0x[0-9a-f]+|#[0-9.:]+", "", line) for line in done.stderr.splitlines()]
    return done.returncode, [w for w in words if w.strip() and "Guessed Channel Layout" not in w]


def check_decodes(source, out):
    """Without a word that the source does not cause as well."""
    failed, words = decoder_words(out)
    words = [w for w in words if w not in decoder_words(source)[1]] if words else []
    if failed or words:
        yield f"decoding: {words[0] if words else 'fails'}"


def check_seeks(out, layout, numbers, seeks, seed=1):
    times = out.frame_times()
    draw = random.Random(seed)
    for _ in range(seeks):
        n = draw.randrange(len(numbers))
        gap = times[n] - times[n - 1] if n else Fraction(1, 50)
        at = max(times[n] - min(gap / 3, Fraction(1, 100)), Fraction(0))
        got = barcodes(out.path, eye_size(out, layout), crop_of(layout, "left"),
                       "-seek_timestamp", "1", "-ss", f"{float(at):.6f}",
                       extra=("-frames:v", "1"))
        if got != [numbers[n]]:
            yield f"seeking to frame {n} ({numbers[n]}) shows {got}"


def boxes(path):
    with open(path, "rb") as f:
        at = 0
        while True:
            f.seek(at)
            head = f.read(16)
            if len(head) < 8:
                return
            size, kind = struct.unpack(">I4s", head[:8])
            if size == 1:
                size = struct.unpack(">Q", head[8:])[0]
            yield kind.decode("latin1"), size
            at += size if size else 1 << 62


def check_front(out):
    if out.is_mp4():
        kinds = [kind for kind, _ in boxes(out.path)]
        if "moov" not in kinds or kinds.index("moov") > kinds.index("mdat"):
            yield f"moov: not before the media ({' '.join(kinds)})"


def check(source, output, layout, frames=None, seeks=10, retimed=False):
    """All that is wrong with output, as a list of sentences. frames: how many there are, or the
    numbers that they show."""
    a, b = Media(source), Media(output)
    wrong = []
    readable = frames is not None and layout != "depth" and not layout.startswith("anaglyph")
    numbers = list(range(frames) if isinstance(frames, int) else frames or ())
    wrong += check_times(a, b, retimed)
    wrong += check_dts(b)
    if readable:
        wrong += check_barcodes(b, layout, numbers)
        wrong += check_thumbnails(a, b, layout)
    wrong += check_hdr(a, b)
    wrong += check_copies(a, b)
    wrong += check_sync(a, b)
    wrong += check_tags(a, b)
    wrong += check_chapters(a, b)
    wrong += check_picture(a, b, layout)
    wrong += check_chroma(b, layout)
    wrong += check_marks(b, layout)
    wrong += check_decodes(a, b)
    wrong += check_front(b)
    if readable and not wrong:
        wrong += check_seeks(b, layout, numbers, seeks)
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("output")
    parser.add_argument("--layout", choices=LAYOUTS, default="full-sbs")
    parser.add_argument("--frames", type=int, help="barcodes 0..N-1 are expected")
    parser.add_argument("--seeks", type=int, default=10)
    args = parser.parse_args()
    try:
        wrong = check(args.source, args.output, args.layout, args.frames, args.seeks)
    except ValueError as err:
        wrong = [str(err)]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Test films of every kind, made on the spot by film_gen | ffmpeg and kept in a cache folder.

    films.py [--dir DIR] [NAME ...]     makes the named films (all by default), prints their paths

Every frame carries its number as a barcode (film_gen, film_read), 0 .. frames-1 in play order.
"""
import argparse
import contextlib
import fcntl
import hashlib
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass, field

import film_patch

HERE = pathlib.Path(__file__).resolve().parent
TINY = 48  # frames of the films that need no more
X264 = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-crf", "20"]
X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-crf", "24"]
SINE = ["-f", "lavfi", "-i", "sine=f=440:r=48000:d={d},volume=0.2"]
SIX = ["-f", "lavfi", "-i", "aevalsrc=0.1*sin(2*PI*300*t)|0.1*sin(2*PI*400*t)|0.1*sin(2*PI*500*t)"
       "|0.1*sin(2*PI*60*t)|0.1*sin(2*PI*600*t)|0.1*sin(2*PI*700*t):s=48000:d={d}:c=5.1"]


@dataclass(frozen=True)
class Recipe:
    ext: str
    args: list                      # ffmpeg's arguments behind "-i -" for the picture
    inputs: list = field(default_factory=list)  # further inputs; {d} is the length, {dir} files
    before: list = field(default_factory=list)  # options of the picture's input
    size: str = "320x180"
    frames: int = 150
    rate: str = "25:1"
    bits: int = 8
    fields: str = ""                # "t", "b": interlaced, this field first
    after: list = field(default_factory=list)  # arguments of a second ffmpeg, behind "-i FIRST"
    seek: list = field(default_factory=list)  # ... and before its "-i"
    patch: tuple = ()               # a function of film_patch and its arguments
    numbers: tuple = ()             # what is seen, where it is not 0 .. frames-1
    retimed: bool = False           # our times are not those that the tool makes of it
    kind: str = ""                  # what is special about it, for people


@dataclass(frozen=True)
class Film:
    name: str
    path: pathlib.Path
    frames: int
    width: int
    height: int
    bits: int
    rate: str
    numbers: tuple                  # of the frames, in play order
    retimed: bool


TRACKS = ["-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:s", "-map", "4:s",
          "-map_metadata", "5", "-map_chapters", "5", *X264, "-x264-params",
          "keyint=48:bframes=3", "-c:a:0", "aac", "-c:a:1", "ac3",
          "-metadata:s:v:0", "language=eng", "-metadata:s:a:0", "language=eng",
          "-metadata:s:a:1", "language=fra", "-metadata:s:s:0", "language=eng",
          "-metadata:s:s:1", "language=deu", "-disposition:a:0", "default",
          "-disposition:a:1", "0", "-disposition:s:0", "default", "-disposition:s:1", "0"]
TRACK_INPUTS = [*SINE, *SIX, "-i", "{dir}/eng.srt", "-i", "{dir}/deu.srt", "-i",
                "{dir}/chapters.ffmeta"]
HDR = ("keyint=50:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:"
       "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):"
       "max-cll=1000,400:log-level=error")

RECIPES = {
    "h264-b": Recipe(".mp4", ["-map", "0:v", "-map", "1:a", *X264, "-x264-params",
                              "keyint=50:bframes=3:b-pyramid=normal", "-c:a", "aac"], SINE,
                     kind="H.264 with B frames, AAC"),
    "vfr": Recipe(".mp4", ["-map", "0:v", "-map", "1:a", *X264, "-x264-params",
                           "keyint=40:bframes=2", "-vf",
                           "settb=1/90000,setpts=(N*1800+mod(N\\,3)*700+gt(N\\,70)*90000+gt(N\\,110)*N*37)"
                           "/(90000*TB)",
                           "-fps_mode", "passthrough", "-enc_time_base", "1/90000",
                           "-video_track_timescale", "90000", "-c:a", "aac"], SINE,
                  kind="variable frame rate with a pause of a second"),
    "vfr-mkv": Recipe(".mkv", ["-map", "0:v", "-map", "1:a", *X264, "-x264-params",
                               "keyint=40:bframes=2", "-vf",
                               "settb=1/1000,setpts=(N*40+mod(N\\,4)*9+gt(N\\,70)*700)/(1000*TB)", "-fps_mode",
                               "passthrough", "-enc_time_base", "1/1000", "-c:a", "libopus"], SINE,
                      kind="variable frame rate in Matroska, Opus"),
    "open-gop": Recipe(".mp4", ["-map", "0:v", *X264, "-x264-params",
                                "open-gop=1:keyint=24:bframes=3:b-pyramid=normal:scenecut=0"],
                       kind="open groups of pictures"),
    "ntsc-late": Recipe(".mp4", ["-map", "0:v", "-map", "1:a", *X264, "-x264-params",
                                 "keyint=60:bframes=3", "-vf", "setpts=PTS+0.5/TB", "-fps_mode",
                                 "passthrough", "-c:a", "aac"], SINE, rate="30000:1001",
                        kind="29.97 frames a second, the picture starts half a second late"),
    "tracks-mkv": Recipe(".mkv", [*TRACKS, "-c:s", "srt"], TRACK_INPUTS,
                         kind="two sounds, two subtitles, chapters, tags, Matroska"),
    "tracks-mp4": Recipe(".mp4", [*TRACKS, "-c:s", "mov_text"], TRACK_INPUTS,
                         kind="two sounds, two subtitles, chapters, tags, MP4"),
    "hevc10": Recipe(".mp4", ["-map", "0:v", *X265, "-x265-params",
                              "keyint=40:bframes=3:log-level=error", "-tag:v", "hvc1"], bits=10,
                     kind="HEVC, 10 bit"),
    "hevc-open": Recipe(".mkv", ["-map", "0:v", "-c:v", "libx265", "-preset", "ultrafast", "-crf",
                                 "24", "-x265-params",
                                 "open-gop=1:keyint=30:bframes=3:scenecut=0:log-level=error"],
                        kind="HEVC with CRA and RASL pictures"),
    "one-key": Recipe(".mp4", ["-map", "0:v", *X264, "-x264-params",
                               "keyint=infinite:scenecut=0:bframes=2"],
                      kind="one keyframe only"),
    "intra": Recipe(".mp4", ["-map", "0:v", *X264, "-g", "1"], kind="keyframes only"),
    "mpeg2-ts": Recipe(".ts", ["-map", "0:v", "-map", "1:a", "-c:v", "mpeg2video", "-q:v", "3",
                               "-bf", "2", "-g", "15", "-c:a", "mp2"], SINE,
                       kind="MPEG-2 in a transport stream"),
    "h264-ts": Recipe(".ts", ["-map", "0:v", "-map", "1:a", *X264, "-x264-params",
                              "keyint=50:bframes=2", "-c:a", "aac"], SINE,
                      kind="H.264 and ADTS in a transport stream"),
    "vp9": Recipe(".webm", ["-map", "0:v", "-map", "1:a", "-c:v", "libvpx-vp9", "-deadline",
                            "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "60", "-c:a",
                            "libopus"], SINE, kind="VP9 and Opus in WebM"),
    "hdr10": Recipe(".mkv", ["-map", "0:v", *X265, "-x265-params", HDR, "-color_primaries",
                             "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc",
                             "-color_range", "tv"], bits=10, frames=75, kind="HDR10 tags"),
    "anamorphic": Recipe(".mp4", ["-map", "0:v", *X264, "-vf", "setsar=4/3"], size="240x180",
                         frames=75, kind="pixels that are not square"),
    "mov-pcm": Recipe(".mov", ["-map", "0:v", "-map", "1:a", *X264, "-c:a", "pcm_s16le"], SINE,
                      frames=75, kind="MOV with PCM"),
    "cover": Recipe(".mp4", ["-map", "0:v", "-map", "1:a", "-map", "2:v", *X264, "-c:a", "aac",
                             "-c:v:1", "mjpeg", "-disposition:v:1", "attached_pic"],
                    [*SINE, "-f", "lavfi", "-i", "testsrc=s=64x64:d=0.04:r=25"], frames=75,
                    kind="a cover picture"),
    "avi": Recipe(".avi", ["-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", "-q:v", "4", "-bf", "0",
                           "-c:a", "mp3"], SINE, frames=75, kind="MPEG-4 in AVI"),
}


def tiny(ext, args, kind, inputs=(), **more):
    """A film of its own kind, as short as it can be: three or four groups of pictures."""
    return Recipe(ext, ["-map", "0:v", *(["-map", "1:a"] if inputs else []), *args],
                  list(inputs), frames=more.pop("frames", TINY), kind=kind, **more)


def turned(kind, undo, *matrix):
    """A phone's film: the pictures lie as `undo` leaves them, the matrix puts them right."""
    return tiny(".mp4", [*X264, "-g", "15", "-vf", undo], kind, patch=("turn", *matrix))


def pix(codec, pix_fmt):
    """The arguments of codec with another pixel format."""
    at = codec.index("-pix_fmt")
    return [*codec[:at + 1], pix_fmt, *codec[at + 2:]]


G15 = ["-g", "15", "-bf", "2"]
X264_G15 = [*X264, "-x264-params", "keyint=15:bframes=2"]
X265_G15 = [*X265, "-x265-params", "keyint=15:bframes=2:log-level=error"]
MPEG2 = ["-c:v", "mpeg2video", "-q:v", "3", *G15]
MPEG4 = ["-c:v", "mpeg4", "-q:v", "4", *G15]
MJPEG = ["-c:v", "mjpeg", "-q:v", "4"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-g", "15"]
AV1 = ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-row-mt", "0", "-crf", "30",
       "-g", "15"]
WOVEN = ["-flags", "+ilme+ildct"]
HDR_TAGS = ["-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-color_range", "tv"]

RECIPES |= {
    "mpeg4-mp4": tiny(".mp4", [*MPEG4, "-c:a", "aac"], "MPEG-4 with B frames in MP4", SINE),
    "mpeg4-b-avi": tiny(".avi", [*MPEG4, "-c:a", "mp3"], "MPEG-4 with packed B frames in AVI", SINE),
    "h264-avi": tiny(".avi", [*X264_G15, "-bsf:v", "h264_mp4toannexb"],
                     "H.264 with B frames in AVI: no presentation times", retimed=True),
    "mjpeg-avi": tiny(".avi", [*MJPEG, "-pix_fmt", "yuvj422p", "-c:a", "pcm_s16le"],
                      "Motion JPEG, 4:2:2 in full range, PCM", SINE),
    "mjpeg-mov": tiny(".mov", [*MJPEG, "-pix_fmt", "yuvj420p"], "Motion JPEG in MOV"),
    "prores": tiny(".mov", ["-c:v", "prores_ks", "-profile:v", "2", "-c:a", "pcm_s24le"],
                   "ProRes 422, 10 bit", SINE, bits=10),
    "prores-4444": tiny(".mov", ["-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt",
                                 "yuva444p10le"], "ProRes 4444 with an alpha plane", bits=10),
    "dnxhr": tiny(".mov", ["-c:v", "dnxhd", "-profile:v", "dnxhr_hq", "-pix_fmt", "yuv422p"],
                  "DNxHR in MOV", size="320x180"),
    "h264-422-10": tiny(".mkv", [*pix(X264, "yuv422p10le"), "-g", "15"], "H.264 4:2:2, 10 bit",
                        bits=10),
    "h264-444": tiny(".mp4", [*pix(X264, "yuv444p"), "-g", "15"], "H.264 4:4:4"),
    "h264-rgb": tiny(".mkv", ["-c:v", "libx264rgb", "-preset", "veryfast", "-crf", "12", "-g", "15"],
                     "H.264 of RGB pictures"),
    "h264-full": tiny(".mp4", [*pix(X264, "yuvj420p"), "-g", "15"], "H.264 in full range"),
    "h264-gray": tiny(".mkv", ["-c:v", "ffv1", "-pix_fmt", "gray", "-g", "5"], "FFV1, grey only"),
    "hevc-12": tiny(".mkv", pix(X265_G15, "yuv420p12le"), "HEVC, 12 bit", bits=10),
    "hevc-422-12": tiny(".mp4", [*pix(X265_G15, "yuv422p12le"), "-tag:v", "hvc1"],
                        "HEVC 4:2:2, 12 bit", bits=10),
    "hevc-444": tiny(".mp4", pix(X265_G15, "yuv444p10le"), "HEVC 4:4:4, 10 bit", bits=10),
    "hevc-ts": tiny(".ts", [*pix(X265, "yuv420p"), "-x265-params",
                            "open-gop=1:keyint=15:bframes=3:scenecut=0:log-level=error", "-c:a",
                            "ac3"], "HEVC with CRA and RASL pictures in a transport stream", SINE),
    "vp9-10": tiny(".webm", [*VP9, "-pix_fmt", "yuv420p10le"], "VP9 profile 2, 10 bit", bits=10),
    "vp9-444": tiny(".mp4", [*VP9, "-pix_fmt", "yuv444p"], "VP9 profile 1, 4:4:4, in MP4"),
    "vp9-altref": tiny(".webm", ["-c:v", "libvpx-vp9", "-deadline", "good", "-cpu-used", "5",
                                 "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "1M", "-g",
                                 "20"], "VP9 with frames that are never shown"),
    "vp8": tiny(".webm", ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M",
                          "-g", "15", "-c:a", "libvorbis"], "VP8 and Vorbis in WebM", SINE),
    "av1-mp4": tiny(".mp4", AV1, "AV1 in MP4"),
    "av1-10": tiny(".mkv", [*AV1, "-pix_fmt", "yuv420p10le"], "AV1, 10 bit, in Matroska", bits=10),
    "mpeg2-ps": tiny(".mpg", [*MPEG2, "-c:a", "mp2"], "MPEG-2 in a programme stream", SINE),
    "mpeg2-mxf": tiny(".mxf", [*MPEG2, "-pix_fmt", "yuv422p"], "MPEG-2 4:2:2 in MXF"),
    "mpeg2-mp4": tiny(".mp4", MPEG2, "MPEG-2 in MP4"),
    "h264-flv": tiny(".flv", [*X264_G15, "-c:a", "aac"], "H.264 in FLV", SINE),
    "wmv": tiny(".wmv", ["-c:v", "wmv2", "-q:v", "4", "-g", "15", "-c:a", "wmav2"], "WMV2 in ASF",
                SINE),
    "theora": tiny(".ogv", ["-c:v", "libtheora", "-q:v", "8", "-g", "15"], "Theora in Ogg"),
    "fields-h264": tiny(".mp4", [*X264_G15, *WOVEN, "-top", "1", "-c:a", "aac"],
                        "H.264, interlaced, in MP4", SINE, size="320x192", fields="t"),
    "fields-bottom": tiny(".ts", [*X264, *WOVEN, "-top", "0", "-x264-params",
                                  "keyint=15:bframes=2:bff=1"],
                          "H.264, interlaced, bottom field first", size="320x192", fields="b"),
    "fields-mpeg2": tiny(".ts", [*MPEG2, *WOVEN, "-top", "1", "-c:a", "mp2"],
                         "MPEG-2, interlaced, in a transport stream", SINE, size="320x192",
                         fields="t"),
    "fields-422": tiny(".mxf", [*MPEG2, *WOVEN, "-top", "1", "-pix_fmt", "yuv422p"],
                       "MPEG-2 4:2:2, interlaced, in MXF", size="320x192", fields="t"),
    "fields-prores": tiny(".mov", ["-c:v", "prores_ks", "-profile:v", "2", *WOVEN, "-top", "1"],
                          "ProRes, interlaced", size="320x192", bits=10, fields="t"),
    "fields-avi": tiny(".avi", ["-c:v", "mpeg4", "-q:v", "4", "-g", "15", *WOVEN, "-top", "1"],
                       "MPEG-4, interlaced, in AVI", size="320x192", fields="t"),
    "turned-90": turned("turned by 90 degrees", "transpose=cclock", 0, 1, -1, 0),
    "turned-180": turned("turned by 180 degrees", "hflip,vflip", -1, 0, 0, -1),
    "turned-270": turned("turned by 270 degrees", "transpose=clock", 0, -1, 1, 0),
    "mirrored": turned("mirrored left to right", "hflip", -1, 0, 0, 1),
    "upside-down": turned("mirrored top to bottom", "vflip", 1, 0, 0, -1),
    "turned-mirrored": turned("mirrored, and turned by 90 degrees", "transpose=cclock,hflip", 0, -1,
                              -1, 0),
    "turned-anamorphic": tiny(".mp4", [*X264, "-g", "15", "-vf", "transpose=cclock,setsar=3/4"],
                              "turned by 90 degrees, and pixels that are not square",
                              size="240x180", patch=("turn", 0, 1, -1, 0)),
    "odd": tiny(".mp4", [*pix(X264, "yuv444p"), "-g", "15", "-vf",
                         "format=yuv444p,crop=319:179:0:0:exact=1"], "odd sides"),
    "refresh": tiny(".mp4", [*X264, "-x264-params", "keyint=15:bframes=2:intra-refresh=1"],
                    "intra refresh: recovery points, no keyframes"),
    "refresh-ts": tiny(".ts", [*X264, "-x264-params", "keyint=15:bframes=2:intra-refresh=1"],
                       "intra refresh in a transport stream"),
    "pyramid": tiny(".mkv", [*X264, "-x264-params", "keyint=24:bframes=7:b-pyramid=normal:b-adapt=0"],
                    "seven B frames in a pyramid"),
    "cut-edit": tiny(".mp4", X264_G15, "an edit list that begins behind a keyframe",
                     seek=["-ss", "0.84"], after=["-c", "copy"], numbers=tuple(range(21, TINY))),
    "cut-open": tiny(".mp4", [*X264, "-x264-params", "open-gop=1:keyint=15:bframes=3:scenecut=0"],
                     "an edit list into an open group", seek=["-ss", "0.84"], after=["-c", "copy"],
                     numbers=tuple(range(21, TINY))),
    "negative": tiny(".mp4", X264_G15, "negative composition offsets",
                     after=["-c", "copy", "-movflags", "+negative_cts_offsets"]),
    "no-edits": tiny(".mov", X264_G15, "MOV without an edit list",
                     after=["-c", "copy", "-use_editlist", "0"]),
    "fragments": tiny(".mp4", X264_G15, "a fragmented MP4",
                      after=["-c", "copy", "-movflags", "+frag_keyframe+empty_moov"]),
    "late-ts": tiny(".ts", [*X264_G15, "-c:a", "aac"], "a transport stream that starts at an hour",
                    SINE, after=["-c", "copy", "-output_ts_offset", "3600"]),
    "wrap-ts": tiny(".ts", [*X264_G15, "-c:a", "aac"], "33 bits of time end in its middle", SINE,
                    after=["-c", "copy", "-output_ts_offset", "95441.7"]),
    "jump-ts": tiny(".ts", X264_G15, "the clock jumps back twice", patch=("again", 3),
                    numbers=tuple(range(TINY)) * 3, retimed=True),
    "resized-ts": tiny(".ts", X264_G15, "another picture size from its middle on",
                       patch=("resized", 240, 180), numbers=tuple(range(TINY)) * 2, retimed=True),
    "pulldown": tiny(".mkv", [*X264_G15, "-c:a", "aac"], "23.976 frames a second", SINE,
                     rate="24000:1001"),
    "fast": tiny(".mp4", X264_G15, "120 frames a second", rate="120:1"),
    "two-videos": tiny(".mp4", ["-map", "0:v", *X264_G15], "two video streams"),
    "hdr10-mp4": tiny(".mp4", [*X265, "-x265-params", HDR, *HDR_TAGS, "-color_trc", "smpte2084",
                               "-tag:v", "hvc1"], "HDR10 in MP4", bits=10),
    "hlg": tiny(".mkv", [*X265_G15, *HDR_TAGS, "-color_trc", "arib-std-b67"], "HLG", bits=10),
    "dolby": tiny(".mp4", [*X265, "-x265-params", HDR, *HDR_TAGS, "-color_trc", "smpte2084",
                           "-tag:v", "hvc1"], "Dolby Vision profile 8.1", bits=10,
                  patch=("dolby", 8, 1)),
    "one-frame": tiny(".mp4", X264_G15, "a single frame", frames=1),
}



def tool(name):
    """film_gen or film_read: from STEREO_MEDIA_TOOLS, else from a build folder."""
    folder = os.environ.get("STEREO_MEDIA_TOOLS")
    places = [pathlib.Path(folder)] if folder else []
    places += sorted(HERE.parent.parent.glob("build/*/tests/media"))
    for place in places:
        if (place / name).exists():
            return str((place / name).resolve())
    raise SystemExit(f"{name} is not built (set STEREO_MEDIA_TOOLS to its folder)")


def cache_dir():
    default = pathlib.Path("/tmp") / f"stereo-films-{os.getuid()}"
    return pathlib.Path(os.environ.get("STEREO_FILMS", default))


def texts(folder, seconds):
    """Subtitles and chapters that the recipes with tracks read."""
    for language, word in (("eng", "line"), ("deu", "Zeile")):
        with open(folder / f"{language}.srt", "w", encoding="utf-8") as f:
            for i in range(int(seconds)):
                f.write(f"{i + 1}\n00:00:{i:02},250 --> 00:00:{i:02},900\n{word} {i} äß\n\n")
    with open(folder / "chapters.ffmeta", "w", encoding="utf-8") as f:
        f.write(";FFMETADATA1\ntitle=A test film\nartist=film_gen\ncomment=made on the spot\n")
        for i, title in enumerate(("Beginning", "Middle", "End")):
            f.write(f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={int(i * seconds * 1000 / 3)}\n"
                    f"END={int((i + 1) * seconds * 1000 / 3)}\ntitle={title}\n")


@contextlib.contextmanager
def locked(path):
    with open(path, "w", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def build(recipe, path):
    num, den = (int(x) for x in recipe.rate.split(":"))
    seconds = recipe.frames * den / num
    folder = path.parent
    texts(folder, seconds)
    fill = {"d": f"{seconds:.6f}", "dir": str(folder)}
    aside = path.with_name("aside-" + path.name)
    inputs = [a.replace("{d}", fill["d"]).replace("{dir}", fill["dir"]) for a in recipe.inputs]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *recipe.before, "-f", "yuv4mpegpipe",
               "-i", "pipe:0", *inputs, *recipe.args, "-fflags", "+bitexact", str(aside)]
    gen = subprocess.Popen([tool("film_gen"), recipe.size, str(recipe.frames), recipe.rate,
                            str(recipe.bits), "0", *recipe.fields], stdout=subprocess.PIPE)
    made = subprocess.run(command, stdin=gen.stdout, stderr=subprocess.PIPE, text=True,
                          check=False)
    gen.stdout.close()
    if made.returncode != 0 or gen.wait() != 0:
        raise SystemExit(f"{path.name}: ffmpeg failed:\n{made.stderr}")
    if recipe.after:
        aside = second_pass(recipe, aside)
    if recipe.patch:
        getattr(film_patch, recipe.patch[0])(aside, *recipe.patch[1:])
    aside.rename(path)


def second_pass(recipe, first):
    out = first.with_name("second-" + first.name)
    made = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *recipe.seek, "-i", str(first),
                           *recipe.after, "-fflags", "+bitexact", str(out)],
                          stderr=subprocess.PIPE, text=True, check=False)
    if made.returncode != 0:
        raise SystemExit(f"{first.name}: ffmpeg failed:\n{made.stderr}")
    first.unlink()
    return out


def film(name, **changes):
    """The named film, made if it is not there yet. changes replace fields of its recipe."""
    recipe = RECIPES[name]
    if changes:
        recipe = Recipe(**{**recipe.__dict__, **changes})
    key = hashlib.sha256(repr(recipe).encode())
    for source in ("film_gen.c", "barcode.h", "film_patch.py"):
        key.update((HERE / source).read_bytes())
    folder = cache_dir() / f"{name}-{key.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + recipe.ext)
    with locked(folder / "lock"):
        if not path.exists():
            build(recipe, path)
    width, height = (int(x) for x in recipe.size.split("x"))
    numbers = recipe.numbers or tuple(range(recipe.frames))
    return Film(name, path, len(numbers), width, height, recipe.bits, recipe.rate, numbers,
                recipe.retimed)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", help="cache folder (or STEREO_FILMS)")
    parser.add_argument("--list", action="store_true", help="names and what they are")
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    if args.dir:
        os.environ["STEREO_FILMS"] = args.dir
    if args.list:
        for name, recipe in RECIPES.items():
            print(f"{name:12} {recipe.kind}")
        return 0
    for name in args.names or RECIPES:
        if name not in RECIPES:
            print(f"films.py: no film '{name}'; --list shows them", file=sys.stderr)
            return 64
        print(film(name).path)
    return 0


if __name__ == "__main__":
    sys.exit(main())

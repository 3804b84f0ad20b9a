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

HERE = pathlib.Path(__file__).resolve().parent
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
SHORT = ["h264-b", "vfr", "open-gop", "tracks-mkv"]


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
                            str(recipe.bits)], stdout=subprocess.PIPE)
    made = subprocess.run(command, stdin=gen.stdout, stderr=subprocess.PIPE, text=True,
                          check=False)
    gen.stdout.close()
    if made.returncode != 0 or gen.wait() != 0:
        raise SystemExit(f"{path.name}: ffmpeg failed:\n{made.stderr}")
    aside.rename(path)


def film(name, **changes):
    """The named film, made if it is not there yet. changes replace fields of its recipe."""
    recipe = RECIPES[name]
    if changes:
        recipe = Recipe(**{**recipe.__dict__, **changes})
    key = hashlib.sha256(repr(recipe).encode())
    for source in ("film_gen.c", "barcode.h"):
        key.update((HERE / source).read_bytes())
    folder = cache_dir() / f"{name}-{key.hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name + recipe.ext)
    with locked(folder / "lock"):
        if not path.exists():
            build(recipe, path)
    width, height = (int(x) for x in recipe.size.split("x"))
    return Film(name, path, recipe.frames, width, height, recipe.bits, recipe.rate)


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

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Outputs that end in .m3u8: what ffmpeg plays of them, and what lies in the files.

    test_hls.py [-k PATTERN]      STEREO, STEREO_WORKER as in test_convert.py
"""
import pathlib
import re
import sys
import unittest
from fractions import Fraction

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402
import films  # noqa: E402
import test_convert as base  # noqa: E402

MS = Fraction(1, 1000)


class Playlist:
    """One media playlist: its file and the byte ranges in it."""

    def __init__(self, path):
        self.path, self.text = path, path.read_text(encoding="utf-8")
        lines = self.text.splitlines()
        self.file = path.parent / next(line for line in lines if not line.startswith("#"))
        found = re.search(r'#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"', self.text)
        self.init = int(found.group(2)) if found else 0
        self.ranges = [(int(n), int(at)) for n, at in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)", self.text)]
        self.lengths = [Fraction(x) for x in re.findall(r"#EXTINF:([\d.]+),", self.text)]
        self.target = int(re.search(r"#EXT-X-TARGETDURATION:(\d+)", self.text).group(1))


class HlsTest(base.Case):
    def convert(self, film, *args, segments=3, name="out.m3u8", **more):
        out = self.folder / name
        done = base.convert(film.path, out, *args, segments=segments, **more)
        self.succeeded(done, out)
        return out, done.stdout + done.stderr

    def playlists(self, out):
        """{"video": Playlist, "sound-1": ...} as the main playlist names them."""
        uris = re.findall(r'(?m)(?:URI="([^"]+)"|^([^#\n]+))$', out.read_text(encoding="utf-8"))
        paths = {out.parent / (a or b) for a, b in uris}
        return {path.stem: Playlist(path) for path in paths}

    def whole(self, playlist):
        """Init and pieces fill the file, end to end; each plays alone, from a keyframe on."""
        at = playlist.init
        for size, offset in playlist.ranges:
            self.assertEqual(offset, at)
            at += size
        self.assertEqual(at, playlist.file.stat().st_size)
        self.assertEqual(len(playlist.ranges), len(playlist.lengths))
        self.assertGreaterEqual(playlist.target, max(playlist.lengths))
        if playlist.path.stem != "video":  # RFC 8216, 6.2.4
            self.assertEqual(playlist.target, Playlist(playlist.path.with_name("video.m3u8")).target)
        self.assertTrue(playlist.text.endswith("#EXT-X-ENDLIST\n"))
        data, counted = playlist.file.read_bytes(), 0
        self.assertNotIn(b"elst", data[:playlist.init])
        for i, (size, offset) in enumerate(playlist.ranges):
            piece = self.folder / "piece.mp4"
            piece.write_bytes(data[:playlist.init] + data[offset:offset + size])
            packets = check.probe(str(piece), "-show_packets", "-show_entries", "packet=flags")["packets"]
            self.assertIn("K", packets[0]["flags"], f"piece {i}")
            self.assertEqual(check.run(["ffmpeg", "-v", "error", "-xerror", "-i", str(piece), "-f", "null", "-"]).stderr,
                             b"", f"piece {i}")
            counted += len(packets)
        return counted

    def pictures(self, film, out, playlist):
        self.assertEqual(self.whole(playlist), film.frames)
        media = check.Media(str(playlist.file))
        source = check.Media(str(film.path)).frame_times()
        times = media.frame_times()
        self.assertEqual([t - times[0] for t in times], [t - source[0] for t in source])
        last = times[-1] - times[-2]
        longer = sum(playlist.lengths) - (times[-1] - times[0] + last)  # a sound may begin before the picture
        self.assertTrue(-MS <= longer <= last * 3 / 4, float(longer))
        for eye in ("left", "right"):  # as a player sees them, by the main playlist
            got = check.barcodes(str(out), check.eye_size(media, "full-sbs"), check.crop_of("full-sbs", eye))
            self.assertEqual(got[:film.frames], list(film.numbers), eye)
        return times

    def sound(self, film, index, playlist, times):
        self.whole(playlist)
        self.assertEqual(check.packet_hash(check.Media(str(film.path)), "a", index, None),
                         self.hash_of(playlist.file))
        source = check.Media(str(film.path))
        first = source.first_time(source.of_type("audio")[index]) - source.frame_times()[0]
        stream = check.probe(str(playlist.file), "-show_packets", "-show_entries", "packet=pts:stream=time_base")
        got = Fraction(stream["packets"][0]["pts"]) * Fraction(stream["streams"][0]["time_base"]) - times[0]
        self.assertLessEqual(abs(got - first), MS)

    def hash_of(self, path):
        done = check.run(["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", "streamhash",
                          "-hash", "md5", "-"], text=True)
        return done.stdout.strip().rpartition("=")[2]

    def only(self, out, count):
        """Nothing but the output and one attempt's files."""
        left = sorted(path.name for path in self.folder.iterdir() if path.name != "piece.mp4")
        self.assertEqual((len(left), out.name in left), (2, True), left)
        folders = list(self.folder.glob("*_hls/*/*"))
        self.assertEqual(len(folders), 1, folders)
        self.assertEqual(len(list(folders[0].iterdir())), 2 * count)

    def test_a_film(self):
        film = films.film("h264-b", size="160x90", frames=400)
        out, _ = self.convert(film, "--preset", "ultrafast", name="my film.m3u8")
        found = self.playlists(out)
        self.assertEqual(set(found), {"video", "sound-1"})
        self.sound(film, 0, found["sound-1"], self.pictures(film, out, found["video"]))
        main = out.read_text(encoding="utf-8")
        self.assertRegex(main, "(?m)^my_film-[0-9a-f]{8}_hls/")
        stream = check.Media(str(found["video"].file)).video
        level = f"{stream['level']:02X}"
        self.assertRegex(main, rf'CODECS="avc1\.[0-9A-F]{{4}}{level},mp4a\.40\.2",RESOLUTION=320x90,')
        self.assertIn("FRAME-RATE=25.000", main)
        marks = [d.get("type") for d in stream.get("side_data_list", []) if d["side_data_type"] == "Stereo 3D"]
        self.assertEqual(marks, ["side by side"])
        self.only(out, 2)
        self.assertEqual([round(float(x), 2) for x in found["video"].lengths], [6.0, 6.0, 4.0])

    def test_pieces_begin_with_keyframes(self):
        """Which are where segments begin, and every two seconds from there."""
        film = films.film("one-key", size="160x90", frames=400)
        out, _ = self.convert(film)
        playlist = self.playlists(out)["video"]
        self.pictures(film, out, playlist)
        self.assertEqual([round(float(x), 2) for x in playlist.lengths], [7.36, 7.32, 1.32])

    def test_tracks(self):
        film = films.film("tracks-mkv")
        out, said = self.convert(film)
        found = self.playlists(out)
        self.assertEqual(set(found), {"video", "sound-1", "sound-2", "text-1", "text-2"})
        times = self.pictures(film, out, found["video"])
        for i in (0, 1):
            self.sound(film, i, found[f"sound-{i + 1}"], times)
        main = out.read_text(encoding="utf-8")
        self.assertEqual(len(re.findall("#EXT-X-STREAM-INF", main)), 2)  # AAC, AC-3
        for language in ('"en"', '"fr"', '"de"'):
            self.assertIn("LANGUAGE=" + language, main)
        self.assertIn("chapters: HLS has no place for them", said)
        source = check.Media(str(film.path))
        for i in (0, 1):  # lines, and times from the first picture on
            text, want = check.subtitle_text(source, i)
            done = check.run(["ffmpeg", "-v", "error", "-i", str(found[f"text-{i + 1}"].file), "-f", "srt", "-"],
                             text=True).stdout
            self.assertEqual([line for line in text if line], re.findall(r"(?m)^(?!.*-->)\S.*$", done))
            at = re.search(r"(\d+):(\d+):(\d+),(\d+) -->", done).groups()
            ms = ((int(at[0]) * 60 + int(at[1])) * 60 + int(at[2])) * 1000 + int(at[3])
            self.assertLessEqual(abs(ms - float(times[0] * 1000) - want[0]), 2)

    def test_a_text_is_text(self):
        """An empty line ends no cue, an arrow neither, and "<3" begins no tag."""
        film = films.film("h264-b", size="160x90", frames=60)
        lines, source = self.folder / "lines.ass", self.folder / "lines.mp4"
        lines.write_text("[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n"
                         "[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
                         "Dialogue: 0,0:00:00.20,0:00:01.50,Default,,0,0,0,,One\\N\\NTwo\n"
                         "Dialogue: 0,0:00:01.60,0:00:02.00,Default,,0,0,0,,I <3 {\\b1}R&B{\\b0} --> you\n",
                         encoding="utf-8")
        check.run(["ffmpeg", "-v", "error", "-i", str(film.path), "-i", str(lines), "-map", "0:v", "-map", "1:s", "-c", "copy",
                   "-c:s", "mov_text", str(source)])
        out = self.folder / "out.m3u8"
        self.succeeded(base.convert(source, out), out)
        text = self.playlists(out)["text-1"].file.read_text(encoding="utf-8")
        self.assertRegex(text, r" --> [\d:.]+\nOne\nTwo\n\n")
        self.assertRegex(text, r" --> [\d:.]+\nI &lt;3 <b>R&amp;B</b> --&gt; you\n\n$")

    def test_a_sound_that_begins_late(self):
        """Its playlist counts from the film's start, as the picture's does."""
        film, source = films.film("h264-b", size="160x90", frames=400), self.folder / "late.mkv"
        check.run(["ffmpeg", "-v", "error", "-i", str(film.path), "-itsoffset", "4", "-t", "9", "-i", str(film.path), "-map", "0:v",
                   "-map", "1:a", "-c", "copy", str(source)])
        out = self.folder / "out.m3u8"
        self.succeeded(base.convert(source, out, "--preset", "ultrafast"), out)
        found, ends = self.playlists(out), {}
        for name in ("video", "sound-1"):
            packets = check.probe(str(found[name].file), "-show_packets", "-show_entries", "packet=pts_time,duration_time")["packets"]
            ends[name] = float(packets[0]["pts_time"]), float(packets[-1]["pts_time"])
        self.assertGreater(ends["sound-1"][0] - ends["video"][0], 3.5)
        self.assertLess(abs(float(sum(found["sound-1"].lengths)) - (ends["sound-1"][1] - ends["video"][0])), 0.1)

    def test_killed_when_it_was_published(self):
        """The next attempt knows the film as its own, and leaves nothing else."""
        film, out = films.film("h264-b", size="160x90", frames=60), self.folder / "out.m3u8"
        done = base.convert(film.path, out, segments=2, STEREO_FP="assemble.after_publish=kill")
        if done.returncode == 0:
            self.skipTest("this build has no failpoints")
        published = out.read_text(encoding="utf-8")
        self.convert(film, segments=2)
        self.assertEqual(out.read_text(encoding="utf-8"), published)
        self.only(out, 2)

    def test_one_that_was_moved_stays(self):
        film, kept = films.film("h264-b", size="160x90", frames=60), self.folder / "kept.m3u8"
        out, _ = self.convert(film)
        out.rename(kept)
        again, _ = self.convert(film, "--divergence", "1")
        files = [self.playlists(playlist)["video"].file for playlist in (kept, again)]
        self.assertNotEqual(*files)
        for file in files:
            self.assertTrue(file.exists(), file)

    def test_killed_and_replaced(self):
        film = films.film("h264-b", size="160x90", frames=60)
        out = self.folder / "out.m3u8"
        done = base.convert(film.path, out, segments=2, STEREO_FP="assemble.packaged=kill")
        if done.returncode == 0:
            self.skipTest("this build has no failpoints")
        self.assertFalse(out.exists())
        self.convert(film, segments=2)
        self.only(out, 2)
        first = self.playlists(out)["video"].file
        again, _ = self.convert(film, "--overwrite", "--divergence", "1", segments=2)
        self.only(again, 2)
        self.assertFalse(first.exists())
        self.pictures(film, again, self.playlists(again)["video"])

    def test_an_encoder_that_hls_does_not_know(self):
        film = films.film("h264-b")
        done = base.convert(film.path, self.folder / "out.m3u8", "--codec", "mpeg4")
        self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
        self.assertIn("HLS takes H.264, HEVC and AV1 only", done.stdout + done.stderr)
        self.assertFalse((self.folder / "out_hls").exists())

    def test_hevc(self):
        film = films.film("hevc10", frames=40)
        out, _ = self.convert(film, "--codec", "libx265", "--preset", "ultrafast", segments=2)
        self.pictures(film, out, self.playlists(out)["video"])
        self.assertRegex(out.read_text(encoding="utf-8"), r'CODECS="hvc1\.2\.4\.L\d+\.[0-9A-F.]+"')


if __name__ == "__main__":
    sys.argv = [arg for arg in sys.argv if arg not in ("--short", "--rest")]
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`stereo convert` over what is no film, is half of one, lies, or means harm: a clear line and the
class's exit code, or the film with what is damaged counted; nothing half-written, never a hang.

    test_hostile.py [--short | --rest] [-k PATTERN]      programs as in test_convert.py
"""
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402
import hostile  # noqa: E402
import test_convert as base  # noqa: E402

SECONDS = 150  # no answer takes longer, on a busy machine
CONFIG, INPUT, INTERNAL = 64, 65, 70


class Case(base.Case):
    """Each file and each output in a folder of its own."""

    def convert(self, source, *args, out=None, verb="convert"):
        self.out = out or self.folder / "out.mp4"
        done = subprocess.run([base.STEREO, verb, str(source), str(self.out), *args],
                              env=base.environment(), capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        for sign in ("AddressSanitizer", "runtime error", "LeakSanitizer"):
            self.assertNotIn(sign, done.stderr + done.stdout)
        return done

    def lines(self, done):
        return [line for line in done.stderr.splitlines() if line]

    def refused(self, source, code, *words, args=(), out=None):
        """One line on stderr, which names the thing; no output, no work folder."""
        before = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*")}
        done = self.convert(source, *args, out=out)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        lines = self.lines(done)
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertTrue(lines[0].startswith("stereo: error: "), lines[0])
        for word in words:
            self.assertIn(word, lines[0])
        after = {path: path.stat().st_mtime_ns for path in self.folder.rglob("*")}
        self.assertEqual(after, before, "something was left or touched")
        return lines[0]

    def made(self, source, frames=None, damaged=0, args=()):
        """The film, with so many frames (None: any), of which so many at least are damaged."""
        done = self.convert(source, "--json", *args)
        self.assertEqual(done.returncode, 0, done.stdout[-1500:] + done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        output = events[-1]["output"]
        if frames is not None:
            self.assertEqual(output["frames"], frames)
        if damaged:
            self.assertGreaterEqual(output["damagedFrames"], damaged)
        else:
            self.assertEqual(output["damagedFrames"], 0)
        self.assertLessEqual(output["damagedFrames"], output["frames"])
        self.assertEqual(len(check.Media(self.out).frame_times()), output["frames"])
        self.assertFalse(self.out.with_name(self.out.name + ".stereojob").exists())
        return output, [event["message"] for event in events if event["event"] == "note"]


class NoFilmTest(Case):
    """What is no film at all."""

    @base.short
    def test_missing(self):
        self.refused(self.folder / "nothere.mp4", INPUT, "nothere.mp4", "No such file")

    @base.short
    def test_a_folder(self):
        (self.folder / "films").mkdir()
        self.refused(self.folder / "films", INPUT, "films", "is a folder")

    @base.short
    def test_empty(self):
        self.refused(hostile.text(self.folder / "empty.mp4", ""), INPUT, "empty.mp4", "empty")

    @base.short
    def test_text(self):
        path = hostile.text(self.folder / "notes.mkv", "this is no film\n" * 1000)
        self.refused(path, INPUT, "notes.mkv", "not a film")

    @base.long
    def test_noise(self):
        for name in ("noise.mp4", "noise.ts", "noise"):
            self.refused(hostile.noise(self.folder / name), INPUT, name, "not a film")

    @base.short
    def test_sound_only(self):
        path = hostile.ffmpeg(self.folder / "song.m4a", "-c:a", "aac", inputs=hostile.SOUND)
        self.refused(path, INPUT, "song.m4a", "no video stream")


class HalfTest(Case):
    """Cut off and damaged films."""

    @base.short
    def test_an_mp4_without_its_index(self):
        path = hostile.cut(hostile.plain(self.folder / "half.mp4"), 0.6)
        self.refused(path, INPUT, "half.mp4", "moov", "cut off")

    @base.short
    def test_one_frame(self):
        self.made(hostile.plain(self.folder / "one.mp4", "-frames:v", "1"), 1)

    @base.long
    def test_cut_in_the_middle(self):
        for ext, codec in ((".mkv", None), (".avi", ["-c:v", "mpeg4"]), (".ts", None)):
            with self.subTest(ext=ext):
                path = hostile.cut(hostile.plain(self.folder / f"half{ext}", codec=codec), 0.5)
                done = self.convert(path, "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                events = [json.loads(line) for line in done.stdout.splitlines()]
                output = events[-1]["output"]
                self.assertIn(output["frames"], range(10, 45))
                self.assertLessEqual(output["damagedFrames"], 1)
                notes = " ".join(e["message"] for e in events if e["event"] == "note")
                if ext == ".mkv":
                    self.assertIn("cut off?", notes)
                self.out.unlink()

    @base.long
    def test_an_mp4_whose_pictures_are_cut_off(self):
        path = hostile.plain(self.folder / "fast.mp4", "-movflags", "+faststart")
        count = len(check.Media(path).frame_times())
        hostile.cut(path, 0.7)
        output, _ = self.made(path, None, damaged=5)
        self.assertLessEqual(output["frames"], count)


class DamagedTest(Case):
    """Bits flipped: every frame at its time, and how many of them are damaged."""

    def damaged(self, ext, bits, segments=1, codec=None):
        whole = hostile.plain(self.folder / f"film{ext}", seconds=3, codec=codec)
        times = check.Media(whole).frame_times()
        hostile.flipped(whole, bits, seed=7)
        length = "36000" if segments == 1 else f"{3 / segments:.2f}"
        output, notes = self.made(whole, None, damaged=1, args=("--segment-seconds", length))
        self.assertTrue(any("damaged" in note and str(output["damagedFrames"]) in note
                            for note in notes), notes)
        return times, check.Media(self.out).frame_times(), output

    def exact(self, ext, bits, **more):
        times, found, _ = self.damaged(ext, bits, **more)
        self.assertEqual(len(found), len(times))
        for was, now in zip(times, found):
            self.assertAlmostEqual(float(now - found[0]), float(was - times[0]), delta=0.0011)

    @base.short
    def test_mp4_in_three_segments(self):
        self.exact(".mp4", 60, segments=3)

    @base.long
    def test_codecs(self):
        hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
                "keyint=12:bframes=2:log-level=error"]
        for ext, bits, codec in ((".mp4", 400, ["-c:v", "mpeg4", "-g", "12"]), (".mp4", 60, hevc),
                                 (".mov", 100, ["-c:v", "mjpeg"])):
            with self.subTest(codec=codec[1]):
                self.exact(ext, bits, codec=codec)
                self.out.unlink()

    @base.long
    def test_containers_that_lose_packets(self):
        for ext, bits in ((".ts", 60), (".mkv", 25)):
            with self.subTest(ext=ext):
                times, found, output = self.damaged(ext, bits, segments=3)
                self.assertGreater(len(found), len(times) / 2)
                self.assertLess(output["damagedFrames"], output["frames"])
                self.assertEqual(found, sorted(set(found)))
                self.out.unlink()

    @base.short
    def test_nothing_decodes(self):
        path = hostile.plain(self.folder / "black.mp4")
        data = bytearray(path.read_bytes())
        at = data.find(b"mdat") + 4
        end = data.rfind(b"moov") - 4
        data[at:end] = bytes(end - at)
        path.write_bytes(data)
        done = self.convert(path)
        self.assertEqual(done.returncode, INPUT, done.stdout + done.stderr)
        self.assertRegex(done.stderr, "none of its .*decoded")
        self.assertFalse(self.out.exists())


class LiesTest(Case):
    """Headers that claim what cannot be."""

    @base.long
    def test_huge_pictures_that_are_small(self):
        self.made(hostile.mkv_says(self.folder / "big.mkv", hostile.TRACKS, b"\xb0", b"\xff\xff"), 50)
        self.out.unlink()
        self.made(hostile.mp4_says(self.folder / "big.mp4", b"stsd", 40, ">HH", 65535, 65535), 50)

    @base.long
    def test_a_film_of_a_million_hours(self):
        says = struct.pack(">d", 3.6e12)
        _, notes = self.made(hostile.mkv_says(self.folder / "long.mkv", hostile.INFO, b"\x44\x89", says), 50)
        self.assertIn("3600000000.0 s", " ".join(notes))

    @base.long
    def test_a_million_frames_a_second(self):
        plain = hostile.plain(self.folder / "fast.mp4", "-bf", "0", "-use_editlist", "0")
        data = plain.read_bytes()
        clock = 512 * 1000000

        def change(here, body):
            return body[:12] + struct.pack(">I", clock) + body[16:] if here[-1] == b"mdhd" else None
        plain.write_bytes(hostile.rebuilt(data, change))
        self.made(plain, 50)

    @base.long
    def test_counts_of_two_billion(self):
        for name, at in ((b"stts", 8), (b"stsz", 8), (b"stsc", 4), (b"stco", 4), (b"ctts", 4)):
            with self.subTest(box=name):
                path = hostile.mp4_says(self.folder / f"{name.decode()}.mp4", name, at, ">I",
                                        0x7fffffff)
                done = self.convert(path)
                self.assertIn(done.returncode, (0, INPUT), done.stdout + done.stderr)
                self.assertEqual(self.out.exists(), done.returncode == 0)
                if self.out.exists():
                    self.out.unlink()

    def sounds(self):
        """Of the output: packets of each sound."""
        packets = check.probe(str(self.out), "-show_packets", "-select_streams", "a")["packets"]
        return [sum(packet["stream_index"] == at for packet in packets)
                for at in sorted({packet["stream_index"] for packet in packets})]

    @base.short
    def test_a_sound_that_nobody_understands(self):
        """Nothing says how long its packets are: an MP4's edit list would end before the last, which is not found then."""
        sound = hostile.ffmpeg(self.folder / "sound.mp4", *hostile.X264, "-c:a", "aac", "-movflags",
                               "+frag_keyframe+empty_moov", "-shortest", inputs=[*hostile.MOVIE, *hostile.SOUND], seconds=0.4)
        packets = check.probe(str(sound), "-show_packets", "-select_streams", "a")["packets"]
        data = bytearray(sound.read_bytes())
        for packet in packets:
            at, size = int(packet["pos"]), int(packet["size"])
            data[at:at + size] = b"\x2a" * size
        sound.write_bytes(data)
        for ext in (".mp4", ".mkv"):
            done = self.convert(sound, out=self.folder / ("out" + ext))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.sounds(), [len(packets)])

    @base.short
    def test_a_sound_without_a_packet(self):
        """MP4 has no track for it: those behind it are counted all the same."""
        silent = self.folder / "silent.mkv"
        hostile.ffmpeg(silent, *hostile.X264, "-map", "0", "-map", "1", "-map", "1", "-c:a", "flac", "-frames:a:0", "0",
                       "-shortest", inputs=[*hostile.MOVIE, *hostile.SOUND])
        for ext in (".mp4", ".mov", ".mkv", ".m3u8"):
            done = self.convert(silent, out=self.folder / ("out" + ext))
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(self.sounds()), 1, ext)

    @base.short
    def test_a_sound_with_an_empty_packet(self):
        """Nothing is heard of it, and readers pass over it: it is no loss that ends a film."""
        sound = hostile.ffmpeg(self.folder / "sound.mp4", *hostile.X264, "-c:a", "aac", "-shortest",
                               inputs=[*hostile.MOVIE, *hostile.SOUND])
        sizes = []

        def change(here, body):
            if here[-1] != b"stsz":
                return None
            sizes.append(body)
            return body[:12 + 4 * 9] + bytes(4) + body[12 + 4 * 10:] if len(sizes) == 2 else body
        sound.write_bytes(hostile.rebuilt(sound.read_bytes(), change))
        for ext in (".mkv", ".mp4"):
            done = self.convert(sound, out=self.folder / ("out" + ext))
            self.assertEqual(done.returncode, 0, done.stderr)
            packets = check.probe(str(self.out), "-show_packets", "-select_streams", "a")["packets"]
            self.assertEqual(len(packets), struct.unpack_from(">I", sizes[1], 8)[0] - 1)
            self.assertTrue(all(int(packet["size"]) > 0 for packet in packets))

    @base.long
    def test_ten_thousand_streams(self):
        path = hostile.mp4_tracks(self.folder / "many.mp4", 10000)
        self.refused(path, INPUT, "many.mp4", "256 streams")

    @base.long
    def test_a_bomb(self):
        """30 kB that are 120 million pixels a picture, 50 times."""
        huge = ["-f", "lavfi", "-i", "color=s=11000x11000:r=25:d=0.04"]
        path = hostile.ffmpeg(self.folder / "bomb.mov", "-c:v", "png", "-pred", "none",
                              inputs=huge)
        line = self.refused(path, INPUT, "bomb.mov", "memory", "scale=")
        self.assertIn("22000x11000", line)


class ElsewhereTest(Case):
    """What points at other files and hosts: nothing there is opened."""

    def setUp(self):
        super().setUp()
        self.canary = hostile.plain(self.folder / "canary.mp4", seconds=0.4)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/canary.mp4"
        os.utime(self.canary, (1, 1))

    def tearDown(self):
        with self.assertRaises(TimeoutError, msg="somebody called the listener"):
            self.listener.accept()
        self.listener.close()
        self.assertEqual(self.canary.stat().st_atime, 1, "somebody read the canary")
        super().tearDown()

    def playlists(self, where):
        yield "list.m3u8", (f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{where}\n"
                            "#EXT-X-ENDLIST\n")
        yield "list.ffconcat", f"ffconcat version 1.0\nfile {where}\n"
        yield "list.mpd", ('<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
                           'type="static"><Period><AdaptationSet mimeType="video/mp4">'
                           f'<Representation id="1"><BaseURL>{where}</BaseURL></Representation>'
                           "</AdaptationSet></Period></MPD>\n")
        yield "list.sdp", ("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
                           "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n")

    def test_playlists(self):
        for where in (self.canary, self.url)[:1 if base.SHORT else 2]:
            for name, words in self.playlists(where):
                for ext in ("", ".mp4")[:1 if base.SHORT else 2]:
                    with self.subTest(name=name + ext, where=where):
                        path = hostile.text(self.folder / (name + ext), words)
                        self.refused(path, INPUT, name, "not a film")

    @base.long
    def test_a_mov_of_another_file(self):
        path = hostile.mov_alias(self.folder / "alias.mov", str(self.canary))
        self.refused(path, INPUT, "alias.mov", "another file")


class PlacesTest(Case):
    """Where the output would go."""

    def setUp(self):
        super().setUp()
        self.film = hostile.plain(self.folder / "film.mp4", seconds=0.4)

    @base.short
    def test_the_output_is_the_input(self):
        hard, soft = self.folder / "hard.mp4", self.folder / "soft.mp4"
        os.link(self.film, hard)
        soft.symlink_to(self.film)
        (self.folder / "sub").mkdir()
        around = f"{self.folder}/sub/../film.mp4"
        for out in (self.film, hard, soft, around):
            for args in ((), ("--overwrite",)):
                with self.subTest(out=str(out), args=args):
                    self.refused(self.film, CONFIG, "is the source", args=args, out=out)

    @base.short
    def test_the_output_exists(self):
        out = self.folder / "mine.mp4"
        out.write_text("mine", encoding="ascii")
        self.refused(self.film, CONFIG, "mine.mp4", "--overwrite", out=out)
        self.assertEqual(out.read_text(encoding="ascii"), "mine")

    @base.short
    def test_places_that_are_none(self):
        (self.folder / "pipe.mp4").unlink(missing_ok=True)
        os.mkfifo(self.folder / "pipe.mp4")
        for out, words in ((self.folder / "no" / "o.mp4", "does not exist"),
                           (self.folder / "pipe.mp4", "not a regular file"),
                           (self.folder / "o.avi", ".mp4, .mov, .mkv or .m3u8")):
            with self.subTest(out=str(out)):
                self.refused(self.film, CONFIG, words, out=out)
        self.refused(self.folder / "pipe.mp4", INPUT, "no regular file")

    @base.short
    def test_the_work_folder_is_elsewhere_than_it_may(self):
        out = self.folder / "o.mp4"
        for work, word in ((out, "--work-dir"), (out / "work", "--work-dir"),
                           (self.film, "--work-dir")):
            with self.subTest(work=str(work)):
                self.refused(self.film, CONFIG, word, args=("--work-dir", str(work)), out=out)

    @base.short
    def test_a_work_folder_of_somebody_else(self):
        mine = self.folder / "mine"
        mine.mkdir()
        (mine / "letter.txt").write_text("dear", encoding="ascii")
        (mine / "segments").mkdir()
        (mine / "segments" / "of-mine.txt").write_text("kept", encoding="ascii")
        self.refused(self.film, CONFIG, "--work-dir", "mine", args=("--work-dir", str(mine)))
        (mine / "segments" / "of-mine.txt").unlink()
        (mine / "segments").rmdir()
        self.made(self.film, 10, args=("--work-dir", str(mine)))
        self.assertEqual([path.name for path in mine.iterdir()], ["letter.txt"])

    @base.short
    def test_options_that_cannot_be(self):
        for args, words in ((("--from", "10", "--to", "5"), "--to: must be after"), (("--crf", "99"), "--crf"),
                            (("--max-fps", "0"), "--max-fps"), (("--max-fps", "nan"), "--max-fps"),
                            (("--divergence", "1e309"), "--divergence"),
                            (("--layout", "full-sbs,half-sbs"), "--layout"),
                            (("--codec", "libx266"), "no encoder libx266"),
                            (("--segment-seconds", "-1"), "--segment-seconds"),
                            (("--parallelism", "0"), "--parallelism"),
                            (("--no-such-thing",), "--no-such-thing")):
            with self.subTest(args=args):
                self.refused(self.film, CONFIG, words, args=args)


if __name__ == "__main__":
    sys.argv = [arg for arg in sys.argv if arg not in ("--short", "--rest")]
    unittest.main(verbosity=2)

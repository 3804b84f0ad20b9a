#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py must pass a good film and name what is broken in each of these."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import check  # noqa: E402
import films  # noqa: E402

SBS = "split[a][b];[a][b]hstack"
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-crf", "18", "-fps_mode", "passthrough",
        "-enc_time_base", "-1", "-x264-params"]
PACKED = [*X264, "frame-packing=3:bframes=2"]
MARK = ["-metadata:s:v:0", "stereo_mode=left_right"]


def ffmpeg(*args):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *args], check=True)


class CheckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.film = films.film("tracks-mkv", frames=60)
        cls.good = f"{cls.folder.name}/good.mkv"
        cls.make("good.mkv")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def make(cls, name, filters=SBS, before=(), args=(), video=None):
        path = f"{cls.folder.name}/{name}"
        ffmpeg(*before, "-i", str(cls.film.path), "-map", "0", "-filter:v:0", filters,
               *(video or PACKED), "-c:a", "copy", "-c:s", "copy", *MARK, *args, path)
        return path

    def verdict(self, path, layout="full-sbs", source=None):
        return check.check(source or self.film.path, path, layout, self.film.frames, seeks=4)

    def broken(self, path, part, layout="full-sbs"):
        wrong = self.verdict(path, layout)
        self.assertTrue(any(part in line for line in wrong), f"want '{part}' in {wrong}")

    def test_a_good_film_passes(self):
        self.assertEqual(self.verdict(self.good), [])

    def test_a_dropped_frame(self):
        path = self.make("drop.mkv", f"select='not(eq(n\\,31))',{SBS}")
        self.broken(path, "times: 59 frames")
        self.broken(path, "frames: left eye: at 31: 32")

    def test_two_frames_swapped(self):
        self.broken(self.make("swap.mkv", f"shuffleframes=0|2|1|3|4|5,{SBS}"),
                    "frames: left eye: at 1: 2")

    def test_a_frame_repeated_in_place_of_another(self):
        self.broken(self.make("again.mkv", f"shuffleframes=0|1|1|3|4|5,{SBS}"),
                    "frames: left eye: at 2: 1")

    def test_one_eye_late(self):
        late = "split[a][b];[b]tpad=start=1:start_mode=clone,trim=end_frame=60[c];[a][c]hstack"
        self.broken(self.make("late.mkv", late), "frames: right eye")

    def test_times_that_jitter(self):
        self.broken(self.make("jitter.mkv", f"setpts='PTS+eq(N\\,20)*0.004/TB',{SBS}"),
                    "times: frame 20")

    def test_sound_moved_by_50_ms(self):
        path = f"{self.folder.name}/sound.mkv"
        ffmpeg("-i", self.good, "-itsoffset", "0.05", "-i", self.good, "-map", "0:v", "-map",
               "1:a", "-map", "0:s", "-c", "copy", "-map_chapters", "0", *MARK, path)
        self.broken(path, "sync: audio 0 is 5")

    def test_sound_encoded_again(self):
        self.broken(self.make("again-sound.mkv", args=["-c:a:0", "aac", "-b:a:0", "64k"]),
                    "audio 0: other packets")

    def test_a_sound_lost(self):
        self.broken(self.make("lost.mkv", args=["-map", "-0:a:1"]), "audio: 1 streams")

    def test_sounds_exchanged(self):
        path = f"{self.folder.name}/exchanged.mkv"
        ffmpeg("-i", self.good, "-map", "0:v", "-map", "0:a:1", "-map", "0:a:0", "-map", "0:s",
               "-c", "copy", *MARK, path)
        self.broken(path, "audio 0: ac3")

    def test_chapters_stripped(self):
        self.broken(self.make("chapters.mkv", args=["-map_chapters", "-1"]), "chapters: 0")

    def test_title_lost(self):
        self.broken(self.make("title.mkv", args=["-metadata", "title="]), "tag title")

    def test_language_lost(self):
        self.broken(self.make("language.mkv", args=["-metadata:s:a:1", "language=eng"]),
                    "language of audio 1")

    def test_disposition_changed(self):
        self.broken(self.make("default.mkv", args=["-disposition:a:1", "default"]),
                    "disposition of audio 1")

    def test_subtitle_text_changed(self):
        srt = f"{self.folder.name}/other.srt"
        pathlib.Path(srt).write_text("1\n00:00:00,250 --> 00:00:00,900\nelse\n\n",
                                     encoding="utf-8")
        path = f"{self.folder.name}/text.mkv"
        ffmpeg("-i", self.good, "-i", srt, "-map", "0:v", "-map", "0:a", "-map", "1:s", "-map",
               "0:s:1", "-c", "copy", *MARK, path)
        self.broken(path, "subtitle 0")

    def test_wrong_pixel_shape(self):
        self.broken(self.make("sar.mkv", f"{SBS},setsar=2"), "SAR: 2")

    def test_half_size_wants_another_shape(self):
        path = self.make("half.mkv", f"{SBS},scale=iw/2:ih,setsar=1")
        self.broken(path, "SAR: 1, want 2", "half-sbs")
        path = self.make("half2.mkv", f"{SBS},scale=iw/2:ih,setsar=2")
        self.assertEqual(self.verdict(path, "half-sbs"), [])

    def test_wrong_size(self):
        self.broken(self.make("size.mkv", "null"), "size: 320x180")

    def test_no_mark_in_the_container(self):
        self.broken(self.make("mark.mkv", args=["-metadata:s:v:0", "stereo_mode="]),
                    "3D mark of the container")

    def test_no_mark_in_the_video(self):
        self.broken(self.make("sei.mkv", video=[*X264, "bframes=2"]), "3D mark of the video")

    def test_top_bottom_taken_for_side_by_side(self):
        self.broken(self.make("tb.mkv", "split[a][b];[a][b]vstack"), "size: 320x360")

    def test_damaged_packets(self):
        data = bytearray(pathlib.Path(self.good).read_bytes())
        for at in range(len(data) // 2, len(data) // 2 + 6000, 37):
            data[at] ^= 0x5a
        path = f"{self.folder.name}/damaged.mkv"
        pathlib.Path(path).write_bytes(data)
        self.assertNotEqual(self.verdict(path), [])

    def test_cut_short(self):
        path = f"{self.folder.name}/short.mkv"
        data = pathlib.Path(self.good).read_bytes()
        pathlib.Path(path).write_bytes(data[:len(data) * 2 // 3])
        self.broken(path, "times:")

    def test_moov_behind(self):
        film = films.film("h264-b", frames=60)
        path = f"{self.folder.name}/behind.mp4"
        ffmpeg("-i", str(film.path), "-map", "0", "-filter:v", SBS, *PACKED, "-c:a", "copy", path)
        wrong = check.check(film.path, path, "full-sbs", 60)
        self.assertTrue(any(line.startswith("moov:") for line in wrong), wrong)

    def test_mp4_times_must_be_exact(self):
        film = films.film("ntsc-late", frames=60)
        path = f"{self.folder.name}/ntsc.mp4"
        ffmpeg("-i", str(film.path), "-map", "0", "-filter:v", f"{SBS},settb=1/1000", *PACKED,
               "-video_track_timescale", "1000", "-c:a", "copy", "-movflags", "+faststart", path)
        wrong = check.check(film.path, path, "full-sbs", 60)
        self.assertTrue(any(line.startswith("times: frame") for line in wrong), wrong)

    def test_seeking_that_shows_another_frame(self):
        media = check.Media(self.good)
        shifted = [t + check.Fraction(3, 25) for t in media.frame_times()]
        media.frame_times = lambda: shifted
        self.assertTrue(list(check.check_seeks(media, "full-sbs", range(55), 3)))

    def test_colour_tags_lost(self):
        film = films.film("hdr10", frames=30)
        path = f"{self.folder.name}/colour.mkv"
        ffmpeg("-i", str(film.path), "-filter:v", f"{SBS},setparams=color_trc=bt709", "-c:v",
               "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error", path)
        wrong = check.check(film.path, path, "full-sbs", 30)
        self.assertTrue(any(line.startswith("color_transfer") for line in wrong), wrong)

    def remade(self, *args, late="0"):
        """What is wrong with the sound, made FLAC of PCM in that way."""
        film = films.film("mov-pcm", frames=60)
        path = f"{self.folder.name}/remade.mp4"
        ffmpeg("-i", str(film.path), "-itsoffset", late, "-i", str(film.path), "-map", "0:v", "-map", "1:a",
               "-filter:v", SBS, *PACKED, "-c:a", "flac", *args, "-strict", "-2", "-movflags", "+faststart", path)
        return [line for line in check.check(film.path, path, "full-sbs", 60) if line.startswith("audio")]

    def test_a_sound_made_anew(self):
        self.assertEqual(self.remade(), [])
        for args, late, want in (((), "0.05", "begins 50"), (("-filter:a", "volume=0.9"), "0", "other samples"),
                                 (("-filter:a", "atrim=end=1.5"), "0", "ends -"),
                                 (("-c:a", "aac"), "0", "aac, want flac")):
            wrong = self.remade(*args, late=late)
            self.assertTrue(any(want in line for line in wrong), f"want '{want}' in {wrong}")


if __name__ == "__main__":
    unittest.main()

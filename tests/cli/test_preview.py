#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`stereo preview`: what its pictures show is what a conversion gives.

STEREO and STEREO_WORKER name the programs.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

STEREO = os.environ["STEREO"]
W, H, FRAMES, AT = 160, 90, 60, 30
GAP, STRIP = 4, 11  # samples around the pictures, and of the labels below them


def stereo(*args):
    return subprocess.run([STEREO, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=120, check=False)


def ffmpeg(*args):
    return subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *map(str, args)], stdout=subprocess.PIPE,
                          check=True).stdout


class Picture:
    def __init__(self, width, height, data):
        assert len(data) == width * height * 3, (len(data), width, height)
        self.width, self.height, self.data = width, height, data

    @classmethod
    def of(cls, path, *options):
        size = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0",
                               "-select_streams", "v:0", path], stdout=subprocess.PIPE, check=True, text=True).stdout
        width, height = map(int, size.strip().strip(",").split(","))
        return cls(width, height, ffmpeg("-i", path, *options, "-frames:v", 1, "-f", "rawvideo", "-pix_fmt", "rgb24",
                                         "-sws_flags", "area+accurate_rnd+full_chroma_int", "-"))

    def part(self, x, y, width, height):
        rows = (self.data[((y + j) * self.width + x) * 3:((y + j) * self.width + x + width) * 3]
                for j in range(height))
        return Picture(width, height, b"".join(rows))

    def off(self, other):
        assert (self.width, self.height) == (other.width, other.height)
        return sum(abs(a - b) for a, b in zip(self.data, other.data)) / len(self.data)


def cell(sheet, column, row, views=1):
    return sheet.part(GAP + column * (views * W + GAP), GAP + row * (H + STRIP + GAP), views * W, H)


class PreviewTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="stereo-preview-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.film = cls.folder / "in.mp4"
        ffmpeg("-f", "lavfi", "-i", f"testsrc2=s={W}x{H}:r=25", "-frames:v", FRAMES, "-pix_fmt", "yuv420p", "-crf",
               "10", "-g", "20", cls.film)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def preview(self, name, *args):
        done = stereo("preview", self.film, "-o", self.folder / name, "--width", W, "--json", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def converted(self, layout, *args):
        out = self.folder / f"{layout}.mkv"
        done = stereo("convert", self.film, out, "--layout", layout, "--crf", "6", "--overwrite", *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return Picture.of(out, "-vf", rf"select=eq(n\,{AT})")

    def test_it_shows_what_a_conversion_gives(self):
        told = self.preview("same", "--at", AT / 25, "--divergence", "0,6", "--convergence", "0.2,0.5")
        names = sorted(path.name for path in (self.folder / "same").iterdir())
        self.assertEqual(names, ["01-anaglyph.png", "01-sbs.png", "depth.png"])
        self.assertEqual(sorted(pathlib.Path(one["path"]).name for one in told["pictures"]), names)
        self.assertEqual(told["frames"], [{"frame": 1, "seconds": AT / 25}])
        sbs = Picture.of(self.folder / "same" / "01-sbs.png")
        self.assertEqual((sbs.width, sbs.height), (2 * (2 * W + GAP) + GAP, 2 * (H + STRIP + GAP) + GAP))
        film = Picture.of(self.film, "-vf", rf"select=eq(n\,{AT})")
        flat, deep = cell(sbs, 1, 0, 2), cell(sbs, 1, 1, 2)
        for x in (0, W):
            self.assertLess(flat.part(x, 0, W, H).off(film), 1, "without divergence an eye is the film")
            self.assertGreater(deep.part(x, 0, W, H).off(film), 3)
        self.assertLess(deep.off(self.converted("full-sbs", "--divergence", "6")), 2.5)
        self.assertGreater(cell(sbs, 0, 1, 2).off(deep), 3, "the columns differ")
        anaglyph = cell(Picture.of(self.folder / "same" / "01-anaglyph.png"), 1, 1)
        self.assertLess(anaglyph.off(self.converted("anaglyph-dubois", "--divergence", "6")), 4)
        both = Picture.of(self.folder / "same" / "depth.png")
        self.assertLess(cell(both, 0, 0).off(film), 1)
        self.assertLess(cell(both, 1, 0).off(self.converted("depth", "--convergence", "0.2")), 3)
        for row in range(2):
            strip = sbs.part(GAP, GAP + H + row * (H + STRIP + GAP), 2 * W, STRIP)
            self.assertGreater(max(strip.data), 200, "the values are in the picture")

    def eyes(self, name, *args):
        self.preview(name, "--at", AT / 25, "--convergence", "0.5", *args)
        return cell(Picture.of(self.folder / name / "01-sbs.png"), 0, 0, 2)

    def test_the_warps_options_reach_the_pictures(self):
        film = Picture.of(self.film, "-vf", rf"select=eq(n\,{AT})")
        moved = self.eyes("moved", "--divergence", 0, "--ipd-offset", 10)  # 16 samples, half of them each eye
        self.assertLess(moved.part(20, 0, W - 40, H).off(film.part(12, 0, W - 40, H)), 1.5, "nearer: left eye, right")
        self.assertLess(moved.part(W + 20, 0, W - 40, H).off(film.part(28, 0, W - 40, H)), 1.5)
        plain = self.eyes("plain", "--divergence", 6)
        for option in (["--foreground-scale", "3"], ["--edge-dilation", "8"], ["--preserve-screen-border"]):
            shown = self.eyes(option[0].strip("-"), "--divergence", 6, *option)
            self.assertLess(shown.off(self.converted("full-sbs", "--divergence", "6", *option)), 2.5, option)
            self.assertGreater(shown.off(plain), 0.1, option)
        # The border stays where it was; where the eyes meet in the sheet their colours mix.
        self.assertLess(shown.part(0, 0, 1, H).off(film.part(0, 0, 1, H)), 3)
        self.assertLess(shown.part(2 * W - 1, 0, 1, H).off(film.part(W - 1, 0, 1, H)), 3)

    def test_a_screen_that_follows(self):
        """Each divergence has its own: what eyes bear depends on it. Over depth from a film as well."""
        depth = self.folder / "depths.mkv"
        done = stereo("convert", self.film, depth, "--layout", "depth", "--crf", "6")
        self.assertEqual(done.returncode, 0, done.stderr)
        for more in ([], ["--depth", f"video:{depth}"]):
            told = self.preview("follows", "--at", AT / 25, "--divergence", "2,9", "--convergence", "0.9,auto",
                                "--overwrite", *more)
            cells = [[one["convergenceMode"], one["convergence"]] for one in told["cells"]]
            self.assertEqual([one[0] for one in cells], ["Fixed", "Auto"] * 2)
            self.assertEqual([one[1] for one in cells[::2]], [0.9, 0.9])
            self.assertTrue(all(0.2 <= one[1] <= 0.8 for one in cells[1::2]), cells)
            sbs = Picture.of(self.folder / "follows" / "01-sbs.png")
            for row, divergence in enumerate((2, 9)):
                shown = cell(sbs, 1, row, 2)
                self.assertLess(shown.off(self.converted("full-sbs", "--divergence", divergence, "--convergence", "auto",
                                                         *more)), 2.5, (divergence, more))
            self.assertGreater(shown.off(cell(sbs, 0, 1, 2)), 3, "it is not where it is put")

    def test_the_values_that_tire_are_named(self):
        told = self.preview("cells", "--frames", 2, "--divergence", "1,8", "--convergence", "0.5")
        self.assertEqual(len(told["frames"]), 2)
        self.assertTrue(all(0 < one["seconds"] < FRAMES / 25 for one in told["frames"]))
        self.assertEqual([one["comfortable"] for one in told["cells"]], [True, False] * 2)
        for small, large in zip(told["cells"][::2], told["cells"][1::2]):
            self.assertAlmostEqual(8 * small["behindPercent"], large["behindPercent"], delta=0.01)
        done = stereo("preview", self.film, "-o", self.folder / "cells", "--frames", 1, "--overwrite")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("01-anaglyph.png", done.stdout)
        self.assertIn("convert", done.stdout)

    def test_a_film_of_one_frame(self):
        one = self.folder / "one.mkv"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25", "-frames:v", 1, "-pix_fmt", "yuv420p10le", "-c:v", "ffv1", one)
        done = stereo("preview", one, "-o", self.folder / "one", "--width", 64, "--divergence", 1, "--convergence",
                      "0.5", "--frames", 2, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([frame["seconds"] for frame in json.loads(done.stdout)["frames"]], [0, 0])
        both = Picture.of(self.folder / "one" / "depth.png")
        self.assertLess(both.part(GAP, GAP, 64, 48).off(Picture.of(one)), 2)

    def test_what_is_there_stays(self):
        folder = self.folder / "mine"
        folder.mkdir()
        (folder / "depth.png").write_text("mine")
        done = stereo("preview", self.film, "-o", folder, "--frames", 1)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("depth.png exists; --overwrite replaces it", done.stderr)
        self.assertEqual([(path.name, path.read_text()) for path in folder.iterdir()], [("depth.png", "mine")])

    def refused(self, code, *args, words):
        done = stereo("preview", *args)
        self.assertEqual(done.returncode, code, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse((self.folder / "none").exists(), done.stderr)
        return done.stderr

    def test_what_is_wrong_is_told_at_once(self):
        none = self.folder / "none"
        text = self.refused(64, self.film, "--divergence", "1,x", "--convergence=2", "--frames", "0", "--width", "9",
                            words=["-o DIR is missing", "--divergence: 'x'", "--convergence: '2'", "--frames: '0'",
                                   "--width: '9'"])
        self.assertEqual(len(text.splitlines()), 5, text)
        self.refused(64, self.film, "-o", none, "--at", "1", "--frames", "2", words=["--frames: --at says already"])
        for text in ("7", "auto,auto"):
            self.refused(64, self.film, "-o", none, "--convergence", text, words=[
                f"'{text[-4:]}' must be numbers of 0 to 1, such as 0.3,0.5, or auto, once"])
        self.refused(64, self.film, "-o", none, "--at", "soon", words=["--at: 'soon'"])
        self.refused(64, self.film, "-o", none, "--at", "100", words=["--at: the film has 2.4"])
        self.refused(64, "-o", none, words=["preview takes one film"])
        self.refused(64, self.film, "-o", none, "--divergnce", "1", words=["--divergnce: no such option"])
        self.refused(64, self.film, "-o", self.film, words=["is a file; -o wants a folder"])
        self.refused(64, self.folder / "no.mp4", "-o", none, words=["no.mp4"])
        noise = self.folder / "noise.mp4"
        noise.write_bytes(bytes(range(256)) * 64)
        self.refused(65, noise, "-o", none, words=["noise.mp4"])


if __name__ == "__main__":
    unittest.main(verbosity=2)

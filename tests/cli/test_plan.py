#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`stereo plan`: what it says is what the conversion does.

STEREO and STEREO_WORKER name the programs.
"""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "s3"))
import client as s3  # noqa: E402

STEREO = os.environ["STEREO"]
FRAMES = 150

MANIFEST = """
apiVersion: stereojob.io/v1
kind: StereoJob
metadata: {name: film}
spec:
  source: {uri: "s3://films/in.mp4", secretName: s3}
  output: {uri: "s3://films/out.mp4", secretName: s3}
  segment: {seconds: 1}
  parallelism: 4
  resources: {gpu: {count: 2}}
"""


def stereo(*args, **env):
    return subprocess.run([STEREO, *map(str, args)], env={**os.environ, **env}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False)


class PlanTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="stereo-plan-")
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.tmp = cls.folder / "tmp"
        cls.tmp.mkdir()
        cls.film = cls.folder / "in.mp4"
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25", "-frames:v",
                        str(FRAMES), "-pix_fmt", "yuv420p", "-g", "25", str(cls.film)], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def plan(self, *args, **env):
        done = stereo("plan", *args, "--json", TMPDIR=str(self.tmp), **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(list(self.tmp.iterdir()), [], "nothing is left")
        return json.loads(done.stdout)

    def test_the_conversion_has_these_segments(self):
        options = ["--segment-seconds", "1.5", "--layout", "half-sbs"]
        plan = self.plan(self.film, *options)
        out = self.folder / "out.mp4"
        done = stereo("convert", self.film, out, *options, "--keep-work")
        self.assertEqual(done.returncode, 0, done.stderr)
        real = json.loads((self.folder / "out.mp4.stereojob" / "plan.json").read_text())
        self.assertEqual(plan["plan"]["segments"], len(real["segments"]))
        self.assertEqual((plan["plan"]["packedWidth"], plan["plan"]["packedHeight"]), (160, 90))
        self.assertEqual(plan["film"]["frames"], FRAMES)
        self.assertEqual(plan["film"]["durationMs"], FRAMES * 40)

    def test_the_sample_is_converted_here(self):
        plan = self.plan(self.film)
        sample, estimate = plan["sample"], plan["estimate"]
        self.assertTrue(40 <= sample["frames"] <= 60, sample)
        self.assertGreater(sample["wallMs"], 0)
        speed = sample["frames"] * 1000 / sample["wallMs"]
        self.assertAlmostEqual(estimate["framesPerSecond"], speed, delta=0.01)
        self.assertEqual(estimate["wallSeconds"], math.ceil(FRAMES / speed))
        self.assertEqual(estimate["gpuSeconds"], 0)

    def test_a_speed_is_taken_as_it_is(self):
        plan = self.plan(self.film, "--speed", "12.5")
        self.assertNotIn("sample", plan)
        self.assertEqual(plan["estimate"]["workerSeconds"], FRAMES / 12.5)
        done = stereo("plan", self.film, "--speed", "12.5")
        self.assertIn("Time:      about 12 s on this machine", done.stdout)

    def test_a_manifest_of_a_cluster(self):
        manifest = self.folder / "job.yaml"
        manifest.write_text(MANIFEST)
        server = s3.Server(self.folder / "s3")
        try:
            server.client.send("PUT", "/films")
            server.client.put("films", "in.mp4", self.film.read_bytes())
            keys = {"AWS_ACCESS_KEY_ID": server.client.access, "AWS_SECRET_ACCESS_KEY": server.client.secret,
                    "AWS_ENDPOINT_URL": server.client.endpoint, "AWS_REGION": "us-east-1",
                    "AWS_S3_ADDRESSING_STYLE": "path"}
            plan = self.plan("-f", manifest, "--speed", "10", **keys)
            sampled = self.plan("-f", manifest, **keys)
        finally:
            server.close()
        # six segments of 25 frames, four at a time: two waves of 2.5 s
        self.assertEqual(plan["plan"]["segments"], 6)
        self.assertEqual(plan["estimate"], {"parallelism": 4, "gpusPerWorker": 2, "sharesOneMachine": False,
                                            "framesPerSecond": 10, "workerSeconds": 15, "gpuSeconds": 30,
                                            "wallSeconds": 5})
        self.assertGreater(sampled["sample"]["frames"], 40)

    def test_bad_orders(self):
        volume = self.folder / "volume.yaml"
        volume.write_text(MANIFEST.replace("s3://films/in.mp4", "pvc://claim/in.mp4"))
        rows = [(["nothing.mp4"], 64, "nothing.mp4: No such file"),
                ([self.film, "--speed", "fast"], 64, "--speed: 'fast' must be frames a second"),
                ([self.film, "--speed", "0"], 64, "--speed: '0' must be"),
                ([], 64, "IN is missing"),
                ([self.film, "-f", volume], 64, "plan takes IN and OUT, or -f FILE"),
                (["-f", volume], 64, "pvc://claim/in.mp4 is on a volume, which only pods can read"),
                ([self.film, "--layout", "sbs"], 64, "--layout: 'sbs' is not one of"),
                ([__file__], 65, "")]
        for args, code, words in rows:
            with self.subTest(args=args):
                done = stereo("plan", *args)
                self.assertEqual(done.returncode, code, done.stderr)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stdout, "")
                for line in done.stderr.splitlines():
                    self.assertRegex(line, "^stereo: error: ")
        for verb in (["convert", self.film], ["run", "-f", volume]):
            done = stereo(*verb, "--speed", "3")
            self.assertEqual(done.returncode, 64)
            self.assertIn("--speed belongs to `stereo plan`", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cluster whose only way out is a proxy: the operator reaches the API server, and workers their S3, by CONNECT."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from control_world import Missing, World, until  # noqa: E402
import tunnel  # noqa: E402  pylint: disable=wrong-import-order

BUILD = os.environ.get("STEREO_BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/asan")
S3 = "s3.films.test:8443"  # no name server knows it: only the proxy does


class ProxiedTest(unittest.TestCase):
    def setUp(self):
        self.world = World(BUILD)
        self.world.__enter__()
        self.addCleanup(self.world.__exit__)
        pki = self.world.plane.pki
        pki.certificate("s3", "/CN=s3", "subjectAltName=DNS:s3.films.test\nextendedKeyUsage=serverAuth\n")
        behind = int(self.world.s3.endpoint.rsplit(":", 1)[1])
        front = tunnel.TlsFront(behind, pki.path("s3.crt"), pki.path("s3.key"))
        self.addCleanup(front.__exit__)
        self.proxy = tunnel.Proxy({S3: ("127.0.0.1", front.port)})
        self.addCleanup(self.proxy.__exit__)
        self.server = "127.0.0.1:%d" % self.world.plane.port
        self.world.kubelet.environment["STEREO_CA_FILE"] = pki.path("ca.crt")
        self.world.secret_make("far", AWS_ENDPOINT_URL="https://" + S3)

    def job(self, name):
        return self.world.job(name, source={"uri": "s3://films/in.mp4", "secretName": "far"},
                              output={"uri": "s3://films/%s.mp4" % name, "secretName": "far"}, work={"secretName": "far"})

    def test_a_job(self):
        film = self.world.film(frames=50)
        operator = self.world.operator(HTTPS_PROXY=self.proxy.url, STEREO_PROXY_HTTPS=self.proxy.url)
        self.job("film")
        self.world.until_phase("film", "Completed")
        self.world.check(film, "film.mp4")
        self.world.delete("film")
        self.world.until_gone("film")
        self.assertIn(self.server, self.proxy.seen)
        self.assertIn(S3, self.proxy.seen)
        self.assertEqual(self.proxy.refused, [])
        self.assertEqual(self.world.end(operator), 0)

        # NO_PROXY: the operator goes straight to the API server; workers ask for a name that only the proxy knows.
        self.proxy.seen.clear()
        self.world.operator("op-1", HTTPS_PROXY=self.proxy.url, NO_PROXY="127.0.0.1,localhost",
                            STEREO_PROXY_HTTPS=self.proxy.url, STEREO_NO_PROXY="films.test")
        self.job("second")
        until(lambda: "its plan runs\n" + self.world.why("second"), lambda: self.world.kubelet.running("plan"), 40)
        time.sleep(3)
        self.assertEqual(self.proxy.seen, [])


if __name__ == "__main__":
    try:
        unittest.main(verbosity=2)
    except Missing as missing:
        print("skipped: %s" % missing)
        sys.exit(77)

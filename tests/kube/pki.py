#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two certificate authorities for tests of rotation.

usage: pki.py FOLDER     makes FOLDER/one and FOLDER/two, each with ca.crt, server.crt, server.key
                         (127.0.0.1, localhost, kubernetes.default.svc), admin.crt and admin.key
                         (CN admin), other.crt and other.key (CN other)
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import control_plane  # noqa: E402


def main():
    for name in ("one", "two"):
        folder = os.path.join(sys.argv[1], name)
        os.mkdir(folder)
        control_plane.Pki(folder).client("other", "/CN=other")


if __name__ == "__main__":
    main()

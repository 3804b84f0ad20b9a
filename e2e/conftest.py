# SPDX-License-Identifier: Apache-2.0
"""One cluster and one operator for all tests of a session, a namespace and a bucket for each.

STEREO_E2E_DIR    the cluster's folder (a short path; default /var/tmp/stereo-e2e)
STEREO_E2E_KEEP   set: the cluster stays up, for a look and for a faster next run
STEREO_E2E_IMAGES a folder with operator.tar, worker.tar and redis.tar to take instead of building them
"""
import os
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import rig  # noqa: E402

FRAMES = 150


@pytest.fixture(scope="session")
def node():
    folder = pathlib.Path(os.environ.get("STEREO_E2E_DIR", "/var/tmp/stereo-e2e"))
    up = subprocess.run([HERE / "cluster" / "up", folder], stdout=sys.stderr, check=False)
    if up.returncode == 77:
        pytest.skip("this machine cannot run a node (see above)")
    assert up.returncode == 0, "the cluster did not come up; logs in %s/log" % folder
    try:
        yield rig.Node(folder)
    finally:
        if not os.environ.get("STEREO_E2E_KEEP"):
            subprocess.run([HERE / "cluster" / "down", folder], stdout=sys.stderr, check=True)


@pytest.fixture(scope="session")
def images(node):
    """Builds what changed and puts it into the node."""
    ready = os.environ.get("STEREO_E2E_IMAGES")
    if ready:
        archives = [os.path.join(ready, name + ".tar") for name in rig.IMAGES]
        subprocess.run([HERE / "cluster" / "image-load", node.folder, *archives], check=True, stdout=sys.stderr)
        return
    built = subprocess.run([rig.ROOT / "scripts" / "images"], stdout=subprocess.PIPE, text=True, check=True,
                           env={**os.environ, "UNIT_TESTS": os.environ.get("UNIT_TESTS", "none")}).stdout
    print(built, file=sys.stderr)
    archives = re.findall(r"\((/.*\.tar)\)", built)
    assert len(archives) == 3, built
    subprocess.run([HERE / "cluster" / "image-load", node.folder, *archives], check=True, stdout=sys.stderr)


@pytest.fixture(scope="session")
def operator(node, images):
    """The chart as a user installs it. Gives the node."""
    node.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(rig.ROOT / "crds"))
    node.install()
    node.kubectl("-n", rig.SYSTEM, "rollout", "restart", "deployment/" + rig.RELEASE)  # the same tag may be a new image
    node.kubectl("-n", rig.SYSTEM, "rollout", "status", "deployment/" + rig.RELEASE, "--timeout=90s")
    return node


@pytest.fixture(scope="session")
def s3(node):
    import boto3
    from botocore.config import Config
    return boto3.client("s3", endpoint_url=node.env["AWS_ENDPOINT_URL"], region_name=node.env["AWS_REGION"],
                        aws_access_key_id=node.env["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=node.env["AWS_SECRET_ACCESS_KEY"],
                        config=Config(s3={"addressing_style": "path"}))


@pytest.fixture(scope="session")
def api(node):
    import kubernetes
    return kubernetes.client.CustomObjectsApi(kubernetes.config.new_client_from_config(node.kubeconfig))


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """A film of FRAMES frames, each with its number as a barcode."""
    tools = tmp_path_factory.mktemp("media")
    for name in ("film_gen", "film_read"):
        rig.run(["cc", "-O2", "-std=gnu17", "-I", rig.ROOT, "-o", tools / name,
                 rig.ROOT / "tests" / "media" / (name + ".c"), "-lm"])
    os.environ["STEREO_MEDIA_TOOLS"] = str(tools)
    os.environ["STEREO_FILMS"] = str(tmp_path_factory.mktemp("films"))
    import films
    return films.film("h264-b", frames=FRAMES)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


def last_words(node, name):
    """What a failed test's namespace looked like, into the log."""
    for words in (["get", "stereojobs", "-n", name, "-o", "yaml"], ["get", "pods", "-n", name, "-o", "wide"],
                  ["get", "events", "-n", name], ["logs", "-n", name, "--tail=30", "--prefix", "--ignore-errors",
                                                  "-l", "app.kubernetes.io/managed-by=stereo-operator"],
                  ["logs", "-n", rig.SYSTEM, "--tail=40", "--prefix", "-l", "app.kubernetes.io/component=operator"]):
        print("$ kubectl " + " ".join(words))
        print(node.kubectl(*words, check=False)[-12000:])


def empty_bucket(s3, name):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket=name, Key=item["Key"])


@pytest.fixture
def space(request, operator, s3, api):
    """A namespace that enforces restricted Pod Security, with the Secret "films-s3"; gone after the test."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:40]
    operator.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=60s")
    operator.kubectl("create", "namespace", name)
    operator.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    made = rig.Space(operator, name, s3, api)
    made.secret_for_s3("films-s3")
    yield made
    if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
        last_words(operator, name)
    operator.kubectl("delete", "stereojobs", "--all", "-n", name, "--ignore-not-found", "--timeout=90s", check=False)
    operator.kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=90s")


@pytest.fixture
def bucket(s3):
    """The bucket of the examples, empty before and after."""
    try:
        s3.create_bucket(Bucket="films")
    except (s3.exceptions.BucketAlreadyExists, s3.exceptions.BucketAlreadyOwnedByYou):
        empty_bucket(s3, "films")
    yield "films"
    empty_bucket(s3, "films")

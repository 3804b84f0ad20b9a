# SPDX-License-Identifier: Apache-2.0
"""One cluster and one operator for all tests of a session, a namespace and a bucket for each.

STEREO_E2E_DIR    the cluster's folder (a short path; default /var/tmp/stereo-e2e)
STEREO_E2E_KEEP   set: the cluster stays up, for a look and for a faster next run
STEREO_E2E_SOAK   set: with the slow ones
STEREO_E2E_IMAGES a folder with operator.tar, worker.tar and redis.tar to take instead of building them
E2E_KUBECONFIG    a cluster that is there already, instead of one of our own (README.md)
"""
import datetime
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


def pytest_configure(config):
    config.addinivalue_line("markers", "own_node(why): needs the programs of our own node")
    config.addinivalue_line("markers", "soak: too slow for every day; make soak")


def pytest_collection_modifyitems(config, items):
    slow = [item for item in items if item.get_closest_marker("soak") and not os.environ.get("STEREO_E2E_SOAK")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]
    for item in items if rig.GIVEN else []:
        for mark in item.iter_markers("own_node"):
            item.add_marker(pytest.mark.skip(reason="E2E_KUBECONFIG: not our own node: " + mark.args[0]))


@pytest.fixture(scope="session")
def node():
    keep = os.environ.get("STEREO_E2E_KEEP")
    if rig.GIVEN:
        given = rig.GivenCluster()
        given.kubectl("get", "--raw", "/readyz")
        foreign = given.refuse_foreign()
        if foreign:
            pytest.exit("E2E_KUBECONFIG: " + foreign, returncode=1)
        yield given
        if not keep:
            given.leave()
        return
    folder = pathlib.Path(os.environ.get("STEREO_E2E_DIR", "/var/tmp/stereo-e2e"))
    up = subprocess.run([HERE / "cluster" / "up", folder], stdout=sys.stderr, check=False)
    if up.returncode == 77:
        pytest.skip("this machine cannot run a node (see above)")
    assert up.returncode == 0, "the cluster did not come up; logs in %s/log" % folder
    try:
        yield rig.Node(folder)
    finally:
        if not keep:
            subprocess.run([HERE / "cluster" / "down", folder], stdout=sys.stderr, check=True)


@pytest.fixture(scope="session")
def images(node):
    """Builds what changed and puts it into the node."""
    ready = os.environ.get("STEREO_E2E_IMAGES")
    if ready:
        archives = [os.path.join(ready, name + ".tar") for name in rig.IMAGES]
    elif rig.GIVEN and not os.environ.get("E2E_LOAD_IMAGES"):
        return  # the cluster has them
    else:
        built = subprocess.run([rig.ROOT / "scripts" / "images"], stdout=subprocess.PIPE, text=True, check=True,
                               env={**os.environ, "UNIT_TESTS": os.environ.get("UNIT_TESTS", "none")}).stdout
        print(built, file=sys.stderr)
        archives = re.findall(r"\((/.*\.tar)\)", built)
        assert len(archives) == 3, built
    node.load(archives)


@pytest.fixture(scope="session")
def operator(node, images):
    """The chart as a user installs it. Gives the node."""
    node.since = datetime.datetime.now(datetime.timezone.utc).isoformat()
    node.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(rig.ROOT / "crds"))
    node.kubectl("label", "-f", str(rig.ROOT / "crds"), rig.OURS + "=", "--overwrite")
    node.install()
    node.kubectl("-n", rig.SYSTEM, "rollout", "restart", "deployment/" + rig.RELEASE)  # the same tag may be a new image
    node.kubectl("-n", rig.SYSTEM, "rollout", "status", "deployment/" + rig.RELEASE, "--timeout=90s")
    return node


@pytest.fixture(scope="session")
def s3(node):
    import boto3
    from botocore.config import Config
    if "AWS_ENDPOINT_URL" not in node.env:
        pytest.skip("E2E_KUBECONFIG: no AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of an S3")
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
    name = "e2e-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower()).strip("-")[:40]
    operator.kubectl("delete", "namespace", "-l", rig.OURS, "--field-selector", "metadata.name=" + name, "--timeout=60s")
    operator.namespace(name)
    operator.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    made = rig.Space(operator, name, s3, api)
    made.secret_for_s3("films-s3")
    yield made
    if getattr(request.node, "report_call", None) is not None and request.node.report_call.failed:
        last_words(operator, name)
    operator.kubectl("delete", "stereojobs", "--all", "-n", name, "--ignore-not-found", "--timeout=90s", check=False)
    operator.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="session")
def films_bucket(s3):
    """The bucket of the examples. In an S3 that is not ours it is used only when it is empty."""
    name = "films"
    try:
        s3.create_bucket(Bucket=name)
    except (s3.exceptions.BucketAlreadyExists, s3.exceptions.BucketAlreadyOwnedByYou):
        if rig.GIVEN and s3.list_objects_v2(Bucket=name).get("KeyCount"):
            pytest.exit("the bucket %s is not empty, and these tests empty it" % name, returncode=1)
    return name


@pytest.fixture
def bucket(s3, films_bucket):
    """Empty before and after."""
    empty_bucket(s3, films_bucket)
    yield films_bucket
    empty_bucket(s3, films_bucket)

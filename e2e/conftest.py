# SPDX-License-Identifier: Apache-2.0
"""One cluster and one operator for all tests of `e2e/run`, a namespace and a bucket for each.

STEREO_E2E_DIR    the cluster's folder (a short path; default /var/tmp/stereo-e2e)
STEREO_E2E_KEEP   set: the cluster stays up, for a look and for a faster next run
STEREO_E2E_SOAK   set: with the slow ones
STEREO_E2E_IMAGES a folder with operator.tar, worker.tar and redis.tar to take instead of building them
E2E_KUBECONFIG    a cluster that is there already, instead of one of our own (README.md)
"""
import datetime
import fcntl
import json
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
    config.addinivalue_line("markers", "alone: not beside other tests: it takes away what they need")
    config.addinivalue_line("markers", "soak: too slow for every day; make soak")


def pytest_collection_modifyitems(config, items):
    half = os.environ.get("STEREO_E2E_HALF")  # of e2e/run: together or alone

    def not_now(item):
        alone = item.get_closest_marker("alone") is not None
        return half == "together" and alone or half == "alone" and not alone

    def too_slow(item):
        return item.get_closest_marker("soak") is not None and not os.environ.get("STEREO_E2E_SOAK")
    left = [item for item in items if not_now(item) or too_slow(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
    for item in items if rig.GIVEN else []:
        for mark in item.iter_markers("own_node"):
            item.add_marker(pytest.mark.skip(reason="E2E_KUBECONFIG: not our own node: " + mark.args[0]))


def once(name, act):
    """act()'s result, asked for once by all the processes of a run: lanes, and both halves."""
    path = pathlib.Path(os.environ["STEREO_E2E_RUN"]) / name
    with open(str(path) + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.write_text(json.dumps(act()), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


def cluster_up():
    """0, or why not."""
    if not rig.GIVEN:
        return subprocess.run([HERE / "cluster" / "up", rig.FOLDER], stdout=sys.stderr, check=False).returncode
    return rig.GivenCluster().refuse() or 0


@pytest.fixture(scope="session")
def node():
    """Is taken down by e2e/run."""
    why = once("up", cluster_up)
    if rig.GIVEN:
        if why:
            pytest.exit("E2E_KUBECONFIG: " + why, returncode=1)
        return rig.GivenCluster()
    if why == 77:
        pytest.skip("this machine cannot run a node (see above)")
    assert why == 0, "the cluster did not come up; logs in %s/log" % rig.FOLDER
    return rig.Node(rig.FOLDER)


def images_ready(node):
    """The archives, built where something changed, and put into the node."""
    ready = os.environ.get("STEREO_E2E_IMAGES")
    if ready:
        archives = [os.path.join(ready, name + ".tar") for name in rig.IMAGES]
    elif rig.GIVEN and not os.environ.get("E2E_LOAD_IMAGES"):
        return []  # the cluster has them
    else:
        built = subprocess.run([rig.ROOT / "scripts" / "images"], stdout=subprocess.PIPE, text=True, check=True,
                               env={**os.environ, "UNIT_TESTS": os.environ.get("UNIT_TESTS", "none")}).stdout
        print(built, file=sys.stderr)
        archives = re.findall(r"\((/.*\.tar)\)", built)
        assert len(archives) == 3, built
    node.load(archives)
    return archives


def operator_ready(node):
    """The chart as a user installs it. Gives the time before."""
    since = datetime.datetime.now(datetime.timezone.utc).isoformat()
    node.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(rig.ROOT / "crds"))
    node.kubectl("label", "-f", str(rig.ROOT / "crds"), rig.OURS + "=", "--overwrite")
    node.install()
    node.kubectl("-n", rig.SYSTEM, "rollout", "restart", "deployment/" + rig.RELEASE)  # the same tag may be a new image
    node.kubectl("-n", rig.SYSTEM, "rollout", "status", "deployment/" + rig.RELEASE, "--timeout=90s")
    return since


@pytest.fixture(scope="session")
def operator(node):
    """The node with the images and the operator in it."""
    node.archives = once("images", lambda: images_ready(node))
    node.since = once("operator", lambda: operator_ready(node))
    return node


@pytest.fixture(scope="session")
def s3(node):
    return rig.s3_client(node.env)


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


def plain_name(request):
    return "e2e-" + re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip("-")


def bucket_made(s3, name):
    """Empty. False: it was there already."""
    try:
        s3.create_bucket(Bucket=name)
        return True
    except (s3.exceptions.BucketAlreadyExists, s3.exceptions.BucketAlreadyOwnedByYou):
        return False


@pytest.fixture
def films_bucket(s3):
    """The bucket that the examples name, empty before and after: one that was not is refused at the start."""
    bucket_made(s3, "films")
    empty_bucket(s3, "films")
    yield "films"
    empty_bucket(s3, "films")


@pytest.fixture
def bucket(request, s3):
    """One of its own for a test, gone after it."""
    name = plain_name(request)
    bucket_made(s3, name)
    empty_bucket(s3, name)
    yield name
    empty_bucket(s3, name)
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def space(request, operator, bucket, s3, api):
    """A namespace that enforces restricted Pod Security, with the Secret "films-s3"; gone after the test, before its bucket."""
    name = plain_name(request)
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the client is and whom it believes, over TLS, while CA, token and certificates change.
 */
#include "tests/operator/kube/fake.h"

#include "tests/common/check.h"

#include "common/file.h"
#include "common/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/kube-auth-XXXXXX";

static struct fake fake;
static char *server_dir; /* owned; the files of the server, read at each connection */

/* The files that a client reads. */
struct scene {
    struct world world;
    char *dir;                     /* owned, as all of these: */
    char *ca, *cert, *key, *token; /* paths of the client's files */
};

static char *path_of(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static void put(const char *path, const char *text)
{
    struct err err;

    CHECK_OK(file_write(path, text, strlen(text), &err), err);
}

/* "two/ca.crt" of the PKI; caller frees. */
static char *pki_text(const char *name)
{
    AUTO_FREE char *from = path_of(folder, name);
    char *text = NULL;
    struct err err;
    size_t len;

    CHECK_OK(file_read(&text, &len, from, 1 << 20, &err), err);
    return text;
}

static void put_pki(const char *path, const char *name)
{
    AUTO_FREE char *text = pki_text(name);

    put(path, text);
}

static void put_server(const char *which)
{
    AUTO_FREE char *cert = path_of(server_dir, "server.crt");
    AUTO_FREE char *key = path_of(server_dir, "server.key");
    AUTO_FREE char *cert_name = path_of(which, "server.crt");
    AUTO_FREE char *key_name = path_of(which, "server.key");

    put_pki(cert, cert_name);
    put_pki(key, key_name);
}

static int begin(void **state)
{
    static int number;
    struct scene *scene = xcalloc(1, sizeof(*scene));
    AUTO_FREE char *record = path_of(fake.dir, "record");

    scene->dir = xasprintf("%s/scene%d", folder, number++);
    assert_int_equal(mkdir(scene->dir, 0700), 0);
    scene->ca = path_of(scene->dir, "ca.crt");
    scene->cert = path_of(scene->dir, "client.crt");
    scene->key = path_of(scene->dir, "client.key");
    scene->token = path_of(scene->dir, "token");
    put_pki(scene->ca, "one/ca.crt");
    put_server("one");
    (void)unlink(record);
    world_begin(&scene->world, fake.url);
    scene->world.config.ca.path = scene->ca;
    *state = scene;
    return 0;
}

static int end(void **state)
{
    struct scene *scene = *state;

    world_end(&scene->world);
    free(scene->dir);
    free(scene->ca);
    free(scene->cert);
    free(scene->key);
    free(scene->token);
    free(scene);
    return 0;
}

static int get(struct scene *scene, const char *path)
{
    return ask_code(&scene->world, "GET", path, NULL);
}

/* The CN of the nth client that asked for path; "" for one without certificate. */
static void check_client(const char *path, int nth, const char *want)
{
    AUTO(cJSON) cJSON *all = fake_requests(&fake, path);
    const cJSON *client = json_path(cJSON_GetArrayItem(all, nth), "client");

    CHECK_STR(path, cJSON_IsString(client) ? client->valuestring : "", want);
}

/* --- whom we believe --- */

static void test_ca(void **state)
{
    struct scene *scene = *state;

    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 200);
}

static void test_another_ca(void **state)
{
    struct scene *scene = *state;
    struct ask ask = { .done = 0 };

    put_pki(scene->ca, "two/ca.crt");
    world_open(&scene->world, 0);
    assert_int_equal(ask_wait(&ask, &scene->world, "GET", "/x", NULL), 0);
    assert_non_null(strstr(ask.status.message, "certificate"));
    assert_int_equal(fake_count(&fake, "/"), 0);
}

static void test_no_ca_is_the_systems(void **state)
{
    struct scene *scene = *state;

    scene->world.config.ca.path = NULL;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 0);
    assert_int_equal(fake_count(&fake, "/"), 0);
}

static void test_insecure_when_told(void **state)
{
    struct scene *scene = *state;

    scene->world.config.ca.path = NULL;
    scene->world.config.insecure = true;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 200);
}

static void test_server_name(void **state)
{
    static char right[] = "kubernetes.default.svc", wrong[] = "kubernetes.elsewhere";
    struct scene *scene = *state;
    AUTO_FREE char *server = xasprintf("%s/k8s/clusters/c-1", fake.url);
    AUTO(cJSON) cJSON *all = NULL;
    const cJSON *host;

    scene->world.config.server = server;
    scene->world.config.tls_server_name = wrong;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 0);
    assert_int_equal(fake_count(&fake, "/"), 0);
    scene->world.config.tls_server_name = right;
    assert_int_equal(get(scene, "/x"), 200);
    all = fake_requests(&fake, "/k8s/clusters/c-1/x");
    host = json_path(cJSON_GetArrayItem(all, 0), "headers.host");
    assert_string_equal(host->valuestring, fake.url + strlen("https://"));
}

/* Also a write: what was not said to somebody unknown can be said again. */
static void test_ca_is_replaced(void **state)
{
    struct scene *scene = *state;

    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 200);
    put_server("two");
    put_pki(scene->ca, "two/ca.crt");
    assert_int_equal(ask_code(&scene->world, "POST", "/y", "{}"), 200);
    assert_int_equal(fake_count(&fake, "/y"), 1);
}

static void test_ca_that_is_no_more_stays(void **state)
{
    static const char *const broken[] = { "", "garbage", "-----BEGIN CERTIFICATE-----\nMIIB" };
    struct scene *scene = *state;

    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 200);
    for (size_t i = 0; i < COUNT(broken); i++) {
        put(scene->ca, broken[i]);
        assert_int_equal(get(scene, "/refuse"), 401); /* reads it anew */
        assert_int_equal(get(scene, "/x"), 200);
    }
    assert_int_equal(unlink(scene->ca), 0);
    assert_int_equal(get(scene, "/refuse"), 401);
    assert_int_equal(get(scene, "/x"), 200);
}

/* TLS says goodbye to who is gone already: the write must not be the end of this process. */
static void test_reset_is_no_signal(void **state)
{
    struct scene *scene = *state;

    world_open(&scene->world, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get(scene, "/then-reset"), 200);
        world_rest(&scene->world, 0.2);
    }
    assert_int_equal(get(scene, "/then-reset"), 200);
}

/* --- who we are --- */

static void test_token_is_read_again_at_401(void **state)
{
    struct scene *scene = *state;
    struct tail tail = { .lines = 0 };

    put(scene->token, "old\n");
    scene->world.config.token.path = scene->token;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/token/a"), 401);
    assert_int_equal(fake_count(&fake, "/token/a"), 2); /* one repeat */
    put(scene->token, "new\n");
    tail_start(&tail, &scene->world, "/watch-token", 5000, 0);
    world_wait(&scene->world, &tail.ended, 1, 5);
    assert_string_equal(tail.text, "opened|one|end 200|");
    assert_int_equal(fake_count(&fake, "/watch-token"), 2);
    assert_int_equal(ask_code(&scene->world, "POST", "/token/b", "{}"), 200);
    assert_int_equal(fake_count(&fake, "/token/b"), 1);
    put(scene->token, "  \n"); /* no token: the one before stays */
    assert_int_equal(get(scene, "/refuse"), 401);
    put(scene->token, "evil\r\nX: y");
    assert_int_equal(get(scene, "/refuse"), 401);
    assert_int_equal(get(scene, "/token/c"), 200);
}

/* Reading a pipe that nobody writes to waits: the loop must not. */
static void test_files_are_read_off_the_loop(void **state)
{
    struct scene *scene = *state;
    struct ask ask = { .done = 0 };
    int fd;

    assert_int_equal(mkfifo(scene->token, 0600), 0);
    scene->world.config.token.path = scene->token;
    world_open(&scene->world, 0);
    ask_start(&ask, &scene->world, "GET", "/token/fifo", NULL, KUBE_PATCH_NONE);
    world_rest(&scene->world, 0.2);
    assert_int_equal(ask.done + fake_count(&fake, "/"), 0);
    fd = open(scene->token, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "new", 3), 3);
    (void)close(fd);
    world_wait(&scene->world, &ask.done, 1, 5);
    assert_int_equal(ask.status.code, 200);
    ask_clear(&ask);
}

static void test_client_certificate_is_replaced(void **state)
{
    struct scene *scene = *state;

    put_pki(scene->cert, "one/admin.crt");
    put_pki(scene->key, "one/admin.key");
    scene->world.config.cert.path = scene->cert;
    scene->world.config.key.path = scene->key;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/a"), 200);
    check_client("/a", 0, "admin");
    put_pki(scene->cert, "one/other.crt"); /* its key is still on its way */
    assert_int_equal(get(scene, "/renew"), 200);
    check_client("/renew", 1, "admin");
    put_pki(scene->key, "one/other.key");
    assert_int_equal(get(scene, "/renew"), 200);
    check_client("/renew", 2, "admin");
    check_client("/renew", 3, "other");
}

static void test_password(void **state)
{
    static char name[] = "me", password[] = "secret";
    struct scene *scene = *state;
    AUTO(cJSON) cJSON *all = NULL;

    scene->world.config.username = name;
    scene->world.config.password = password;
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/basic"), 200);
    all = fake_requests(&fake, "/basic");
    assert_string_equal(json_path(cJSON_GetArrayItem(all, 0), "headers.authorization")->valuestring,
                        "Basic bWU6c2VjcmV0");
}

/* --- exec plugins --- */

#define V1 "client.authentication.k8s.io/v1"

/* A script that counts its runs in DIR/runs as $n, and then does the rest. */
static void plugin_set(struct scene *scene, const char *rest)
{
    static char *argv[2], version[] = V1, hint[] = "install the helper";
    static char path[256];
    AUTO_FREE char *script =
        xasprintf("#!/bin/sh\ncd %s\necho >>runs\nn=$(grep -c . -v runs)\n%s\n", scene->dir, rest);

    (void)snprintf(path, sizeof(path), "%s/plugin", scene->dir);
    put(path, script);
    assert_int_equal(chmod(path, 0700), 0);
    argv[0] = path;
    scene->world.config.exec.argv = argv;
    scene->world.config.exec.api_version = version;
    scene->world.config.exec.install_hint = hint;
}

static long long runs(const struct scene *scene)
{
    AUTO_FREE char *path = path_of(scene->dir, "runs");
    struct stat is;

    return stat(path, &is) == 0 ? is.st_size : 0; /* a byte each */
}

#define GIVE(more)                                                                                 \
    "printf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1                                    \
    "\",\"status\":{\"token\":\"t%d\"" more "}}' \"$n\""

static void test_plugin(void **state)
{
    enum { COUNT_ASKED = 5 };
    struct scene *scene = *state;
    struct ask asks[COUNT_ASKED] = { { .done = 0 } }, late = { .done = 0 };

    plugin_set(scene, "sleep 0.2\n" GIVE(""));
    world_open(&scene->world, 0);
    ask_start(&late, &scene->world, "GET", "/plugin-late", NULL, KUBE_PATCH_NONE);
    for (int i = 0; i < COUNT_ASKED; i++)
        ask_start(&asks[i], &scene->world, "POST", "/plugin", "{}", KUBE_PATCH_NONE);
    for (int i = 0; i < COUNT_ASKED; i++) {
        world_wait(&scene->world, &asks[i].done, 1, 10);
        assert_int_equal(asks[i].status.code, 200);
        ask_clear(&asks[i]);
    }
    world_wait(&scene->world, &late.done, 1, 5); /* its 401 was for t1, and t2 is there since */
    assert_int_equal(late.status.code, 200);
    ask_clear(&late);
    assert_int_equal(runs(scene), 2); /* t1 for all, refused; t2 for all */
    assert_int_equal(fake_count(&fake, "/plugin"), 2 * (COUNT_ASKED + 1));
    assert_int_equal(get(scene, "/plugin"), 200);
    assert_int_equal(runs(scene), 2);
}

static void test_plugin_that_expires(void **state)
{
    struct scene *scene = *state;

    plugin_set(scene, GIVE(",\"expirationTimestamp\":\"2020-01-01T00:00:00Z\""));
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/x"), 200);
    assert_int_equal(get(scene, "/x"), 200);
    assert_int_equal(runs(scene), 1);
    world_rest(&scene->world, 1.1);
    assert_int_equal(get(scene, "/x"), 200);
    assert_int_equal(runs(scene), 2);
}

static void test_plugin_fails(void **state)
{
    struct scene *scene = *state;
    struct ask ask = { .done = 0 }, other = { .done = 0 };

    plugin_set(scene,
               "[ -e good ] && { n=2; " GIVE("") "; exit 0; }\necho 'no account' >&2\nexit 1");
    world_open(&scene->world, 0);
    ask_start(&other, &scene->world, "GET", "/plugin", NULL, KUBE_PATCH_NONE);
    assert_int_equal(ask_wait(&ask, &scene->world, "GET", "/plugin", NULL), 0);
    assert_non_null(strstr(ask.status.message, "no account"));
    assert_int_equal(other.done, 1);
    assert_int_equal(runs(scene), 1);
    assert_int_equal(fake_count(&fake, "/"), 0);
    {
        AUTO_FREE char *good = path_of(scene->dir, "good");

        put(good, "");
    }
    assert_int_equal(get(scene, "/plugin"), 200);
}

static void test_plugin_gives_a_certificate(void **state)
{
    struct scene *scene = *state;
    AUTO_FREE char *path = path_of(scene->dir, "credential");
    AUTO_FREE char *cert = pki_text("one/other.crt");
    AUTO_FREE char *key = pki_text("one/other.key");
    AUTO_FREE char *text = NULL;
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();

    json_add_str(doc, "kind", "ExecCredential");
    json_add_str(doc, "apiVersion", V1);
    json_path_set(doc, "status.clientCertificateData", cJSON_CreateString(cert));
    json_path_set(doc, "status.clientKeyData", cJSON_CreateString(key));
    text = json_print(doc);
    put(path, text);
    plugin_set(scene, "cat credential");
    world_open(&scene->world, 0);
    assert_int_equal(get(scene, "/cert"), 200);
    check_client("/cert", 0, "other");
}

static void test_close_while_a_plugin_runs(void **state)
{
    struct scene *scene = *state;
    struct ask ask = { .done = 0 };

    plugin_set(scene, "sleep 0.5\n" GIVE(""));
    world_open(&scene->world, 0);
    ask_start(&ask, &scene->world, "GET", "/plugin", NULL, KUBE_PATCH_NONE);
    world_rest(&scene->world, 0.2);
    kube_client_close(TAKE(scene->world.client));
    world_rest(&scene->world, 0.6);
    assert_int_equal(ask.done, 0);
}

static int start(void **state)
{
    const char *argv[] = { PKI, folder, NULL };
    AUTO_FREE char *client_ca = NULL;

    (void)state;
    assert_non_null(mkdtemp(folder));
    fake_run(argv);
    server_dir = path_of(folder, "server");
    assert_int_equal(mkdir(server_dir, 0700), 0);
    client_ca = path_of(server_dir, "client-ca.crt");
    put_pki(client_ca, "one/ca.crt");
    put_server("one");
    fake_start(&fake, "auth_scenario.json", server_dir);
    return 0;
}

static int stop(void **state)
{
    struct err err;

    (void)state;
    fake_stop(&fake);
    free(server_dir);
    return file_remove_tree(folder, &err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ca),
        TEST(test_another_ca),
        TEST(test_no_ca_is_the_systems),
        TEST(test_insecure_when_told),
        TEST(test_server_name),
        TEST(test_ca_is_replaced),
        TEST(test_ca_that_is_no_more_stays),
        TEST(test_reset_is_no_signal),
        TEST(test_token_is_read_again_at_401),
        TEST(test_files_are_read_off_the_loop),
        TEST(test_client_certificate_is_replaced),
        TEST(test_password),
        TEST(test_plugin),
        TEST(test_plugin_that_expires),
        TEST(test_plugin_fails),
        TEST(test_plugin_gives_a_certificate),
        TEST(test_close_while_a_plugin_runs),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

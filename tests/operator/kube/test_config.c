/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "operator/kube/base64.h"
#include "operator/kube/config.h"
#include "operator/kube/config_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static char folder[] = "/tmp/kube-config-XXXXXX";

/* "-----BEGIN X-----\n" */
#define PEM_DATA "LS0tLS1CRUdJTiBYLS0tLS0K"

static char *in_folder(const char *name)
{
    return xasprintf("%s/%s", folder, name);
}

static char *put(const char *name, const char *text)
{
    char *path = in_folder(name);
    struct err err;

    CHECK_OK(file_write(path, text, strlen(text), &err), err);
    return path;
}

static void forget_environment(void)
{
    (void)unsetenv("KUBECONFIG");
    (void)unsetenv("KUBERNETES_SERVICE_HOST");
    (void)unsetenv("KUBERNETES_SERVICE_PORT");
    assert_int_equal(setenv("HOME", folder, 1), 0);
}

/* --- one text --- */

static const char whole[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "current-context: a\n"
    "preferences: {}\n"
    "clusters:\n"
    "- name: one\n"
    "  cluster:\n"
    "    server: https://10.0.0.1:6443///\n"
    "    tls-server-name: kubernetes\n"
    "    proxy-url: socks5://me:pw@proxy:1080\n"
    "    certificate-authority-data: " PEM_DATA "\n"
    "- name: two\n"
    "  cluster:\n"
    "    server: https://[fd00::1]:6443/k8s/clusters/c-1\n"
    "    insecure-skip-tls-verify: true\n"
    "contexts:\n"
    "- name: a\n"
    "  context: {cluster: one, user: exec, namespace: films}\n"
    "- name: b\n"
    "  context: {cluster: two, user: files}\n"
    "- name: c\n"
    "  context: {cluster: two, user: basic}\n"
    "- name: d\n"
    "  context: {cluster: two}\n"
    "users:\n"
    "- name: exec\n"
    "  user:\n"
    "    client-certificate-data: " PEM_DATA "\n"
    "    client-key-data: " PEM_DATA "\n"
    "    exec:\n"
    "      apiVersion: client.authentication.k8s.io/v1\n"
    "      command: ./bin/plugin\n"
    "      args: [get, \"a b\", '$(x)']\n"
    "      env: [{name: PROFILE, value: films}, {name: EMPTY, value: \"\"}]\n"
    "      installHint: apt install plugin\n"
    "      interactiveMode: IfAvailable\n"
    "      provideClusterInfo: true\n"
    "- name: files\n"
    "  user: {client-certificate: c.pem, client-key: /k.pem, tokenFile: sub/token, token: old}\n"
    "- name: basic\n"
    "  user: {username: me, password: \"1234\"}\n";

static struct kube_config *parse(const char *text, const char *context)
{
    struct kube_config *config = NULL;
    struct err err;

    CHECK_OK(kube_config_parse(&config, text, strlen(text), "/base", context, &err), err);
    return config;
}

static void test_whole(void **state)
{
    AUTO(kube_config) struct kube_config *config = parse(whole, NULL);

    (void)state;
    CHECK_STR("a", config->server, "https://10.0.0.1:6443");
    CHECK_STR("a", config->tls_server_name, "kubernetes");
    CHECK_STR("a", config->proxy_url, "socks5://me:pw@proxy:1080");
    CHECK_STR("a", config->ca.text, "-----BEGIN X-----\n");
    CHECK_STR("a", config->cert.text, "-----BEGIN X-----\n");
    CHECK_STR("a", config->key.text, "-----BEGIN X-----\n");
    CHECK_STR("a", config->space, "films");
    CHECK_STR("a", config->origin, "kubeconfig, context a");
    CHECK_STR("a", config->exec.argv[0], "/base/./bin/plugin");
    CHECK_STR("a", config->exec.argv[2], "a b");
    CHECK_STR("a", config->exec.argv[3], "$(x)");
    assert_null(config->exec.argv[4]);
    CHECK_STR("a", config->exec.env[0], "PROFILE=films");
    CHECK_STR("a", config->exec.env[1], "EMPTY=");
    assert_null(config->exec.env[2]);
    CHECK_STR("a", config->exec.install_hint, "apt install plugin");
    assert_true(config->exec.provide_cluster_info);
    assert_false(config->insecure);
    assert_null(config->ca.path);
}

static void test_files_are_beside(void **state)
{
    AUTO(kube_config) struct kube_config *config = parse(whole, "b");

    (void)state;
    CHECK_STR("b", config->server, "https://[fd00::1]:6443/k8s/clusters/c-1");
    assert_true(config->insecure);
    CHECK_STR("b", config->cert.path, "/base/c.pem");
    CHECK_STR("b", config->key.path, "/k.pem");
    CHECK_STR("b", config->token.path, "/base/sub/token");
    assert_null(config->token.text);
    CHECK_STR("b", config->space, "default");
    assert_null(config->exec.argv);
}

static void test_basic_and_nobody(void **state)
{
    AUTO(kube_config) struct kube_config *basic = parse(whole, "c"), *nobody = parse(whole, "d");

    (void)state;
    CHECK_STR("c", basic->username, "me");
    CHECK_STR("c", basic->password, "1234");
    assert_null(nobody->username);
    assert_null(nobody->token.text);
}

static void test_json_is_yaml(void **state)
{
    AUTO(kube_config)
    struct kube_config *config = parse(
        "{\"current-context\":\"x\",\"clusters\":[{\"name\":\"x\",\"cluster\":{\"server\":"
        "\"http://127.0.0.1:8001\"}}],\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"x\","
        "\"user\":\"x\"}}],\"users\":[{\"name\":\"x\",\"user\":{\"token\":\"t\"}}]}",
        NULL);

    (void)state;
    CHECK_STR("json", config->server, "http://127.0.0.1:8001");
    CHECK_STR("json", config->token.text, "t");
}

/* What is behind cluster and user, and what must be said about it. */
struct wrong {
    const char *row, *cluster, *user;
    const char *says[3];
};

#define SERVER "server: https://h:1"
#define PLUGIN "command: p, apiVersion: client.authentication.k8s.io/v1"

static const struct wrong wrongs[] = {
    { "no server", "", "", { "line 5: clusters[0].cluster.server: is missing" } },
    { "no scheme", "server: h:6443", "", { "cluster.server: must be a URL like https://h" } },
    { "login in url", "server: \"https://a:b@h\"", "", { "cluster.server: must be" } },
    { "query", "server: \"https://h?x\"", "", { "cluster.server: must be" } },
    { "no host", "server: \"https:///x\"", "", { "cluster.server: must be" } },
    { "number", "server: 12", "", { "cluster.server: must be text" } },
    { "bad base64", SERVER ", certificate-authority-data: \"!!\"", "", { "is not base64" } },
    { "not pem", SERVER ", certificate-authority-data: AAAA", "", { "holds no PEM" } },
    { "both",
      SERVER ", certificate-authority: f, certificate-authority-data: " PEM_DATA,
      "",
      { "certificate-authority: is there beside certificate-authority-data" } },
    { "insecure and ca",
      SERVER ", certificate-authority: f, insecure-skip-tls-verify: true",
      "",
      { "insecure-skip-tls-verify: is true beside" } },
    { "not bool", SERVER ", insecure-skip-tls-verify: \"yes\"", "", { "must be true or false" } },
    { "proxy", SERVER ", proxy-url: proxy", "", { "proxy-url: must be a URL" } },
    { "sni", SERVER ", tls-server-name: \"a b\"", "", { "tls-server-name: must be a host name" } },
    { "number token", SERVER, "token: 12", { "line 9: users[0].user.token: must be text (in" } },
    { "token of lines", SERVER, "token: \"a\\nb\"", { "users[0].user.token: must be one line" } },
    { "cert alone", SERVER, "client-certificate: c", { "client-certificate without client-key" } },
    { "key alone", SERVER, "client-key: c", { "client-key without client-certificate" } },
    { "password alone", SERVER, "password: c", { "password without username" } },
    { "two ways", SERVER, "token: c, exec: {" PLUGIN "}", { "more than one of token, username" } },
    { "gone", SERVER, "auth-provider: {name: gcp}", { "auth-provider is gone" } },
    { "no command",
      SERVER,
      "exec: {apiVersion: client.authentication.k8s.io/v1}",
      { "users[0].user.exec.command: is missing" } },
    { "alpha",
      SERVER,
      "exec: {command: p, apiVersion: client.authentication.k8s.io/v1alpha1}",
      { "exec.apiVersion: must be client.authentication.k8s.io/v1 or /v1beta1" } },
    { "always",
      SERVER,
      "exec: {" PLUGIN ", interactiveMode: Always}",
      { "exec.interactiveMode: must be Never or IfAvailable" } },
    { "args", SERVER, "exec: {" PLUGIN ", args: [1]}", { "exec.args: must be a list of texts" } },
    { "env", SERVER, "exec: {" PLUGIN ", env: [{name: \"a=b\"}]}", { "exec.env: must be a" } },
    { "exec list", SERVER, "exec: []", { "users[0].user.exec: must be a map" } },
    { "all at once",
      "server: x, proxy-url: y",
      "token: 1",
      { "kubeconfig: line 5: clusters[0].cluster.server: must",
        "; line 5: clusters[0].cluster.proxy", "; line 9: users[0].user.token: must" } },
};

static void test_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        const struct wrong *w = &wrongs[i];
        AUTO_FREE char *text =
            xasprintf("apiVersion: v1\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {%s}\n"
                      "contexts: [{name: a, context: {cluster: c, user: u}}]\nusers:\n- name: u\n"
                      "  user: {%s}\n",
                      w->cluster, w->user);
        struct kube_config *config = NULL;
        struct err err;

        if (kube_config_parse(&config, text, strlen(text), "/base", NULL, &err) == 0)
            fail_msg("[%s] is accepted", w->row);
        CHECK_INT(w->row, err.code, ERR_CONFIG);
        for (size_t j = 0; j < COUNT(w->says) && w->says[j]; j++)
            CHECK_HAS(w->row, err.msg, w->says[j]);
        assert_null(config);
    }
}

static const struct {
    const char *row, *text, *context, *says;
} shapes[] = {
    { "empty", "", NULL, "current-context: is not set: one of none" },
    { "not a map", "[]", NULL, "kubeconfig: is not a kubeconfig" },
    { "not yaml", "a: [", NULL, "kubeconfig: line " },
    { "lists", "clusters: {}\nusers: 1", NULL, "line 1: clusters: must be a list; line 2: users" },
    { "no name", "users: [{user: {}}]", NULL, "users[0]: must have a name" },
    { "twice", "users: [{name: a}, {name: a}]", NULL, "users[1]: the name \"a\" is there twice" },
    { "kind", "kind: Secret", NULL, "line 1: kind: must be Config" },
    { "version", "apiVersion: v2", NULL, "apiVersion: must be v1" },
    { "which", "contexts: [{name: a}, {name: b}]", NULL, "is not set: one of a, b" },
    { "unknown", "contexts: [{name: a}, {name: b}]", "x", "none is named \"x\": there are a, b" },
    { "no cluster", "contexts: [{name: a, context: {cluster: x}}]\nclusters: [{name: k}]", "a",
      "contexts[0].context.cluster: must be the name of a cluster: k" },
    { "no user",
      "contexts: [{name: a, context: {cluster: k, user: x}}]\nclusters: [{name: k, cluster: "
      "{server: \"http://h\"}}]",
      "a", "contexts[0].context.user: must be the name of a user: none" },
    { "space", "contexts: [{name: a, context: {cluster: k, namespace: A}}]", "a",
      "context.namespace: must be a namespace" },
};

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        struct kube_config *config = NULL;
        struct err err = { 0 };

        if (kube_config_parse(&config, shapes[i].text, strlen(shapes[i].text), ".",
                              shapes[i].context, &err) == 0)
            fail_msg("[%s] is accepted", shapes[i].row);
        CHECK_INT(shapes[i].row, err.code, ERR_CONFIG);
        CHECK_HAS(shapes[i].row, err.msg, shapes[i].says);
    }
}

/* A neighbour that is broken is nobody's business. */
static void test_others_may_be_broken(void **state)
{
    AUTO(kube_config)
    struct kube_config *config = parse(
        "current-context: a\nclusters: [{name: c, cluster: {server: \"https://h\"}}, {name: x, "
        "cluster: {server: 1}}]\ncontexts: [{name: a, context: {cluster: c}}]\nusers: [{name: y, "
        "user: {token: 1}}]",
        NULL);

    (void)state;
    CHECK_STR("others", config->server, "https://h");
}

static void test_many_problems_are_counted(void **state)
{
    struct kube_config *config = NULL;
    char text[4096] = "users:\n";
    struct err err;

    (void)state;
    for (int i = 0; i < 100; i++)
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "- {user: {}}\n");
    CHECK_ERR(kube_config_parse(&config, text, strlen(text), ".", NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("many", err.msg, "; and 9");
    CHECK_HAS("many", err.msg, " more");
}

/* --- files --- */

static const char minimal[] = "current-context: %s\n"
                              "clusters: [{name: c, cluster: {server: \"https://%s\"}}]\n"
                              "contexts: [{name: a, context: {cluster: c, user: u}}]\n"
                              "users: [{name: u, user: {token: %s}}]\n";

static char *put_minimal(const char *name, const char *context, const char *host, const char *token)
{
    AUTO_FREE char *text = xasprintf(minimal, context, host, token);

    return put(name, text);
}

static void test_list_first_wins(void **state)
{
    AUTO_FREE char *first = put("first", "current-context: \"\"\nusers: [{name: u, user: {token: "
                                         "first}}]\n");
    AUTO_FREE char *second = put_minimal("second", "a", "second", "second");
    AUTO_FREE char *third = put_minimal("third", "b", "third", "third");
    AUTO_FREE char *list = xasprintf("/absent/x::%s:%s:%s", first, second, third);
    AUTO(kube_config) struct kube_config *config = NULL;
    struct err err;

    (void)state;
    forget_environment();
    assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
    CHECK_OK(kube_config_load(&config, NULL, NULL, &err), err);
    CHECK_STR("list", config->server, "https://second");
    CHECK_STR("list", config->token.text, "first");
    CHECK_HAS("list", config->origin, "/second, context a");
}

/* All or nothing of a user: what the first says nothing about is not filled up from the second. */
static void test_list_does_not_mix_users(void **state)
{
    AUTO_FREE char *first = put("first", "users: [{name: u, user: {username: me}}]\n");
    AUTO_FREE char *second = put_minimal("second", "a", "second", "second");
    AUTO_FREE char *list = xasprintf("%s:%s", first, second);
    AUTO(kube_config) struct kube_config *config = NULL;
    struct err err;

    (void)state;
    forget_environment();
    assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
    CHECK_OK(kube_config_load(&config, NULL, NULL, &err), err);
    CHECK_STR("mix", config->username, "me");
    assert_null(config->token.text);
}

static void test_problems_name_their_file(void **state)
{
    AUTO_FREE char *first = put("first", "users: [{name: u, user: {token: 1, tokenFile: none}}]\n");
    AUTO_FREE char *second = put_minimal("second", "a", "", "t");
    AUTO_FREE char *list = xasprintf("%s:%s", first, second);
    struct kube_config *config = NULL;
    struct err err;

    (void)state;
    forget_environment();
    assert_int_equal(setenv("KUBECONFIG", list, 1), 0);
    CHECK_ERR(kube_config_load(&config, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("files", err.msg, "/second: line 2: clusters[0].cluster.server: must be");
    CHECK_HAS("files", err.msg, "/first: line 1: users[0].user.tokenFile: ");
    CHECK_HAS("files", err.msg, "/none cannot be read: No such file");
}

static void test_order(void **state)
{
    AUTO_FREE char *given = put_minimal("given", "a", "given", "t");
    AUTO_FREE char *listed = put_minimal("listed", "a", "listed", "t");
    AUTO_FREE char *folder_kube = in_folder(".kube"), *own = NULL;
    struct kube_config *config = NULL;
    struct err err;

    (void)state;
    forget_environment();
    CHECK_ERR(kube_config_load(&config, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("none", err.msg, "no Kubernetes cluster is known");
    CHECK_OK(file_mkdirs(folder_kube, &err), err);
    own = put_minimal(".kube/config", "a", "own", "t");
    CHECK_OK(kube_config_load(&config, NULL, NULL, &err), err);
    CHECK_STR("own", config->server, "https://own");
    kube_config_free(TAKE(config));
    assert_int_equal(setenv("KUBECONFIG", listed, 1), 0);
    CHECK_OK(kube_config_load(&config, NULL, "a", &err), err);
    CHECK_STR("listed", config->server, "https://listed");
    kube_config_free(TAKE(config));
    CHECK_OK(kube_config_load(&config, given, NULL, &err), err);
    CHECK_STR("given", config->server, "https://given");
    kube_config_free(TAKE(config));
    assert_int_equal(setenv("KUBECONFIG", "/absent/a:/absent/b", 1), 0);
    CHECK_ERR(kube_config_load(&config, NULL, NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("absent", err.msg, "none of its files exists: /absent/a:/absent/b");
    CHECK_ERR(kube_config_load(&config, "/absent/c", NULL, &err), err, ERR_CONFIG);
    CHECK_HAS("absent", err.msg, "/absent/c");
}

/* --- in a pod --- */

static void test_in_cluster(void **state)
{
    AUTO_FREE char *token = put("token", "t"), *ca = put("ca.crt", "c"), *space = NULL;
    AUTO(kube_config) struct kube_config *v4 = NULL, *v6 = NULL, *bare = NULL;
    struct err err;

    (void)state;
    CHECK_OK(config_in_cluster(&bare, folder, "10.0.0.1", "443", &err), err);
    CHECK_STR("bare", bare->space, "default");
    space = put("namespace", "films\n");
    CHECK_OK(config_in_cluster(&v4, folder, "10.0.0.1", "443", &err), err);
    CHECK_STR("v4", v4->server, "https://10.0.0.1:443");
    CHECK_STR("v4", v4->token.path, token);
    CHECK_STR("v4", v4->ca.path, ca);
    CHECK_STR("v4", v4->space, "films");
    CHECK_STR("v4", v4->origin, "in-cluster");
    assert_false(v4->insecure);
    CHECK_OK(config_in_cluster(&v6, folder, "fd00::1", "6443", &err), err);
    CHECK_STR("v6", v6->server, "https://[fd00::1]:6443");
    CHECK_ERR(config_in_cluster(&v6, folder, "h", "x", &err), err, ERR_CONFIG);
    CHECK_ERR(config_in_cluster(&v6, folder, "h", NULL, &err), err, ERR_CONFIG);
    CHECK_ERR(config_in_cluster(&v6, "/absent", "h", "1", &err), err, ERR_CONFIG);
    CHECK_HAS("absent", err.msg, "/absent/token");
}

/* --- base64 --- */

static const struct {
    const char *text, *want; /* want NULL: refused */
} codes[] = {
    { "", "" },
    { "Zg==", "f" },
    { "Zm8=", "fo" },
    { "Zm9v", "foo" },
    { "Zm9v\nYg==\n", "foob" },
    { "Zg", NULL },
    { "Zg=", NULL },
    { "Zh==", NULL },
    { "Zm9=", NULL },
    { "====", NULL },
    { "Z===", NULL },
    { "Zm=v", NULL },
    { "Zm9v=", NULL },
    { "Zm 9v", NULL },
    { "Zm9-", NULL },
};

static void test_base64(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        size_t len = 99;
        AUTO_FREE char *got = base64_decode(codes[i].text, &len), *back = NULL;

        if (!got != !codes[i].want)
            fail_msg("[%s] is %s", codes[i].text, got ? "accepted" : "refused");
        if (!got)
            continue;
        CHECK_STR(codes[i].text, got, codes[i].want);
        CHECK_INT(codes[i].text, len, strlen(codes[i].want));
        back = base64_encode(got, len);
        if (!strchr(codes[i].text, '\n'))
            CHECK_STR(codes[i].text, back, codes[i].text);
    }
}

/* --- plugins --- */

#define V1 "client.authentication.k8s.io/v1"
#define CREDENTIAL(status)                                                                         \
    "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":" status "}"

static const struct {
    const char *row, *text, *says;
} printed[] = {
    { "token", CREDENTIAL("{\"token\":\"t\"}"), NULL },
    { "end", CREDENTIAL("{\"token\":\"t\",\"expirationTimestamp\":\"2026-11-22T10:00:00Z\"}"),
      NULL },
    { "cert", CREDENTIAL("{\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\"}"), NULL },
    { "no json", "token", "ExecCredential: " },
    { "list", "[]", "kind: must be" },
    { "kind", "{\"kind\":\"x\"}", "kind: must be ExecCredential" },
    { "version",
      "{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}",
      "apiVersion: must be " V1 },
    { "no status", "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\"}",
      "status: is missing" },
    { "nothing", CREDENTIAL("{}"), "has neither token nor" },
    { "half", CREDENTIAL("{\"token\":\"t\",\"clientKeyData\":\"k\"}"), "go together" },
    { "lines", CREDENTIAL("{\"token\":\"t\\r\\nX: y\"}"), "status.token: must be one line" },
    { "number", CREDENTIAL("{\"token\":1}"), "status.token: must be text" },
    { "time", CREDENTIAL("{\"token\":\"t\",\"expirationTimestamp\":\"soon\"}"), "must be a time" },
};

static void test_printed(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(printed); i++) {
        struct kube_credential credential = { 0 };
        struct err err = { 0 };
        int rc =
            kube_credential_parse(&credential, printed[i].text, strlen(printed[i].text), V1, &err);

        if (rc != (printed[i].says ? -1 : 0))
            fail_msg("[%s] %s", printed[i].row, rc ? err.msg : "is accepted");
        if (rc)
            CHECK_HAS(printed[i].row, err.msg, printed[i].says);
        if (strcmp(printed[i].row, "end") == 0)
            CHECK_INT("end", credential.end_ms, clock_parse("2026-11-22T10:00:00Z"));
        kube_credential_clear(&credential);
    }
}

static struct kube_config *with_plugin(const char *script, const char *hint)
{
    AUTO_FREE char *body = xasprintf("#!/bin/sh\n%s\n", script), *path = put("plugin", body);
    AUTO_FREE char *text = xasprintf(
        "current-context: a\nclusters: [{name: c, cluster: {server: \"https://h:1\", "
        "certificate-authority-data: " PEM_DATA
        ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: "
        "films}}]}}]\ncontexts: [{name: a, context: {cluster: c, "
        "user: u}}]\nusers: [{name: u, user: {exec: {command: ./plugin, args: [\"a b\", "
        "\"$HOME;\"], apiVersion: " V1 ", env: [{name: KREFL_X, value: own}], provideClusterInfo: "
        "true, installHint: \"%s\"}}}]\n",
        hint);
    struct kube_config *config = NULL;
    struct err err;

    assert_int_equal(chmod(path, 0755), 0);
    CHECK_OK(kube_config_parse(&config, text, strlen(text), folder, NULL, &err), err);
    return config;
}

/* The plugin says in its token what it was told. */
static void test_plugin(void **state)
{
    AUTO(kube_config)
    struct kube_config *config =
        with_plugin("t=$(printf %s \"$KUBERNETES_EXEC_INFO\" | sed 's/\"/|/g')\n"
                    "echo noise >&2\n"
                    "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":"
                    "{\"token\":\"'\"$1/$2/$#/$KREFL_X/$t\"'\"}}'",
                    "");
    struct kube_credential credential = { 0 };
    struct err err;

    (void)state;
    assert_int_equal(setenv("KREFL_X", "ours", 1), 0);
    CHECK_OK(kube_exec_run(&credential, config, 10000, &err), err);
    CHECK_HAS("argv", credential.token, "a b/$HOME;/2/own/");
    CHECK_HAS("info", credential.token, "|kind|:|ExecCredential|");
    CHECK_HAS("info", credential.token, "|apiVersion|:|" V1 "|");
    CHECK_HAS("info", credential.token, "|interactive|:false");
    CHECK_HAS("info", credential.token, "|server|:|https://h:1|");
    CHECK_HAS("info", credential.token, "|config|:{|audience|:|films|}");
    CHECK_HAS("info", credential.token, "|certificate-authority-data|:|" PEM_DATA "|");
    CHECK_STR("ours", getenv("KREFL_X"), "ours");
    assert_null(getenv("KUBERNETES_EXEC_INFO"));
    kube_credential_clear(&credential);
}

static const struct {
    const char *row, *script, *hint;
    const char *says[3];
} failures[] = {
    { "exit",
      "echo first >&2; echo 'not logged in' >&2; exit 3",
      "run: plugin login",
      { "/plugin: exited with 3: ", "not logged in", "; run: plugin login" } },
    { "signal", "kill -9 $$", "", { "was ended by signal 9" } },
    { "hangs", "echo waiting >&2; sleep 60", "", { "gave no answer in time: waiting" } },
    { "silent", "exit 0", "", { "ExecCredential: " } },
    { "endless",
      "while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done",
      "",
      { "printed more than 1 MiB" } },
    { "long words",
      "i=0; while [ $i -lt 200 ]; do echo line-$i >&2; i=$((i+1)); done; exit 1",
      "",
      { "line-198 line-199" } },
};

static void test_plugin_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        AUTO(kube_config)
        struct kube_config *config = with_plugin(failures[i].script, failures[i].hint);
        struct kube_credential credential = { 0 };
        int64_t start_us = clock_mono_us();
        int limit_ms = strcmp(failures[i].row, "hangs") == 0 ? 300 : 9000;
        struct err err = { 0 };

        if (kube_exec_run(&credential, config, limit_ms, &err) == 0)
            fail_msg("[%s] did not fail", failures[i].row);
        CHECK_INT(failures[i].row, err.code, ERR_CONFIG);
        for (size_t j = 0; j < COUNT(failures[i].says) && failures[i].says[j]; j++)
            CHECK_HAS(failures[i].row, err.msg, failures[i].says[j]);
        assert_true(clock_mono_us() - start_us < 8000000);
    }
}

static void test_plugin_is_absent(void **state)
{
    AUTO(kube_config) struct kube_config *config = with_plugin("exit 0", "install it");
    AUTO_FREE char *path = in_folder("plugin");
    struct kube_credential credential = { 0 };
    struct err err;

    (void)state;
    CHECK_OK(file_remove(path, &err), err);
    CHECK_ERR(kube_exec_run(&credential, config, 1000, &err), err, ERR_CONFIG);
    CHECK_HAS("absent", err.msg, "cannot be started: No such file or directory; install it");
}

/* A helper that keeps the pipes open does not keep us. */
static void test_plugin_leaves_a_helper(void **state)
{
    AUTO(kube_config)
    struct kube_config *config =
        with_plugin("sleep 5 &\necho '" CREDENTIAL("{\"token\":\"t\"}") "'", "");
    struct kube_credential credential = { 0 };
    int64_t start_us = clock_mono_us();
    struct err err;

    (void)state;
    CHECK_OK(kube_exec_run(&credential, config, 9000, &err), err);
    CHECK_STR("helper", credential.token, "t");
    assert_true(clock_mono_us() - start_us < 4000000);
    kube_credential_clear(&credential);
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    struct err err;

    (void)state;
    return file_remove_tree(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_files_are_beside),
        cmocka_unit_test(test_basic_and_nobody),
        cmocka_unit_test(test_json_is_yaml),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_others_may_be_broken),
        cmocka_unit_test(test_many_problems_are_counted),
        cmocka_unit_test(test_list_first_wins),
        cmocka_unit_test(test_list_does_not_mix_users),
        cmocka_unit_test(test_problems_name_their_file),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_in_cluster),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_printed),
        cmocka_unit_test(test_plugin),
        cmocka_unit_test(test_plugin_failures),
        cmocka_unit_test(test_plugin_is_absent),
        cmocka_unit_test(test_plugin_leaves_a_helper),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "operator/config/config.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 24 };

static char folder[] = "/tmp/operator-config-XXXXXX";
static char *key_flag, *short_flag, *empty_flag, *zero_flag, *long_flag;

static char *file_make(const char *name, const void *data, size_t len)
{
    char path[128];
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    CHECK_OK(file_write(path, data, len, &err), err);
    return xstrdup(path);
}

static char *flag_of(const char *name, const char *file, const void *data, size_t len)
{
    AUTO_FREE char *path = file_make(file, data, len);

    return xasprintf("--%s=%s", name, path);
}

static int set_up(void **state)
{
    char bytes[5000];

    (void)state;
    assert_non_null(mkdtemp(folder));
    memset(bytes, 'k', sizeof(bytes));
    key_flag = flag_of("key-file", "key", bytes, 32);
    short_flag = flag_of("key-file", "short", bytes, 31);
    long_flag = flag_of("key-file", "long", bytes, 4097);
    empty_flag = flag_of("redis-password-file", "empty", "\n", 1);
    zero_flag = flag_of("redis-password-file", "zero", "a\0b\n", 4);
    return 0;
}

static int tear_down(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_remove_tree(folder, &err), err);
    free(key_flag);
    free(short_flag);
    free(empty_flag);
    free(zero_flag);
    free(long_flag);
    return 0;
}

/* argv of what is needed, then words; NULL ends them. */
static int load(struct operator_config **out, const char *const *words, const char *const *env,
                char **problems)
{
    char *argv[WORDS_MAX + 8] = { "stereo-operator", key_flag, "--worker-image=r.example/w:1",
                                  "--redis-url", "redis://r" };
    enum config_ask ask;
    int argc = 5;

    for (; words && *words; words++)
        argv[argc++] = (char *)*words;
    return operator_config_load(out, &ask, argc, argv, (char *const *)env, problems);
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static struct operator_config *load_ok(const char *const *words, const char *const *env)
{
    struct operator_config *config = NULL;
    AUTO_FREE char *problems = NULL;

    if (load(&config, words, env, &problems) != 0)
        fail_msg("%s", problems);
    return config;
}

static void what_is_not_said_has_its_default(void **state)
{
    AUTO(operator_config) struct operator_config *config = load_ok(NULL, NULL);

    (void)state;
    assert_null(config->spaces[0]);
    assert_null(config->pull_secrets[0]);
    assert_string_equal(config->worker_image, "r.example/w:1");
    assert_string_equal(config->pull_policy, "IfNotPresent");
    assert_string_equal(config->redis_url, "redis://r");
    assert_string_equal(config->worker_redis_url, "redis://r");
    assert_null(config->redis_user);
    assert_null(config->redis_password.data);
    assert_null(config->worker_redis_password.data);
    assert_int_equal(config->key.len, 32);
    assert_string_equal(config->listen_host, "0.0.0.0");
    assert_int_equal(config->listen_port, 8080);
    assert_string_equal(config->lease_name, "stereo-operator");
    assert_null(config->lease_space);
    assert_true(config->leader_elect);
    assert_true(config->pod_name && config->pod_name[0]);
    assert_string_equal(config->log_level, "info");
    assert_string_equal(config->log_format, "json");
    assert_int_equal(config->in_flight, 16);
    assert_int_equal(config->resync_ms, 600000);
}

static void a_flag_comes_before_the_environment_before_the_default(void **state)
{
    const char *const *env = WORDS("STEREO_IN_FLIGHT=7", "STEREO_LEASE_NAME=of-env",
                                   "STEREO_LOG_LEVEL=", "STEREO_LISTEN=[::1]:0",
                                   "STEREO_LEADER_ELECT=false", "STEREO_IN_FLIGHTS=x");
    AUTO(operator_config) struct operator_config *config = load_ok(WORDS("--in-flight", "9"), env);
    AUTO(operator_config) struct operator_config *led = load_ok(WORDS("--leader-elect"), env);

    (void)state;
    assert_int_equal(config->in_flight, 9);
    assert_string_equal(config->lease_name, "of-env");
    assert_string_equal(config->log_level, "info");
    assert_string_equal(config->listen_host, "::1");
    assert_int_equal(config->listen_port, 0);
    assert_false(config->leader_elect);
    assert_true(led->leader_elect);
}

static void lists_and_times_are_read(void **state)
{
    AUTO(operator_config)
    struct operator_config *config = load_ok(
        WORDS("--namespace", "films, team-2", "--image-pull-secrets=a.b", "--resync-seconds=10m"),
        NULL);

    (void)state;
    assert_string_equal(config->spaces[0], "films");
    assert_string_equal(config->spaces[1], "team-2");
    assert_null(config->spaces[2]);
    assert_string_equal(config->pull_secrets[0], "a.b");
    assert_int_equal(config->resync_ms, 600000);
}

static void passwords_come_from_files(void **state)
{
    AUTO_FREE char *mine = flag_of("redis-password-file", "mine", "geheim\n", 7);
    AUTO_FREE char *theirs = flag_of("worker-redis-password-file", "theirs", "w\n\n", 3);
    AUTO(operator_config)
    struct operator_config *shared = load_ok(WORDS(mine, "--redis-user=op"), NULL);
    AUTO(operator_config)
    struct operator_config *own = load_ok(
        WORDS(mine, theirs, "--worker-redis-user", "w", "--worker-redis-url=unix:///r"), NULL);
    AUTO_FREE char *url = operator_config_redis_url("rediss://h:1/2", "op");
    AUTO_FREE char *socket = operator_config_redis_url("unix:///r", "op");

    (void)state;
    assert_string_equal(shared->redis_password.data, "geheim");
    assert_string_equal(shared->worker_redis_password.data, "geheim");
    assert_string_equal(shared->worker_redis_user, "op");
    assert_string_equal(own->worker_redis_password.data, "w\n"); /* one newline is the editor's */
    assert_string_equal(own->worker_redis_user, "w");
    assert_string_equal(own->worker_redis_url, "unix:///r");
    assert_string_equal(url, "rediss://op@h:1/2");
    assert_string_equal(socket, "unix:///r");
}

static const struct bad {
    const char *word, *problem; /* the whole line, or its part after the name */
} bads[] = {
    { "--namespace=Films", "namespace: must be lower-case letters, digits and inner dashes" },
    { "--namespace=a,,b", "namespace: must be lower-case" },
    { "--namespace=a.b", "namespace: must be lower-case" },
    { "--namespace=-a", "namespace: must be lower-case" },
    { "--image-pull-policy=Sometimes",
      "image-pull-policy: must be one of Always, IfNotPresent, Never; \"Sometimes\" is not" },
    { "--image-pull-policy=always", "(did you mean Always?)" },
    { "--image-pull-secrets=a,b_c", "image-pull-secrets: must be lower-case letters" },
    { "--image-pull-secrets=a..b", "image-pull-secrets: must be" },
    { "--worker-service-account=x y", "worker-service-account: must be lower-case" },
    { "--redis-user=two words", "redis-user: must be printable ASCII without spaces" },
    { "--redis-user=op", "redis-user: needs redis-password-file" },
    { "--redis-password-file=/nowhere/at/all", "redis-password-file: must be a file to be read" },
    { "--redis-password-file=/tmp", "redis-password-file: must be a file to be read" },
    { "--worker-redis-url=http://x", "worker-redis-url: must be redis://HOST[:PORT][/DB]" },
    { "--worker-redis-url=redis://", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=redis://h:0", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=redis://h:65536", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=redis://h/x", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=redis://[::1", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=unix://x", "worker-redis-url: must be redis://" },
    { "--worker-redis-url=redis://u:geheim@h", "worker-redis-url: must not hold a user" },
    { "--worker-redis-user=w", "worker-redis-user: needs worker-redis-password-file" },
    { "--listen=8080", "listen: must be ADDRESS:PORT" },
    { "--listen=example.com:80", "listen: must be ADDRESS:PORT" },
    { "--listen=0.0.0.0:70000", "listen: must be ADDRESS:PORT" },
    { "--listen=::1:80", "listen: must be ADDRESS:PORT" },
    { "--listen=[::1:80", "listen: must be ADDRESS:PORT" },
    { "--listen=]:80", "listen: must be ADDRESS:PORT" },
    { "--lease-namespace=A", "lease-namespace: must be" },
    { "--lease-name=A", "lease-name: must be" },
    { "--lease-name=", "lease-name: is needed: --lease-name or STEREO_LEASE_NAME" },
    { "--leader-elect=maybe", "leader-elect: must be true or false; \"maybe\" is not" },
    { "--leader-elect=", "leader-elect: must be true or false" },
    { "--pod-name=A_B", "pod-name: must be" },
    { "--kubeconfig=a\nb", "kubeconfig: must be a path without control characters" },
    { "--context=a b", "context: must be printable" },
    { "--ca-configmap=A", "ca-configmap: must be" },
    { "--proxy-http=proxy:3128", "proxy-http: must be http://HOST:PORT" },
    { "--proxy-https=http://u:geheim@p:1", "proxy-https: must not hold a password" },
    { "--proxy-https=http://p:1/x", "proxy-https: must be http://HOST:PORT" },
    { "--no-proxy=a b", "no-proxy: must be printable" },
    { "--log-level=warn",
      "log-level: must be one of debug, info, warning, error; \"warn\" is not" },
    { "--log-format=xml", "log-format: must be one of json, text; \"xml\" is not" },
    { "--in-flight=1.5", "in-flight: must be a number of 1 to 1000" },
    { "--in-flight=99999999999999999999", "in-flight: must be a number" },
    { "--in-flight=0", "in-flight: must be a number of 1 to 1000" },
    { "--in-flight=", "in-flight: must be a number of 1 to 1000" },
    { "--in-flight=1001", "in-flight: must be a number of 1 to 1000" },
    { "--in-flight", "in-flight: --in-flight needs a value" },
    { "--resync-seconds=9", "resync-seconds: must be a time of 10 to 86400 seconds" },
    { "--resync-seconds=10x", "resync-seconds: must be a time" },
    { "--resync-seconds=10mm", "resync-seconds: must be a time" },
    { "--resync-seconds=-20", "resync-seconds: must be a time" },
    { "--resync-seconds=9223372036854775807h", "resync-seconds: must be a time" },
    { "--redis-ulr=redis://u:geheim@h",
      "--redis-ulr: there is no such flag; did you mean --redis-url?" },
    { "--zzzzzzzzzzzz", "--zzzzzzzzzzzz: there is no such flag; see --help" },
    { "--worker-image=b", "worker-image: --worker-image is given twice" },
    { "serve", "arguments: \"serve\" is no flag" },
    { "--", "arguments: \"--\" is no flag" },
};

static void each_bad_value_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct operator_config *config = NULL;
        AUTO_FREE char *problems = NULL;

        CHECK_INT(bads[i].word, load(&config, WORDS(bads[i].word), NULL, &problems), -1);
        CHECK_HAS(bads[i].word, problems, bads[i].problem);
        CHECK_INT(bads[i].word, strncmp(problems, "config error: ", 14), 0);
        CHECK_INT(bads[i].word, strchr(problems, '\n') == problems + strlen(problems) - 1, 1);
        CHECK_INT(bads[i].word, strstr(problems, "geheim") != NULL, 0);
    }
}

static void bad_images_are_refused(void **state)
{
    static const char *const images[] = { "https://r/w:1", "r/w 1",  "-w",  "r//w", "r/w:",
                                          "r/w@",          "/r/w:1", "w\n", "r/w;x" };

    (void)state;
    for (size_t i = 0; i < COUNT(images); i++) {
        struct operator_config *config = NULL;
        AUTO_FREE char *flag = xasprintf("--worker-image=%s", images[i]);
        AUTO_FREE char *why = NULL;
        enum config_ask ask;
        char *argv[] = { "x", key_flag, "--redis-url=redis://r", flag };

        CHECK_INT(images[i], operator_config_load(&config, &ask, 4, argv, NULL, &why), -1);
        CHECK_HAS(images[i], why, "worker-image: must be an image like");
    }
}

static void files_are_held_to_their_bounds(void **state)
{
    const struct {
        char *flag;
        const char *problem;
    } rows[] = {
        { short_flag, "holds 31 bytes; at least 32 are needed" },
        { long_flag, "at most 4096 bytes" },
        { empty_flag, "holds 0 bytes; at least 1" },
        { zero_flag, "holds a zero byte" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct operator_config *config = NULL;
        AUTO_FREE char *why = NULL;
        enum config_ask ask;
        char *argv[] = { "x", "--redis-url=redis://r", "--worker-image=w", rows[i].flag };

        CHECK_INT(rows[i].flag, operator_config_load(&config, &ask, 4, argv, NULL, &why), -1);
        CHECK_HAS(rows[i].flag, why, rows[i].problem);
    }
}

static void all_problems_are_told_at_once(void **state)
{
    struct operator_config *config = NULL;
    AUTO_FREE char *problems = NULL;
    enum config_ask ask;
    char *argv[] = { "x", "--in-flight=x", "--lissten=:1", "stray" };
    const char *const *env = WORDS("STEREO_LOG_LEVEL=loud");
    int lines = 0;

    (void)state;
    assert_int_equal(operator_config_load(&config, &ask, 4, argv, (char *const *)env, &problems),
                     -1);
    assert_null(config);
    for (const char *at = problems; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 7); /* and worker-image, key-file, redis-url are needed */
    CHECK_HAS("all", problems,
              "config error: worker-image: is needed: --worker-image or "
              "STEREO_WORKER_IMAGE\n");
    CHECK_HAS("all", problems, "config error: key-file: is needed");
    CHECK_HAS("all", problems, "config error: redis-url: is needed");
    CHECK_HAS("all", problems, "did you mean --listen?");
    CHECK_HAS("all", problems, "\"loud\" is not");
}

static void questions_come_before_problems(void **state)
{
    static const struct {
        char *word;
        enum config_ask ask;
    } rows[] = { { "--help", CONFIG_HELP },
                 { "-h", CONFIG_HELP },
                 { "--version", CONFIG_VERSION },
                 { "--table", CONFIG_TABLE } };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct operator_config *config = NULL;
        char *argv[] = { "x", "--nonsense", rows[i].word }, *problems = NULL;
        enum config_ask ask;

        CHECK_INT(rows[i].word, operator_config_load(&config, &ask, 3, argv, NULL, &problems), 0);
        CHECK_INT(rows[i].word, ask, rows[i].ask);
        CHECK_INT(rows[i].word, config || problems, 0);
    }
}

/* Every row of the table is a flag and a variable that work, and is in the help. */
static void the_table_is_what_is_read(void **state)
{
    AUTO_FREE char *text = operator_config_table(), *help = operator_config_help();
    AUTO(cJSON) cJSON *table = NULL;
    struct err err;
    const cJSON *row;
    int count = 0;

    (void)state;
    CHECK_OK(json_parse(&table, text, strlen(text), &err), err);
    cJSON_ArrayForEach(row, table)
    {
        const char *flag = json_path(row, "flag")->valuestring;
        const char *env_name = json_path(row, "env")->valuestring;
        const char *type = json_path(row, "type")->valuestring;
        AUTO_FREE char *env = xasprintf("%s=\x01", env_name), *why = NULL, *shown = NULL;
        struct operator_config *config = NULL;
        enum config_ask ask;
        char *argv[] = { "x" };

        count++;
        CHECK_HAS(flag, help, flag);
        CHECK_HAS(flag, help, env_name);
        CHECK_HAS(flag, help, json_path(row, "doc")->valuestring);
        CHECK_INT(flag, operator_config_load(&config, &ask, 1, argv, (char *[]){ env, NULL }, &why),
                  -1);
        shown = xasprintf("config error: %s: ", flag + 2);
        CHECK_HAS(flag, why, shown);
        CHECK_INT(flag,
                  strstr(why, "\x01") && strcmp(type, "string") == 0 && strstr(flag, "url") != NULL,
                  0);
    }
    assert_int_equal(count, 27);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_default),
        cmocka_unit_test(a_flag_comes_before_the_environment_before_the_default),
        cmocka_unit_test(lists_and_times_are_read),
        cmocka_unit_test(passwords_come_from_files),
        cmocka_unit_test(each_bad_value_is_told),
        cmocka_unit_test(bad_images_are_refused),
        cmocka_unit_test(files_are_held_to_their_bounds),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(questions_come_before_problems),
        cmocka_unit_test(the_table_is_what_is_read),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

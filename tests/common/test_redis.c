/* SPDX-License-Identifier: Apache-2.0
 *
 * Against a private redis-server (a Unix socket and a port of its own, with a password), and
 * against a fake one that answers whatever a row says.
 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/redis.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PASSWORD "p@ss/w:rd"
#define TIMEOUT  3000

static char dir[64], unix_url[96], tcp_url[128];
static int port;
static pid_t server;

static void nap_ms(int ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&ts, NULL);
}

static int free_port(void)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)bind(fd, (struct sockaddr *)&addr, len);
    (void)getsockname(fd, (struct sockaddr *)&addr, &len);
    (void)close(fd);
    return ntohs(addr.sin_port);
}

static void exec_server(void)
{
    char socket_path[96], port_text[16];
    int null = open("/dev/null", O_RDWR);

    (void)snprintf(socket_path, sizeof(socket_path), "%s/s", dir);
    (void)snprintf(port_text, sizeof(port_text), "%d", port);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)dup2(null, STDOUT_FILENO);
    (void)execlp("redis-server", "redis-server", "--port", port_text, "--bind", "127.0.0.1",
                 "--unixsocket", socket_path, "--dir", dir, "--save", "", "--appendonly", "no",
                 "--requirepass", PASSWORD, "--user", "worker", "on", ">wp", "~sj:*", "&sj:done",
                 "+@all", (char *)NULL);
    _exit(127);
}

static int start_server(void)
{
    struct redis *redis = NULL;
    struct err err;

    server = fork();
    if (server == 0)
        exec_server();
    for (int i = 0; i < 200; i++) {
        if (redis_open(&redis, unix_url, PASSWORD, TIMEOUT, &err) == 0) {
            redis_free(redis);
            return 0;
        }
        if (waitpid(server, NULL, WNOHANG) == server)
            break;
        nap_ms(25);
    }
    (void)fprintf(stderr, "redis-server did not start: %s\n", err.msg);
    return -1;
}

static void stop_server(void)
{
    if (server > 0) {
        (void)kill(server, SIGKILL);
        (void)waitpid(server, NULL, 0);
    }
    server = 0;
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/test_redis.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    port = free_port();
    (void)snprintf(unix_url, sizeof(unix_url), "unix://%s/s", dir);
    (void)snprintf(tcp_url, sizeof(tcp_url), "redis://:p%%40ss%%2Fw%%3Ard@127.0.0.1:%d/3", port);
    return start_server();
}

static int teardown(void **state)
{
    struct err err;

    (void)state;
    stop_server();
    return file_remove_tree(dir, &err);
}

static struct redis *open_redis(void)
{
    struct redis *redis = NULL;
    struct err err;

    CHECK_OK(redis_open(&redis, unix_url, PASSWORD, TIMEOUT, &err), err);
    return redis;
}

/* A line of words; no quoting. */
static int call(struct redis *redis, struct redis_value *out, const char *line, struct err *err)
{
    AUTO_FREE char *copy = xstrdup(line);
    const char *words[16];
    int count = 0;
    char *rest = NULL;

    for (char *w = strtok_r(copy, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
        words[count++] = w;
    return redis_call(redis, out, count, words, err);
}

static void must_call(struct redis *redis, struct redis_value *out, const char *line)
{
    struct err err;

    CHECK_OK(call(redis, out, line, &err), err);
}

static void bad_urls_are_config_errors(void **state)
{
    static const char *const rows[] = {
        "",
        "redis",
        "http://x",
        "redis://",
        "redis://:6379",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:",
        "redis://h:1x",
        "redis://h/a",
        "redis://h/-1",
        "redis://h/99999",
        "redis://h/1/2",
        "redis://u:p@",
        "redis://u:%4@h",
        "redis://u:%zz@h",
        "redis://u:%00@h",
        "redis://[::1",
        "redis://[::1]x",
        "redis://[]:1",
        "unix://",
        "unix://relative",
        "rediss://h",
        "REDIS://h",
        "unix:///"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct redis *redis = NULL;
        struct err err = { 0 };

        if (redis_open(&redis, rows[i], NULL, 100, &err) != -1)
            fail_msg("'%s' was taken", rows[i]);
        CHECK_INT(rows[i], err.code, ERR_CONFIG);
        assert_null(redis);
    }
}

static void a_bad_url_does_not_show_its_password(void **state)
{
    struct redis *redis = NULL;
    struct err err;

    (void)state;
    CHECK_ERR(redis_open(&redis, "redis://u:hunter2@h:99999", NULL, 100, &err), err, ERR_CONFIG);
    assert_null(strstr(err.msg, "hunter2"));
    CHECK_ERR(redis_open(&redis, "rediss://u:hunter2@h", NULL, 100, &err), err, ERR_CONFIG);
    assert_null(strstr(err.msg, "hunter2"));
    assert_non_null(strstr(err.msg, "TLS"));
    CHECK_ERR(redis_open(&redis, "redis://u:hunter2@127.0.0.1:1", NULL, 100, &err), err,
              ERR_DEPENDENCY);
    assert_null(strstr(err.msg, "hunter2"));
    CHECK_HAS("refused", err.msg, "Redis 127.0.0.1:1: ");
}

static void replies_keep_their_types(void **state)
{
    AUTO(redis) struct redis *redis = open_redis();
    const char *binary[] = { "EVAL", "return 'a\\0b'", "0" };
    struct redis_value v;
    struct err err;

    (void)state;
    must_call(redis, &v, "SET key text");
    assert_int_equal(v.type, REDIS_TEXT);
    assert_string_equal(v.text, "OK");
    redis_value_clear(&v);
    must_call(redis, &v, "GET none");
    assert_int_equal(v.type, REDIS_NIL);
    must_call(redis, &v, "STRLEN key");
    assert_int_equal(v.type, REDIS_NUMBER);
    assert_int_equal(v.number, 4);
    must_call(redis, NULL, "HSET h 7 record 8 other");
    must_call(redis, &v, "HGETALL h");
    assert_int_equal(v.type, REDIS_LIST);
    assert_int_equal(v.len, 4);
    assert_string_equal(v.list[0].text, "7");
    assert_string_equal(v.list[1].text, "record");
    redis_value_clear(&v);
    assert_null(v.list);
    must_call(redis, &v, "HGETALL none");
    assert_int_equal(v.type, REDIS_LIST);
    assert_int_equal(v.len, 0);
    redis_value_clear(&v);
    CHECK_OK(redis_call(redis, &v, 3, binary, &err), err);
    assert_int_equal(v.len, 3);
    assert_memory_equal(v.text, "a\0b", 4);
    redis_value_clear(&v);
}

static void server_errors_leave_the_connection_open(void **state)
{
    AUTO(redis) struct redis *redis = open_redis();
    struct redis_value v = { .type = REDIS_NUMBER, .number = 5 };
    struct err err;

    (void)state;
    must_call(redis, NULL, "SET word x");
    CHECK_ERR(call(redis, &v, "HGETALL word", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("wrong type", err.msg, "WRONGTYPE");
    CHECK_ERR(call(redis, NULL, "NOSUCH", &err), err, ERR_DEPENDENCY);
    assert_int_equal(v.number, 5);
    must_call(redis, NULL, "MULTI");
    must_call(redis, NULL, "SET a 1");
    must_call(redis, NULL, "INCR word");
    CHECK_ERR(call(redis, &v, "EXEC", &err), err, ERR_DEPENDENCY); /* an error inside the list */
    must_call(redis, NULL, "PING");
}

static void tcp_logs_in_and_chooses_the_database(void **state)
{
    AUTO(redis) struct redis *redis = NULL, *named = NULL;
    struct redis_value v;
    char url[96];
    struct err err;

    (void)state;
    CHECK_OK(redis_open(&redis, tcp_url, NULL, TIMEOUT, &err), err);
    must_call(redis, &v, "CLIENT INFO");
    CHECK_HAS("database 3", v.text, " db=3 ");
    redis_value_clear(&v);
    (void)snprintf(url, sizeof(url), "redis://worker:ignored@localhost:%d", port);
    CHECK_OK(redis_open(&named, url, "wp", TIMEOUT, &err), err); /* the argument wins */
    must_call(named, &v, "ACL WHOAMI");
    assert_string_equal(v.text, "worker");
    redis_value_clear(&v);
    CHECK_ERR(call(named, NULL, "SET other 1", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("ACL", err.msg, "NOPERM");
}

static void a_wrong_password_is_said(void **state)
{
    struct redis *redis = NULL;
    struct err err;

    (void)state;
    CHECK_ERR(redis_open(&redis, unix_url, "wrong", TIMEOUT, &err), err, ERR_DEPENDENCY);
    CHECK_HAS("wrong", err.msg, "WRONGPASS");
    CHECK_ERR(redis_open(&redis, "redis://nobody@127.0.0.1:1", "x", 100, &err), err,
              ERR_DEPENDENCY);
    assert_null(redis);
    CHECK_OK(redis_open(&redis, unix_url, NULL, TIMEOUT, &err),
             err); /* no login: every call says so */
    CHECK_ERR(call(redis, NULL, "GET k", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("none", err.msg, "NOAUTH");
    redis_free(redis);
}

static void a_paused_server_times_out_and_closes(void **state)
{
    AUTO(redis) struct redis *redis = NULL, *boss = open_redis(), *again = NULL;
    int64_t before;
    struct err err;

    (void)state;
    CHECK_OK(redis_open(&redis, unix_url, PASSWORD, 200, &err), err);
    must_call(boss, NULL, "CLIENT PAUSE 700 ALL");
    before = clock_mono_us();
    CHECK_ERR(call(redis, NULL, "GET k", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("timeout", err.msg, "timed out");
    assert_in_range(clock_mono_us() - before, 190000, 650000);
    CHECK_ERR(call(redis, NULL, "GET k", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("closed", err.msg, "the connection is closed");
    nap_ms(600);
    again = open_redis();
    must_call(again, NULL, "PING");
}

static void messages_are_waited_for(void **state)
{
    AUTO(redis) struct redis *ear = open_redis(), *mouth = open_redis();
    struct redis_value v = { .type = REDIS_NUMBER };
    int64_t before = clock_mono_us();
    struct err err;

    (void)state;
    must_call(ear, NULL, "SUBSCRIBE sj:done other");
    CHECK_OK(redis_wait(ear, &v, 100, &err),
             err); /* "subscribe" of the second channel is not one */
    assert_int_equal(v.type, REDIS_NIL);
    assert_in_range(clock_mono_us() - before, 100000, 2000000);
    must_call(mouth, NULL, "PUBLISH sj:done uid-1");
    must_call(mouth, NULL, "PUBLISH other uid-2");
    CHECK_OK(redis_wait(ear, &v, 2000, &err), err);
    assert_int_equal(v.type, REDIS_LIST);
    assert_int_equal(v.len, 3);
    assert_string_equal(v.list[1].text, "sj:done");
    assert_string_equal(v.list[2].text, "uid-1");
    redis_value_clear(&v);
    CHECK_OK(redis_wait(ear, &v, 2000, &err), err);
    assert_string_equal(v.list[2].text, "uid-2");
    redis_value_clear(&v);
    CHECK_OK(redis_wait(ear, &v, 0, &err), err); /* a timeout leaves it open */
    assert_int_equal(v.type, REDIS_NIL);
    must_call(mouth, NULL, "PUBLISH sj:done uid-3");
    CHECK_OK(redis_wait(ear, &v, 2000, &err), err);
    assert_string_equal(v.list[2].text, "uid-3");
    redis_value_clear(&v);
}

static void a_killed_server_is_noticed(void **state)
{
    AUTO(redis) struct redis *redis = open_redis(), *ear = open_redis();
    struct redis *none = NULL;
    struct redis_value v;
    struct err err;

    (void)state;
    must_call(ear, NULL, "SUBSCRIBE c");
    stop_server();
    CHECK_ERR(call(redis, NULL, "PING", &err), err, ERR_DEPENDENCY); /* and no SIGPIPE */
    CHECK_ERR(call(redis, NULL, "PING", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("closed", err.msg, "the connection is closed");
    CHECK_ERR(redis_wait(ear, &v, 1000, &err), err, ERR_DEPENDENCY);
    CHECK_ERR(redis_wait(ear, &v, 1000, &err), err, ERR_DEPENDENCY);
    CHECK_ERR(redis_open(&none, unix_url, PASSWORD, 500, &err), err, ERR_DEPENDENCY);
    assert_null(none);
    assert_int_equal(start_server(), 0);
}

static void a_large_hash_comes_whole(void **state)
{
    AUTO(redis) struct redis *redis = open_redis();
    const char *script[] = { "EVAL",
                             "for i=1,20000 do redis.call('HSET','big',i,string.rep('x',300)) end",
                             "0" };
    struct redis_value v;
    struct err err;

    (void)state;
    CHECK_OK(redis_call(redis, NULL, 3, script, &err), err);
    must_call(redis, &v, "HGETALL big");
    assert_int_equal(v.len, 40000);
    for (size_t i = 1; i < v.len; i += 2)
        assert_int_equal(v.list[i].len, 300);
    redis_value_clear(&v);
}

/* The limit of elements is one reply's, not the connection's. */
static void each_reply_has_the_whole_limit(void **state)
{
    AUTO(redis) struct redis *redis = open_redis();
    const char *script[] = { "EVAL", "local t={} for i=1,600000 do t[i]=i end return t", "0" };
    struct redis_value v;
    struct err err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(redis_call(redis, &v, 3, script, &err), err);
        assert_int_equal(v.len, 600000);
        assert_int_equal(v.list[599999].number, 600000);
        redis_value_clear(&v);
    }
}

/* A command longer than the socket's buffer, while the server also writes. */
static void a_large_command_goes_whole(void **state)
{
    AUTO(redis) struct redis *redis = open_redis();
    AUTO_FREE char *big = xmalloc(8u << 20);
    const char *words[] = { "SET", "blob", big };
    struct redis_value v;
    struct err err;

    (void)state;
    memset(big, 'b', (8u << 20) - 1);
    big[(8u << 20) - 1] = '\0';
    CHECK_OK(redis_call(redis, NULL, 3, words, &err), err);
    must_call(redis, &v, "GET blob");
    assert_int_equal(v.len, (8u << 20) - 1);
    assert_string_equal(v.text, big);
    redis_value_clear(&v);
}

struct fake {
    const char *name;
    const char *answer; /* sent after the first bytes of a command */
    int repeat;         /* times, for endless answers */
    int pause_ms;       /* before each repetition */
    bool hang;          /* stay silent after it instead of hanging up */
    enum redis_type want;
    const char *want_err; /* a part of the message; NULL: the reply is taken */
};

/* Serves one connection in a child, which dies with it. */
static pid_t start_fake(const struct fake *fake, const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    (void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
    (void)unlink(path);
    assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(listener, 1), 0);
    pid = fork();
    if (pid == 0) {
        char command[256];
        int fd = accept(listener, NULL, NULL);

        (void)read(fd, command, sizeof(command));
        for (int i = 0; i < fake->repeat; i++) {
            nap_ms(fake->pause_ms);
            if (send(fd, fake->answer, strlen(fake->answer), MSG_NOSIGNAL) < 0)
                break;
        }
        while (fake->hang && read(fd, command, sizeof(command)) > 0)
            ;
        _exit(0);
    }
    (void)close(listener);
    return pid;
}

static void hostile_answers_are_survived(void **state)
{
    static const struct fake rows[] = {
        { "status", "+OK\r\n", 1, 0, true, REDIS_TEXT, NULL },
        { "in two pieces", "+O", 1, 0, false, REDIS_NIL, "closed" },
        { "hangs up at once", "", 1, 0, false, REDIS_NIL, "closed" },
        { "silent", "", 1, 0, true, REDIS_NIL, "timed out" },
        { "one byte at a time, for ever", "+", 1000, 20, true, REDIS_NIL, "timed out" },
        { "not the protocol", "HTTP/1.1 400 Bad Request\r\n", 1, 0, true, REDIS_NIL, "Protocol" },
        { "an error", "-LOADING wait\r\n", 1, 0, true, REDIS_NIL, "LOADING wait" },
        { "a list of two billion", "*2000000000\r\n", 1, 0, true, REDIS_NIL, "too many elements" },
        { "a list of 2^20 + 1", "*1048577\r\n", 1, 0, true, REDIS_NIL, "too many elements" },
        { "lists that add up", "*2\r\n*600000\r\n*600000\r\n", 1, 0, true, REDIS_NIL,
          "too many elements" },
        { "a list of -2", "*-2\r\n", 1, 0, true, REDIS_NIL, "" },
        { "a nil list", "*-1\r\n", 1, 0, true, REDIS_NIL, NULL },
        { "too deep", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", 1, 0,
          true, REDIS_NIL, "" },
        { "a text of 2 GiB that never ends", "$2000000000\r\n", 1, 0, true, REDIS_NIL,
          "timed out" },
        { "a number too far", ":99999999999999999999\r\n", 1, 0, true, REDIS_NIL, "" },
    };
    char path[96], url[112];

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/fake", dir);
    (void)snprintf(url, sizeof(url), "unix://%s", path);
    for (size_t i = 0; i < COUNT(rows); i++) {
        AUTO(redis) struct redis *redis = NULL;
        struct redis_value v = { .type = REDIS_NIL };
        int64_t before = clock_mono_us();
        struct err err = { 0 };
        pid_t pid = start_fake(&rows[i], path);
        int rc;

        CHECK_OK(redis_open(&redis, url, NULL, 300, &err), err);
        rc = call(redis, &v, "PING", &err);
        CHECK_INT(rows[i].name, rc, rows[i].want_err ? -1 : 0);
        CHECK_INT(rows[i].name, v.type, rows[i].want);
        if (rows[i].want_err) {
            CHECK_INT(rows[i].name, err.code, ERR_DEPENDENCY);
            CHECK_HAS(rows[i].name, err.msg, rows[i].want_err);
        }
        CHECK_INT(rows[i].name, clock_mono_us() - before < 5000000, 1);
        redis_value_clear(&v);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
    }
}

/* More than 128 MiB of one reply: refused before it is whole. */
static void an_endless_reply_is_cut_off(void **state)
{
    struct fake fake = { .name = "endless", .repeat = 1 << 30, .hang = true };
    AUTO(redis) struct redis *redis = NULL;
    AUTO_FREE char *chunk = xcalloc((1u << 20) + 1, 1);
    char path[96], url[112];
    struct err err = { 0 };
    pid_t pid;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/fake", dir);
    (void)snprintf(url, sizeof(url), "unix://%s", path);
    memset(chunk, 'x', 1u << 20);
    memcpy(chunk, "$999999999\r\n", 12);
    fake.answer = chunk;
    pid = start_fake(&fake, path);
    CHECK_OK(redis_open(&redis, url, NULL, 60000, &err), err);
    CHECK_ERR(call(redis, NULL, "PING", &err), err, ERR_DEPENDENCY);
    CHECK_HAS("endless", err.msg, "larger than 128 MiB");
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

static void nothing_is_freed_twice(void **state)
{
    struct redis_value v = { .type = REDIS_NIL };

    (void)state;
    redis_free(NULL);
    redis_value_clear(&v);
    redis_value_clear(&v);
}

static int skip_all(void)
{
    (void)printf("SKIP: no redis-server on this machine\n");
    return 77;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_urls_are_config_errors),
        cmocka_unit_test(a_bad_url_does_not_show_its_password),
        cmocka_unit_test(replies_keep_their_types),
        cmocka_unit_test(server_errors_leave_the_connection_open),
        cmocka_unit_test(tcp_logs_in_and_chooses_the_database),
        cmocka_unit_test(a_wrong_password_is_said),
        cmocka_unit_test(a_paused_server_times_out_and_closes),
        cmocka_unit_test(messages_are_waited_for),
        cmocka_unit_test(a_killed_server_is_noticed),
        cmocka_unit_test(a_large_hash_comes_whole),
        cmocka_unit_test(each_reply_has_the_whole_limit),
        cmocka_unit_test(a_large_command_goes_whole),
        cmocka_unit_test(hostile_answers_are_survived),
        cmocka_unit_test(an_endless_reply_is_cut_off),
        cmocka_unit_test(nothing_is_freed_twice),
    };

    if (access("/usr/bin/redis-server", X_OK) != 0)
        return skip_all();
    return cmocka_run_group_tests(tests, setup, teardown);
}

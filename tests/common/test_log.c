/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static char caught[1 << 20];
static int saved_stderr, file;

static int catch_stderr(void **state)
{
    char name[] = "/tmp/test_log.XXXXXX";

    (void)state;
    saved_stderr = dup(STDERR_FILENO);
    file = mkstemp(name);
    (void)unlink(name);
    return file < 0 || dup2(file, STDERR_FILENO) < 0 ? -1 : 0;
}

static int release_stderr(void **state)
{
    (void)state;
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    (void)close(file);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
    ssize_t n = pread(file, caught, sizeof(caught) - 1, 0);

    caught[n < 0 ? 0 : n] = '\0';
    (void)ftruncate(file, 0);
    (void)lseek(file, 0, SEEK_SET);
    return caught;
}

static void people_read_text(void **state)
{
    (void)state;
    log_setup("stereo-worker", LOG_INFO, false);
    log_debug("not %s", "shown");
    assert_string_equal(logged(), "");
    log_info("segment %d done", 7);
    assert_string_equal(logged(), "stereo-worker: segment 7 done\n");
    log_warn("slow");
    log_error("gone");
    assert_string_equal(logged(), "stereo-worker: warning: slow\nstereo-worker: error: gone\n");
    log_setup("stereo", LOG_DEBUG, false);
    log_debug("deep");
    assert_string_equal(logged(), "stereo: debug: deep\n");
}

static void control_characters_are_escaped(void **state)
{
    static const struct {
        const char *text, *want, *want_json;
    } rows[] = {
        { "a\nb\tc", "a\\nb\\tc", "a\\nb\\tc" },
        { "\x1b[31mred\x7f\r", "\\x1b[31mred\\x7f\\x0d", "\\u001b[31mred\\u007f\\u000d" },
        { "\"q\" \\ /", "\"q\" \\ /", "\\\"q\\\" \\\\ /" },
        { "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\xac",
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\xac",
          "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x8e\xac" },
        { "\xc2\x9b"
          "31m",
          "\\xc2\\x9b31m", "\\u00c2\\u009b31m" }, /* CSI as a C1 control */
        { "\xff\xc0\x80", "\\xff\\xc0\\x80", "\\u00ff\\u00c0\\u0080" },
        { "\xe2\x82", "\\xe2\\x82", "\\u00e2\\u0082" },
        { "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\u00ed\\u00a0\\u0080" }, /* a surrogate */
        { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\u00f4\\u0090\\u0080\\u0080" },
    };
    char want[200];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        log_setup("p", LOG_INFO, false);
        log_info("%s", rows[i].text);
        (void)snprintf(want, sizeof(want), "p: %s\n", rows[i].want);
        CHECK_STR(rows[i].want, logged(), want);
        log_setup("p", LOG_INFO, true);
        log_info("%s", rows[i].text);
        (void)snprintf(want, sizeof(want), "\"msg\":\"%s\"}\n", rows[i].want_json);
        CHECK_HAS(rows[i].want, logged(), want);
    }
}

static void machines_read_json_lines(void **state)
{
    const char *line;

    (void)state;
    log_setup("stereo-operator", LOG_WARN, true);
    log_info("not shown");
    log_warn("%s", "w");
    line = logged();
    assert_memory_equal(line, "{\"time\":\"20", 11);
    CHECK_HAS("json", line + 28,
              "Z\",\"level\":\"warning\",\"program\":\"stereo-operator\",\"msg\":\"w\"}\n");
}

static void long_messages_are_cut(void **state)
{
    static char text[10000];
    const char *line;

    (void)state;
    memset(text, '\x01', sizeof(text) - 1);
    log_setup("p", LOG_INFO, true);
    log_info("%s", text);
    line = logged();
    assert_true(strlen(line) > 20000);
    assert_string_equal(line + strlen(line) - 8, "01...\"}\n");
}

static void *log_many(void *name)
{
    for (int i = 0; i < 500; i++)
        log_info("%s says %d", (const char *)name, i);
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    pthread_t threads[4];
    static char names[4][8] = { "one", "two", "three", "four" };
    int lines = 0;

    (void)state;
    log_setup("p", LOG_INFO, false);
    (void)fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, names[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)logged();
    for (char *line = caught; *line; lines++) {
        char *newline = strchr(line, '\n'), who[8];
        int number, end = 0;

        assert_non_null(newline);
        *newline = '\0';
        (void)sscanf(line, "p: %7s says %d%n", who, &number, &end);
        CHECK_INT(line, newline - line, end);
        line = newline + 1;
    }
    assert_int_equal(lines, 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_read_text),
        cmocka_unit_test(control_characters_are_escaped),
        cmocka_unit_test(machines_read_json_lines),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(lines_of_threads_do_not_mix),
    };

    return cmocka_run_group_tests(tests, catch_stderr, release_stderr);
}

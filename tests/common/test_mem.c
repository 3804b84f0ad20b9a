/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/mem.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void blocks_are_usable(void **state)
{
    AUTO_FREE char *a = xmalloc(3), *b = xcalloc(2, 8), *c = xstrdup("film"), *d = NULL, *e = NULL;
    static const char zero[16];

    (void)state;
    memcpy(a, "ab", 3);
    a = xrealloc(a, 1000);
    assert_string_equal(a, "ab");
    assert_memory_equal(b, zero, 16);
    assert_string_equal(c, "film");
    d = xstrndup("segment", 3);
    assert_string_equal(d, "seg");
    e = xasprintf("%s-%05d", "s", 7);
    assert_string_equal(e, "s-00007");
}

static void empty_blocks_are_not_null(void **state)
{
    AUTO_FREE char *a = xmalloc(0), *b = xcalloc(0, 0), *c = xrealloc(NULL, 0);

    (void)state;
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
}

static void use_it_all(void)
{
    volatile size_t absurd = (size_t)1 << 62; /* no machine has it */
    struct rlimit none = { 0, 0 };

    (void)setrlimit(RLIMIT_CORE, &none);
    for (;;)
        (void)xmalloc(absurd);
}

/* In a child: the sanitizer's own allocator limit also ends the process, which is as good. */
static void no_memory_ends_the_process(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);

        (void)dup2(null, STDERR_FILENO);
        use_it_all();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) != 0);
}

static void take_moves(void **state)
{
    AUTO_FREE char *a = xstrdup("x");
    AUTO_FREE char *b = TAKE(a);

    (void)state;
    assert_null(a);
    assert_string_equal(b, "x");
}

static void auto_close_closes(void **state)
{
    int seen;

    (void)state;
    {
        AUTO_CLOSE int fd = open("/dev/null", O_RDONLY);
        AUTO_CLOSE int none = -1;

        assert_int_equal(none, -1);
        seen = fd;
        assert_true(fcntl(seen, F_GETFD) >= 0);
    }
    assert_int_equal(fcntl(seen, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_usable),          cmocka_unit_test(empty_blocks_are_not_null),
        cmocka_unit_test(no_memory_ends_the_process), cmocka_unit_test(take_moves),
        cmocka_unit_test(auto_close_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

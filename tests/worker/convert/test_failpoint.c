/* SPDX-License-Identifier: Apache-2.0
 *
 * common/failpoint.c, compiled into this test with the failpoints on.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Passes "here" three times in a process of its own; its wait status, or the number of failures. */
static int pass_three(const char *text)
{
    pid_t pid = fork();
    int status, failures = 0;

    if (pid == 0) {
        (void)setenv("STEREO_FP", text, 1);
        (void)close(STDERR_FILENO);
        for (int i = 0; i < 3; i++) {
            failures += FP("here");
            failures += 10 * FP("there");
        }
        _exit(failures);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void it_does_what_it_is_told(void **state)
{
    static const struct {
        const char *text;
        int exit, signal;
    } rows[] = {
        { "", 0, 0 },
        { "here=err", 3, 0 },
        { "here=err@2", 1, 0 },
        { "here=err@4", 0, 0 },
        { "here=err@1,there=err@3", 11, 0 },
        { "elsewhere=kill", 0, 0 },
        { "here=kill@3", 0, SIGKILL },
        { "here=stop", 0, SIGTERM },
        { "here=kil", 0, SIGABRT },
        { "here", 0, SIGABRT },
        { "here=err@x", 0, SIGABRT },
        { "here=sleep(x)", 0, SIGABRT },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int status = pass_three(rows[i].text);

        CHECK_INT(rows[i].text, WIFSIGNALED(status) ? WTERMSIG(status) : 0, rows[i].signal);
        if (!rows[i].signal)
            CHECK_INT(rows[i].text, WEXITSTATUS(status), rows[i].exit);
    }
}

static void it_sleeps(void **state)
{
    int64_t begin = clock_mono_us();

    (void)state;
    assert_int_equal(pass_three("here=sleep(40)"), 0);
    assert_true(clock_mono_us() - begin >= 120000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_what_it_is_told),
        cmocka_unit_test(it_sleeps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * This program starts itself: what a child has, and what is said of its end.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "worker/sandbox/child.h"
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "STEREO_TEST_SECRET"

extern char **environ;

static struct channel mouth = { .fd = CHILD_SOCKET };

static void tell(int64_t value)
{
    (void)channel_send(&mouth, 1, &value, sizeof(value));
}

/* Until the parent says something, or is gone. */
static bool hear(struct message *message)
{
    struct err err;

    return channel_receive(&mouth, message, &err) > 0;
}

static void echo(void)
{
    struct message message = { .data = NULL };

    while (hear(&message))
        (void)channel_send(&mouth, message.type, message.data, message.in.len);
    message_clear(&message);
}

static void tell_what_is_there(void)
{
    int64_t open_fds = 0, names = 0;

    for (int fd = 0; fd < 1024; fd++)
        open_fds += fcntl(fd, F_GETFD) >= 0;
    for (char **at = environ; *at; at++)
        names += strncmp(*at, SECRET, strlen(SECRET)) == 0 || strncmp(*at, "PATH=", 5) == 0 ||
                 strncmp(*at, "HOME=", 5) == 0;
    tell(open_fds);
    tell(names);
    tell(getppid());
}

static int be_child(const char *verb)
{
    static const struct sandbox_limits limits = { 1ull << 30, 2ull << 30, 60, CHILD_GIFT + 1 };
    struct sandbox_state state;
    sigset_t none;

    if (strcmp(verb, "echo") == 0)
        echo();
    else if (strcmp(verb, "there") == 0)
        tell_what_is_there();
    else if (strcmp(verb, "segv") == 0)
        (void)(signal(SIGSEGV, SIG_DFL), raise(SIGSEGV));
    else if (strcmp(verb, "abort") == 0)
        abort();
    else if (strcmp(verb, "killed") == 0)
        (void)kill(getpid(), SIGKILL);
    else if (strcmp(verb, "cpu") == 0)
        (void)raise(SIGXCPU);
    else if (strcmp(verb, "exit") == 0)
        return 3;
    else if (strcmp(verb, "spin") == 0)
        for (;;)
            continue;
    else if (strcmp(verb, "sleep") == 0)
        (void)pause();
    else if (strcmp(verb, "mute") == 0)
        (void)(close(CHILD_SOCKET), pause());
    else if (strcmp(verb, "socket") == 0)
        (void)(sandbox_enter(&state, &limits), socket(AF_INET, SOCK_STREAM, 0));
    else if (strcmp(verb, "term") == 0)
        (void)(sigemptyset(&none), sigprocmask(SIG_SETMASK, &none, NULL), raise(SIGTERM));
    else if (strcmp(verb, "huge") == 0)
        (void)!write(CHILD_SOCKET, "\1\0\0\0\377\377\377\377", 8);
    return 0;
}

static struct child *start(const char *verb, int gift, int silence_s,
                           const volatile sig_atomic_t *stop)
{
    struct child_opts opts = { verb, gift, silence_s, stop };
    struct child *child;
    struct err err;

    if (child_start(&child, &opts, &err) < 0)
        fail_msg("%s", err.msg);
    return child;
}

static int64_t told(struct child *child)
{
    struct message message = { .data = NULL };
    struct err err;
    int64_t value;

    if (child_receive(child, &message, &err) < 0)
        fail_msg("%s", err.msg);
    value = wire_get_i64(&message.in);
    message_clear(&message);
    return value;
}

static void words_come_back(void **state)
{
    static const size_t sizes[] = { 0, 1, 65527, 65528, 65529, 65536, 1 << 20, 9000001 };
    struct child *child = start("echo", -1, 30, NULL);
    struct message message = { .data = NULL };

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t *bytes = malloc(sizes[i] + 1);
        struct err err;

        for (size_t k = 0; k < sizes[i]; k++)
            bytes[k] = (uint8_t)(k * 7 + i);
        assert_int_equal(child_send(child, (uint32_t)i, bytes, sizes[i], &err), 0);
        assert_int_equal(child_receive(child, &message, &err), 0);
        assert_int_equal(message.type, i);
        assert_int_equal(message.in.len, sizes[i]);
        assert_true(sizes[i] == 0 || memcmp(message.data, bytes, sizes[i]) == 0);
        free(bytes);
    }
    message_clear(&message);
    child_free(child);
}

/* Three of its own, the socket and the gift: nothing of ours, and no name of ours. */
static void it_has_nothing_of_ours(void **state)
{
    int gift = memfd_create("gift", MFD_CLOEXEC), leaky[8];
    struct child *child;

    (void)state;
    assert_int_equal(setenv(SECRET, "canary", 1), 0);
    for (size_t i = 0; i < COUNT(leaky); i++)
        leaky[i] = dup(0);
    child = start("there", gift, 30, NULL);
    CHECK_INT("descriptors", told(child), 5);
    CHECK_INT("names", told(child), 0);
    CHECK_INT("parent", told(child), getpid());
    child_free(child);
    child = start("there", -1, 30, NULL);
    CHECK_INT("descriptors without a gift", told(child), 4);
    child_free(child);
    for (size_t i = 0; i < COUNT(leaky); i++)
        (void)close(leaky[i]);
    (void)close(gift);
}

static void its_end_is_explained(void **state)
{
    static const struct {
        const char *verb;
        enum err_code code;
        const char *words;
    } cases[] = {
        { "segv", ERR_INPUT, "crashed its decoder (SIGSEGV)" },
        { "abort", ERR_INPUT, "crashed its decoder (SIGABRT)" },
        { "socket", ERR_INPUT, "(SIGSYS)" },
        { "cpu", ERR_INPUT, "(SIGXCPU)" },
        { "killed", ERR_NOMEM, "(SIGKILL)" },
        { "term", ERR_INTERRUPTED, "(SIGTERM)" },
        { "exit", ERR_INTERNAL, "exit code 3" },
        { "huge", ERR_INPUT, "a message of 4294967295 bytes" },
        { "mute", ERR_INTERNAL, "closed its mouth" },
        { "spin", ERR_INPUT, "decoding hangs" },
        { "sleep", ERR_INPUT, "decoding hangs" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct child *child = start(cases[i].verb, -1, 1, NULL);
        struct message message = { .data = NULL };
        struct err err = { 0 };

        CHECK_INT(cases[i].verb, child_receive(child, &message, &err), -1);
        if (err.code != cases[i].code)
            fail_msg("[%s] %d: %s", cases[i].verb, (int)err.code, err.msg);
        if (!strstr(err.msg, cases[i].words))
            fail_msg("[%s] says: %s", cases[i].verb, err.msg);
        message_clear(&message);
        child_free(child);
    }
}

static void it_stops_when_told(void **state)
{
    volatile sig_atomic_t stop = 1;
    struct child *child = start("sleep", -1, 60, &stop);
    struct message message = { .data = NULL };
    int64_t begin_us = clock_mono_us();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(child_receive(child, &message, &err), -1);
    assert_int_equal(err.code, ERR_INTERRUPTED);
    child_free(child);
    assert_true(clock_mono_us() - begin_us < 5000000);
    message_clear(&message);
}

/* SIGTERM to the whole group is the parent's matter. */
static void a_stop_signal_is_held(void **state)
{
    struct child *child = start("echo", -1, 30, NULL);
    struct message message = { .data = NULL };
    struct err err = { 0 };

    (void)state;
    (void)signal(SIGTERM, SIG_IGN);
    assert_int_equal(kill(0, SIGTERM), 0);
    (void)signal(SIGTERM, SIG_DFL);
    assert_int_equal(child_send(child, 9, "x", 1, &err), 0);
    assert_int_equal(child_receive(child, &message, &err), 0);
    assert_int_equal(message.type, 9);
    message_clear(&message);
    child_free(child);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_back),       cmocka_unit_test(it_has_nothing_of_ours),
        cmocka_unit_test(its_end_is_explained),  cmocka_unit_test(it_stops_when_told),
        cmocka_unit_test(a_stop_signal_is_held),
    };

    if (argc > 1)
        return be_child(argv[1]);
    (void)setpgid(0, 0); /* signals to the group stay here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}

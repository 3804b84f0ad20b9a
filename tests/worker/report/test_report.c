/* SPDX-License-Identifier: Apache-2.0
 *
 * Against a private redis-server on a Unix socket, killed, frozen and started again.
 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/redis.h"
#include "worker/report/report.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TOKEN   "00112233445566778899aabbccddeeff"
#define OTHER   "ffeeddccbbaa99887766554433221100"
#define UID     "6f1c9d3e-0000-4000-8000-000000000001"
#define BEAT_MS 50

static char dir[64], url[96], log_path[96];
static pid_t server;

static void nap_ms(int ms)
{
    struct timespec ts = { ms / 1000, (long)(ms % 1000) * 1000000 };

    (void)nanosleep(&ts, NULL);
}

static bool have_server(void)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        (void)dup2(open("/dev/null", O_RDWR), STDOUT_FILENO);
        (void)execlp("redis-server", "redis-server", "--version", (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static struct redis *try_redis(void)
{
    struct redis *redis = NULL;
    struct err err;

    return redis_open(&redis, url, NULL, 1000, &err) == 0 ? redis : NULL;
}

static void start_server(void)
{
    struct redis *redis = NULL;
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/s", dir);
    server = fork();
    if (server == 0) {
        int null = open("/dev/null", O_RDWR);

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(null, STDOUT_FILENO);
        (void)execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", path, "--dir",
                     dir, "--save", "", "--appendonly", "no", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && !redis; i++) {
        redis = try_redis();
        if (!redis)
            nap_ms(25);
    }
    assert_non_null(redis);
    redis_free(redis);
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
    (void)snprintf(dir, sizeof(dir), "/tmp/test_report.XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(url, sizeof(url), "unix://%s/s", dir);
    (void)snprintf(log_path, sizeof(log_path), "%s/termination-log", dir);
    start_server();
    return 0;
}

static int teardown(void **state)
{
    struct err err;

    (void)state;
    stop_server();
    return file_remove_tree(dir, &err);
}

static struct report *open_report(const char *at)
{
    struct report_opts opts = {
        .url = at,
        .token_hex = TOKEN,
        .uid = UID,
        .pod = "film-6f1c9d3e-c00007-e0-a1",
        .id = { STAGE_CONVERT, 7, 0, 1 },
        .beat_ms = BEAT_MS,
        .termination_path = log_path,
    };
    struct report *report;
    struct err err;

    (void)unlink(log_path);
    CHECK_OK(report_open(&report, &opts, &err), err);
    return report;
}

static struct record make_record(void)
{
    struct record record = {
        .uid = UID,
        .id = { STAGE_CONVERT, 7, 0, 1 },
        .frames = 100,
        .object = "segments/00007/e0-a1.nut",
        .start_pts = 1000,
        .end_pts = 1100,
        .time_base = { 1, 25 },
        .pts_crc = 12345,
        .reorder = 2,
        .bytes = 4242,
        .wall_ms = 17,
    };

    memset(record.sha256, 'a', HASH_HEX_SIZE - 1);
    memset(record.extradata_sha256, 'b', HASH_HEX_SIZE - 1);
    return record;
}

/* The field's text, or NULL. Caller frees. */
static char *hget(void (*name)(char *out, const char *uid))
{
    AUTO(redis) struct redis *redis = try_redis();
    struct redis_value value = { 0 };
    char key[NAME_KEY_SIZE], *text = NULL;
    const char *argv[] = { "HGET", key, "7" };
    struct err err;

    if (!redis)
        return NULL;
    name(key, UID);
    if (redis_call(redis, &value, 3, argv, &err) == 0 && value.type == REDIS_TEXT)
        text = TAKE(value.text);
    redis_value_clear(&value);
    return text;
}

/* Waits for a heartbeat that says at least this progress. */
static void wait_beat(struct beat *beat, int64_t progress)
{
    int64_t deadline = clock_mono_us() + 8000000;
    struct err err = { 0 };

    while (clock_mono_us() < deadline) {
        AUTO_FREE char *text = hget(name_redis_beat);

        if (text && beat_parse(beat, text, strlen(text), TOKEN, &err) == 0 &&
            beat->progress >= progress)
            return;
        nap_ms(20);
    }
    fail_msg("no heartbeat with progress %lld: %s", (long long)progress, err.msg);
}

static void heartbeats_say_what_is_done(void **state)
{
    struct report *report = open_report(url);
    AUTO_FREE char *text = NULL;
    struct beat beat;
    struct err err;

    (void)state;
    wait_beat(&beat, 0);
    CHECK_STR("beat", beat.step, "");
    report_step(report, "decode");
    report_progress(report, 41);
    report_frames(report, 41, 100);
    wait_beat(&beat, 42);
    CHECK_STR("beat", beat.step, "decode");
    CHECK_STR("beat", beat.pod, "film-6f1c9d3e-c00007-e0-a1");
    CHECK_INT("beat", beat.frames_done, 41);
    CHECK_INT("beat", beat.frames_total, 100);
    CHECK_INT("beat", beat.id.index, 7);
    CHECK_INT("beat", beat.id.attempt, 1);
    assert_true(clock_unix_ms() - beat.at_unix_ms < 5000);
    text = hget(name_redis_beat);
    CHECK_ERR(beat_parse(&beat, text, strlen(text), OTHER, &err), err, ERR_CONFLICT);
    report_free(report);
}

static void check_termination(const struct record *want)
{
    AUTO_FREE char *text = NULL;
    struct record got;
    size_t len;
    struct err err;

    CHECK_OK(file_read(&text, &len, log_path, RECORD_MAX_BYTES, &err), err);
    CHECK_OK(record_parse(&got, text, len, TOKEN, &err), err);
    CHECK_STR("termination", got.object, want->object);
    CHECK_INT("termination", got.bytes, want->bytes);
}

static void done_is_in_the_hash_on_the_channel_and_in_the_file(void **state)
{
    static const char *const subscribe[] = { "SUBSCRIBE", NAME_CHANNEL_DONE };
    struct report *report = open_report(url);
    AUTO(redis) struct redis *listener = try_redis();
    AUTO_FREE char *text = NULL;
    struct record record = make_record(), got;
    struct redis_value value = { 0 };
    struct err err;

    (void)state;
    CHECK_OK(redis_call(listener, NULL, 2, subscribe, &err), err);
    report_done(report, &record);
    text = hget(name_redis_done);
    assert_non_null(text);
    CHECK_OK(record_parse(&got, text, strlen(text), TOKEN, &err), err);
    CHECK_STR("done", got.object, record.object);
    CHECK_INT("done", got.frames, 100);
    CHECK_ERR(record_parse(&got, text, strlen(text), OTHER, &err), err, ERR_CONFLICT);
    CHECK_OK(redis_wait(listener, &value, 2000, &err), err);
    CHECK_INT("message", value.type, REDIS_LIST);
    CHECK_INT("message", value.len, 3);
    CHECK_STR("message", value.list[1].text, NAME_CHANNEL_DONE);
    CHECK_STR("message", value.list[2].text, UID);
    redis_value_clear(&value);
    check_termination(&record);
    report_free(report);
}

static void failure_is_in_the_file(void **state)
{
    struct report *report = open_report("");
    AUTO_FREE char *text = NULL;
    enum attempt_class cls;
    char message[240];
    size_t len;
    struct err err;

    (void)state;
    report_failure(report, CLASS_INPUT, "film.mp4: no video stream");
    CHECK_OK(file_read(&text, &len, log_path, RECORD_MAX_BYTES, &err), err);
    assert_int_equal(failure_parse(&cls, message, text, len), 0);
    CHECK_INT("failure", cls, CLASS_INPUT);
    CHECK_STR("failure", message, "film.mp4: no video stream");
    report_free(report);
}

/* Milliseconds that the call took. */
#define TIMED(call)                                                                                \
    ({                                                                                             \
        int64_t begin_ = clock_mono_us();                                                          \
        call;                                                                                      \
        (clock_mono_us() - begin_) / 1000;                                                         \
    })

static void check_never_blocks(const char *row, struct report *report)
{
    struct record record = make_record();
    int64_t ms;

    for (int i = 0; i < 100; i++) {
        ms = TIMED(report_progress(report, 1); report_step(report, "encode");
                   report_frames(report, i, 100));
        if (ms > 200)
            fail_msg("[%s] progress took %lld ms", row, (long long)ms);
    }
    ms = TIMED(report_done(report, &record));
    if (ms > 2300)
        fail_msg("[%s] done took %lld ms", row, (long long)ms);
    check_termination(&record);
    ms = TIMED(report_free(report));
    if (ms > 2000)
        fail_msg("[%s] free took %lld ms", row, (long long)ms);
}

static void without_redis_nothing_waits_long(void **state)
{
    struct report *report;
    struct beat beat;

    (void)state;
    check_never_blocks("no tracking wanted", open_report(NULL));
    check_never_blocks("nobody there", open_report("unix:///nowhere/at/all"));
    check_never_blocks("a bad url", open_report("gopher://x"));
    report = open_report(url);
    wait_beat(&beat, 0);
    (void)kill(server, SIGSTOP);
    nap_ms(3 * BEAT_MS);
    check_never_blocks("frozen", report);
    (void)kill(server, SIGCONT);
    report = open_report(url);
    wait_beat(&beat, 0);
    stop_server();
    nap_ms(3 * BEAT_MS);
    check_never_blocks("killed", report);
    start_server();
}

static void redis_comes_back(void **state)
{
    struct report *report = open_report(url);
    struct record record = make_record(), got;
    AUTO_FREE char *text = NULL;
    struct beat beat;
    struct err err;

    (void)state;
    wait_beat(&beat, 0);
    stop_server();
    nap_ms(4 * BEAT_MS);
    report_progress(report, 1000);
    start_server();
    wait_beat(&beat, 1000);
    stop_server();
    nap_ms(400); /* so that its backoff has grown */
    start_server();
    report_done(report, &record);
    text = hget(name_redis_done);
    assert_non_null(text);
    CHECK_OK(record_parse(&got, text, strlen(text), TOKEN, &err), err);
    report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heartbeats_say_what_is_done),
        cmocka_unit_test(done_is_in_the_hash_on_the_channel_and_in_the_file),
        cmocka_unit_test(failure_is_in_the_file),
        cmocka_unit_test(without_redis_nothing_waits_long),
        cmocka_unit_test(redis_comes_back),
    };

    if (!have_server())
        return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}

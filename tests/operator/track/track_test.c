/* SPDX-License-Identifier: Apache-2.0
 *
 * Against a real private redis-server. Times are generous where a loaded machine may be slow; the
 * latency of a completion is the one that has a number to keep (100 ms), taken as the best of five.
 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/redis.h"
#include "operator/track/server.h"
#include "operator/track/track.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN    "aabbccddeeff00112233445566778899"
#define UID_TEXT "6f1c1f5e-0000-4000-8000-00000000abcd"

struct fixture {
    struct track_server *server;
    struct track *track;
    struct track_job *job;
    struct redis *redis;
};

static void must(int rc, const struct err *err)
{
    if (rc != 0)
        fail_msg("%s", err->msg);
}

static void connect_again(struct fixture *f)
{
    struct err err;

    redis_free(f->redis);
    must(redis_open(&f->redis, track_server_url(f->server), track_server_password(f->server), 2000,
                    &err),
         &err);
}

static void start(struct fixture *f, uint32_t reread_ms)
{
    struct track_opts opts = { .reread_ms = reread_ms };
    struct err err;

    *f = (struct fixture){ 0 };
    must(track_server_start(&f->server, &err), &err);
    opts.url = track_server_url(f->server);
    opts.password = track_server_password(f->server);
    must(track_open(&f->track, &opts, &err), &err);
    f->job = track_watch(f->track, UID_TEXT, TOKEN);
    connect_again(f);
}

static void stop(struct fixture *f)
{
    redis_free(f->redis);
    track_free(f->track);
    track_server_free(f->server);
}

static void call(struct fixture *f, const char *a, const char *b, const char *c, const char *d)
{
    const char *words[] = { a, b, c, d };
    struct err err;

    must(redis_call(f->redis, NULL, d ? 4 : c ? 3 : b ? 2 : 1, words, &err), &err);
}

/* As a worker does: commit (left out here), HSET, PUBLISH. */
static void done(struct fixture *f, uint32_t index, const char *token, bool publish)
{
    struct record record = { .id = { .stage = STAGE_CONVERT, .index = index },
                             .time_base = { 1, 1000 },
                             .frames = 5 };
    AUTO_FREE char *text = NULL;
    char field[16];

    (void)snprintf(record.uid, sizeof(record.uid), UID_TEXT);
    (void)snprintf(record.object, sizeof(record.object), "x");
    memset(record.sha256, 'a', HASH_HEX_SIZE - 1);
    memset(record.extradata_sha256, 'b', HASH_HEX_SIZE - 1);
    text = record_format(&record, token);
    name_field(field, &record.id);
    call(f, "HSET", "sj:{" UID_TEXT "}:done", field, text);
    if (publish)
        call(f, "PUBLISH", NAME_CHANNEL_DONE, UID_TEXT, NULL);
}

static void beat(struct fixture *f, int64_t progress)
{
    struct beat beat = { .id = { STAGE_CONVERT, 7, 0, 0 }, .progress = progress, .step = "encode" };
    AUTO_FREE char *text = beat_format(&beat, TOKEN);

    call(f, "HSET", "sj:{" UID_TEXT "}:beat", "7", text);
}

typedef bool snapshot_fn(const struct track_snapshot *snapshot);

static size_t wanted;

static bool is_up(const struct track_snapshot *snapshot)
{
    return snapshot->up_ms > 0;
}

static bool is_away(const struct track_snapshot *snapshot)
{
    return snapshot->up_ms == 0 && snapshot->away_ms > 0 && snapshot->error[0];
}

static bool has_done(const struct track_snapshot *snapshot)
{
    return snapshot->done_count >= wanted;
}

static bool has_beat(const struct track_snapshot *snapshot)
{
    return snapshot->beat_count > 0 && (size_t)snapshot->beats[0].beat.progress >= wanted;
}

/* Waits on the descriptor alone, as the loop does; false after limit_ms. */
static bool wait_for(struct fixture *f, snapshot_fn *fn, int limit_ms, struct track_snapshot *out)
{
    int64_t until_us = clock_mono_us() + limit_ms * INT64_C(1000);

    for (;;) {
        struct pollfd poll_fd = { .fd = track_fd(f->track), .events = POLLIN };
        int64_t left_ms;
        bool is;

        track_news(f->track, NULL, NULL);
        track_snapshot(f->job, NULL, 0, out);
        is = fn(out);
        left_ms = (until_us - clock_mono_us()) / 1000;
        if (is || left_ms <= 0)
            return is;
        track_snapshot_clear(out);
        (void)poll(&poll_fd, 1, (int)left_ms);
    }
}

static void expect(struct fixture *f, snapshot_fn *fn, int limit_ms)
{
    struct track_snapshot snapshot;
    bool is = wait_for(f, fn, limit_ms, &snapshot);

    if (!is)
        fail_msg("not within %d ms: up %lld, %zu done, %zu beats, %s", limit_ms,
                 (long long)snapshot.up_ms, snapshot.done_count, snapshot.beat_count,
                 snapshot.error);
    track_snapshot_clear(&snapshot);
}

static void a_completion_is_known_at_once(void **state)
{
    int64_t best_us = INT64_MAX;
    struct fixture f;

    (void)state;
    start(&f, 60000); /* no rereading: PUBLISH alone brings it */
    expect(&f, is_up, 5000);
    for (uint32_t i = 0; i < 5; i++) {
        int64_t at_us = clock_mono_us();

        done(&f, i, TOKEN, true);
        wanted = i + 1;
        expect(&f, has_done, 5000);
        at_us = clock_mono_us() - at_us;
        best_us = at_us < best_us ? at_us : best_us;
    }
    print_message("best of five: %d us from HSET to snapshot\n", (int)best_us);
    assert_true(best_us < 100000);
    stop(&f);
}

static void what_was_done_before_is_read_at_the_start(void **state)
{
    struct track_opts opts = { .reread_ms = 60000 };
    struct fixture f;
    struct err err;

    (void)state;
    start(&f, 60000);
    for (uint32_t i = 0; i < 600; i++) /* more than a batch */
        done(&f, i, TOKEN, false);
    track_free(f.track);
    opts.url = track_server_url(f.server);
    opts.password = track_server_password(f.server);
    must(track_open(&f.track, &opts, &err), &err);
    f.job = track_watch(f.track, UID_TEXT, TOKEN);
    wanted = 600;
    expect(&f, has_done, 5000);
    stop(&f);
}

static void forged_records_are_dropped_and_right_ones_found(void **state)
{
    struct track_snapshot snapshot;
    struct fixture f;

    (void)state;
    start(&f, 100);
    expect(&f, is_up, 5000);
    done(&f, 1, "00ff", true);
    done(&f, 2, NULL, true);
    call(&f, "HSET", "sj:{" UID_TEXT "}:done", "3", "junk");
    call(&f, "PUBLISH", NAME_CHANNEL_DONE, "another-job", NULL);
    wanted = 1;
    assert_false(wait_for(&f, has_done, 400, &snapshot));
    track_snapshot_clear(&snapshot);
    done(&f, 1, TOKEN, true); /* in the forged one's place */
    expect(&f, has_done, 5000);
    done(&f, 4, TOKEN, false); /* its PUBLISH was lost: rereading brings it */
    wanted = 2;
    expect(&f, has_done, 5000);
    stop(&f);
}

static void flushall_loses_nothing(void **state)
{
    struct track_snapshot snapshot;
    struct fixture f;

    (void)state;
    start(&f, 100);
    done(&f, 1, TOKEN, true);
    beat(&f, 5);
    wanted = 1;
    expect(&f, has_done, 5000);
    expect(&f, has_beat, 5000);
    call(&f, "FLUSHALL", NULL, NULL, NULL);
    (void)usleep(300000);
    assert_int_equal(track_done_count(f.job), 1);
    track_snapshot(f.job, NULL, 0, &snapshot);
    assert_int_equal(snapshot.done_count, 1);
    assert_int_equal(snapshot.beat_count, 1);
    assert_true(is_up(&snapshot));
    track_snapshot_clear(&snapshot);
    stop(&f);
}

static void progress_has_the_time_it_moved(void **state)
{
    struct track_snapshot snapshot;
    int64_t first_ms, before_ms;
    struct fixture f;

    (void)state;
    start(&f, 50);
    beat(&f, 10);
    wanted = 10;
    assert_true(wait_for(&f, has_beat, 5000, &snapshot));
    first_ms = snapshot.beats[0].progress_ms;
    assert_in_range(first_ms, clock_unix_ms() - 5000, clock_unix_ms());
    assert_string_equal(snapshot.beats[0].beat.step, "encode");
    track_snapshot_clear(&snapshot);
    beat(&f, 10); /* it beats and does not move */
    (void)usleep(300000);
    track_snapshot(f.job, NULL, 0, &snapshot);
    assert_int_equal(snapshot.beats[0].progress_ms, first_ms);
    track_snapshot_clear(&snapshot);
    before_ms = clock_unix_ms();
    beat(&f, 11);
    wanted = 11;
    assert_true(wait_for(&f, has_beat, 5000, &snapshot));
    assert_true(snapshot.beats[0].progress_ms >= before_ms);
    track_snapshot_clear(&snapshot);
    stop(&f);
}

static void a_killed_server_is_started_again_and_found(void **state)
{
    struct fixture f;
    struct err err;
    bool restarted;
    int pid;

    (void)state;
    start(&f, 100);
    expect(&f, is_up, 5000);
    must(track_server_check(f.server, &restarted, &err), &err);
    assert_false(restarted);
    pid = track_server_pid(f.server);
    assert_int_equal(kill(pid, SIGKILL), 0);
    expect(&f, is_away, 5000);
    do
        must(track_server_check(f.server, &restarted, &err), &err);
    while (!restarted);
    assert_int_not_equal(track_server_pid(f.server), pid);
    expect(&f, is_up, 5000);
    connect_again(&f);
    done(&f, 1, TOKEN, true);
    wanted = 1;
    expect(&f, has_done, 5000);
    stop(&f);
}

static void a_stopped_server_is_away_until_it_goes_on(void **state)
{
    struct track_snapshot snapshot;
    struct fixture f;
    int64_t up_ms;

    (void)state;
    start(&f, 100);
    assert_true(wait_for(&f, is_up, 5000, &snapshot));
    up_ms = snapshot.up_ms;
    track_snapshot_clear(&snapshot);
    assert_int_equal(kill(track_server_pid(f.server), SIGSTOP), 0);
    assert_true(wait_for(&f, is_away, 10000, &snapshot));
    CHECK_HAS("why", snapshot.error, "timed out");
    track_snapshot_clear(&snapshot);
    assert_int_equal(kill(track_server_pid(f.server), SIGCONT), 0);
    assert_true(wait_for(&f, is_up, 10000, &snapshot));
    assert_true(snapshot.up_ms > up_ms);
    assert_int_equal(snapshot.away_ms, 0);
    track_snapshot_clear(&snapshot);
    stop(&f);
}

static void another_server_is_followed(void **state)
{
    struct track_server *first;
    struct track_opts opts = { .reread_ms = 100, .url = "unix:///nowhere/r.sock" };
    struct fixture f = { 0 };
    struct err err;

    (void)state;
    must(track_server_start(&first, &err), &err);
    f.server = first;
    opts.password = track_server_password(first);
    must(track_open(&f.track, &opts, &err), &err); /* away is no error */
    f.job = track_watch(f.track, UID_TEXT, TOKEN);
    expect(&f, is_away, 5000);
    track_move(f.track, track_server_url(first));
    expect(&f, is_up, 5000);
    connect_again(&f);
    done(&f, 1, TOKEN, true);
    wanted = 1;
    expect(&f, has_done, 5000);
    stop(&f);
}

static void hashes_of_a_finished_job_expire(void **state)
{
    const char *ttl[] = { "TTL", "sj:{" UID_TEXT "}:done" };
    struct redis_value value = { .type = REDIS_NIL };
    struct fixture f;
    struct err err;

    (void)state;
    start(&f, 60000);
    expect(&f, is_up, 5000);
    done(&f, 1, TOKEN, true);
    track_expire(f.job, 3600);
    track_free(f.track); /* at once: it must not be forgotten */
    f.track = NULL;
    must(redis_call(f.redis, &value, 2, ttl, &err), &err);
    assert_in_range(value.number, 3500, 3600);
    redis_value_clear(&value);
    stop(&f);
}

#define OTHER_UID "6f1c1f5e-0000-4000-8000-00000000ef01"

static struct track_job *looked_at; /* by whoever is told, from within */

static void note_uid(void *ctx, const char *uid)
{
    struct track_snapshot snapshot;
    char *seen = ctx;

    track_snapshot(looked_at, NULL, 0, &snapshot);
    track_snapshot_clear(&snapshot);
    (void)snprintf(seen + strlen(seen), 200 - strlen(seen), "%s ", uid);
}

/* One thread, two jobs: each has its own news and its own records. */
static void jobs_are_told_apart(void **state)
{
    struct track_snapshot snapshot;
    struct track_job *other;
    char seen[200] = "";
    struct fixture f;

    (void)state;
    start(&f, 60000);
    expect(&f, is_up, 5000);
    other = track_watch(f.track, OTHER_UID, TOKEN);
    looked_at = other;
    for (int64_t up_ms = 0; !up_ms; (void)usleep(5000)) {
        track_snapshot(other, NULL, 0, &snapshot);
        up_ms = snapshot.up_ms;
        track_snapshot_clear(&snapshot);
    }
    track_news(f.track, note_uid, seen);
    seen[0] = '\0';
    done(&f, 3, TOKEN, true);
    wanted = 1;
    for (int i = 0; i < 500 && !seen[0]; i++) {
        (void)usleep(10000);
        track_news(f.track, note_uid, seen);
    }
    CHECK_STR("news", seen, UID_TEXT " ");
    track_snapshot(other, NULL, 0, &snapshot);
    assert_int_equal(snapshot.done_count, 0);
    assert_true(snapshot.up_ms > 0);
    track_snapshot_clear(&snapshot);
    track_unwatch(other);
    expect(&f, has_done, 5000);
    stop(&f);
}

static void what_is_counted_is_forgotten(void **state)
{
    static const uint8_t settled[] = { 0, 1, 0 };
    struct track_snapshot snapshot;
    struct fixture f;

    (void)state;
    start(&f, 50);
    for (uint32_t i = 0; i < 3; i++)
        done(&f, i, TOKEN, true);
    wanted = 3;
    expect(&f, has_done, 5000);
    track_snapshot(f.job, settled, COUNT(settled), &snapshot);
    assert_int_equal(snapshot.done_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_not_equal(snapshot.done[i].id.index, 1);
    track_snapshot_clear(&snapshot);
    (void)usleep(300000); /* read again some times: it does not come back */
    track_snapshot(f.job, NULL, 0, &snapshot);
    assert_int_equal(snapshot.done_count, 2);
    track_snapshot_clear(&snapshot);
    stop(&f);
}

/* The job is over and forgotten here while Redis is away: its hashes expire all the same. */
static void an_expiry_outlives_its_watcher(void **state)
{
    const char *ttl[] = { "TTL", "sj:{" UID_TEXT "}:done" };
    struct redis_value value = { .type = REDIS_NIL };
    struct fixture f;
    struct err err;

    (void)state;
    start(&f, 60000);
    expect(&f, is_up, 5000);
    done(&f, 1, TOKEN, true);
    track_expire(f.job, 3600);
    track_unwatch(f.job);
    for (int i = 0; i < 500; i++) {
        must(redis_call(f.redis, &value, 2, ttl, &err), &err);
        if (value.number > 0)
            break;
        (void)usleep(10000);
    }
    assert_in_range(value.number, 3500, 3600);
    redis_value_clear(&value);
    stop(&f);
}

static void everything_at_once(void **state)
{
    struct fixture f;
    struct track_snapshot snapshot;

    (void)state;
    start(&f, 1);
    for (uint32_t i = 0; i < 300; i++) {
        done(&f, i, TOKEN, true);
        beat(&f, i);
        track_snapshot(f.job, NULL, 0, &snapshot);
        track_snapshot_clear(&snapshot);
        if (i % 50 == 0)
            track_move(f.track, track_server_url(f.server));
        if (i % 70 == 0)
            track_expire(f.job, 1000);
    }
    wanted = 300;
    expect(&f, has_done, 10000);
    stop(&f);
}

static char *read_text(const char *path)
{
    char *text = xcalloc(1, 65536);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    for (ssize_t n, at = 0; (n = read(fd, text + at, (size_t)(65535 - at))) > 0; at += n)
        for (ssize_t i = at; i < at + n; i++)
            text[i] = text[i] ? text[i] : ' ';
    (void)close(fd);
    return text;
}

static void the_server_is_private(void **state)
{
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *argv = NULL;
    AUTO_FREE char *environment = NULL;
    AUTO_FREE char *folder = NULL;
    struct track_server *server;
    struct redis *redis;
    struct stat st;
    struct err err;
    static const char *const ping[] = { "PING" };
    int pid;

    (void)state;
    must(track_server_start(&server, &err), &err);
    pid = track_server_pid(server);
    path = xasprintf("/proc/%d/cmdline", pid);
    argv = read_text(path);
    assert_null(strstr(argv, track_server_password(server)));
    free(path);
    path = xasprintf("/proc/%d/environ", pid);
    environment = read_text(path);
    assert_null(strstr(environment, track_server_password(server)));
    folder = xstrdup(track_server_url(server) + strlen("unix://"));
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    must(redis_open(&redis, track_server_url(server), NULL, 1000, &err), &err);
    assert_int_equal(redis_call(redis, NULL, 1, ping, &err), -1); /* not without the password */
    redis_free(redis);
    track_server_free(server);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(access(folder, F_OK), -1);
}

static void the_server_dies_with_its_owner(void **state)
{
    int fds[2], server_pid = 0;
    pid_t owner;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    owner = fork();
    if (owner == 0) {
        struct track_server *server;
        struct err err;
        int pid;

        if (track_server_start(&server, &err) < 0)
            _exit(1);
        pid = track_server_pid(server);
        (void)!write(fds[1], &pid, sizeof(pid));
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(fds[0], &server_pid, sizeof(server_pid)), sizeof(server_pid));
    assert_int_equal(kill(server_pid, 0), 0);
    assert_int_equal(kill(owner, SIGKILL), 0);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    for (int i = 0; i < 500; i++) {
        AUTO_FREE char *stat_path = xasprintf("/proc/%d/stat", server_pid);
        AUTO_FREE char *text = NULL;

        if (access(stat_path, F_OK) < 0)
            break;
        text = read_text(stat_path);
        if (strstr(text, ") Z "))
            break;
        assert_true(i < 499);
        (void)usleep(10000);
    }
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void without_a_program_it_says_so(void **state)
{
    AUTO_FREE char *path = xstrdup(getenv("PATH"));
    char folder[] = "/tmp/stereo-path-XXXXXX";
    AUTO_FREE char *program = NULL;
    struct track_server *server;
    struct err err;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)setenv("PATH", folder, 1);
    CHECK_ERR(track_server_start(&server, &err), err, ERR_NOT_FOUND);
    program = xasprintf("%s/redis-server", folder);
    file = fopen(program, "we");
    assert_non_null(file);
    (void)fprintf(file, "#!/bin/sh\necho one\necho \"last words; args: $*\"\nexit 3\n");
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(program, 0700), 0);
    CHECK_ERR(track_server_start(&server, &err), err, ERR_DEPENDENCY);
    /* a password in argv would be for all to read until redis-server hides it */
    CHECK_STR("start", err.msg,
              "private Redis: redis-server ended with code 3: last words; args: -");
    (void)setenv("PATH", path, 1);
    CHECK_OK(file_remove_tree(folder, &err), err);
}

/* A folder left by a killed owner goes at the next start; one in use stays. */
static void folders_of_the_dead_are_swept(void **state)
{
    char folder[] = "/tmp/stereo-redis-XXXXXX";
    AUTO_FREE char *lock = NULL;
    AUTO_FREE char *parent = getenv("TMPDIR") ? xstrdup(getenv("TMPDIR")) : NULL;
    struct timespec old[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
    struct track_server *server;
    struct err err;
    int fd;

    (void)state;
    (void)unsetenv("TMPDIR");
    assert_non_null(mkdtemp(folder));
    lock = xasprintf("%s/lock", folder);
    must(file_write(lock, "", 0, &err), &err);
    must(file_lock(&fd, lock, &err), &err);
    assert_int_equal(utimensat(AT_FDCWD, folder, old, 0), 0);
    must(track_server_start(&server, &err), &err);
    track_server_free(server);
    assert_int_equal(access(folder, F_OK), 0);
    (void)close(fd);
    must(track_server_start(&server, &err), &err);
    track_server_free(server);
    assert_int_equal(access(folder, F_OK), -1);
    if (parent)
        (void)setenv("TMPDIR", parent, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_completion_is_known_at_once),
        cmocka_unit_test(what_was_done_before_is_read_at_the_start),
        cmocka_unit_test(forged_records_are_dropped_and_right_ones_found),
        cmocka_unit_test(flushall_loses_nothing),
        cmocka_unit_test(progress_has_the_time_it_moved),
        cmocka_unit_test(a_killed_server_is_started_again_and_found),
        cmocka_unit_test(a_stopped_server_is_away_until_it_goes_on),
        cmocka_unit_test(another_server_is_followed),
        cmocka_unit_test(hashes_of_a_finished_job_expire),
        cmocka_unit_test(jobs_are_told_apart),
        cmocka_unit_test(what_is_counted_is_forgotten),
        cmocka_unit_test(an_expiry_outlives_its_watcher),
        cmocka_unit_test(everything_at_once),
        cmocka_unit_test(the_server_is_private),
        cmocka_unit_test(the_server_dies_with_its_owner),
        cmocka_unit_test(without_a_program_it_says_so),
        cmocka_unit_test(folders_of_the_dead_are_swept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

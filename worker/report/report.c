/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/report/report.h"

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CALL_TIMEOUT_MS  900 /* of one Redis call: two of them fit into DONE_WAIT_MS */
#define DONE_WAIT_MS     2000
#define JOIN_WAIT_MS     1500
#define BACKOFF_FIRST_MS 100
#define BACKOFF_MAX_MS   5000
#define DEFAULT_BEAT_MS  5000

struct report {
    char *url, *password, *token_hex, *uid, *pod, *termination_path; /* owned */
    struct attempt_id id;
    int64_t beat_us;
    bool tracked;
    pthread_t thread; /* while tracked */

    atomic_int_fast64_t progress;
    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t wake, answered;
    char step[24];
    int64_t frames_done, frames_total;
    char *done; /* owned; the record to send, NULL: none */
    bool done_sent, closing, ended;
};

struct line {            /* the thread's own */
    struct redis *redis; /* owned; NULL while away */
    int64_t next_try_us, next_beat_us;
    int backoff_ms;
    bool told; /* that Redis is away */
};

static void wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t mono_us)
{
    struct timespec at = { mono_us / 1000000, mono_us % 1000000 * 1000 };

    (void)pthread_cond_timedwait(cond, lock, &at);
}

static void drop_line(struct line *line, const struct err *err)
{
    redis_free(TAKE(line->redis));
    if (!line->told)
        log_warn("tracking is away, the work goes on: %s", err->msg);
    line->told = true;
    line->next_try_us = clock_mono_us() + (int64_t)line->backoff_ms * 1000;
    line->backoff_ms =
        line->backoff_ms * 2 < BACKOFF_MAX_MS ? line->backoff_ms * 2 : BACKOFF_MAX_MS;
}

static void try_line(struct report *report, struct line *line)
{
    struct err err;

    if (line->redis || clock_mono_us() < line->next_try_us)
        return;
    if (redis_open(&line->redis, report->url, *report->password ? report->password : NULL,
                   CALL_TIMEOUT_MS, &err) < 0) {
        drop_line(line, &err);
        return;
    }
    line->backoff_ms = BACKOFF_FIRST_MS;
    line->told = false;
    line->next_beat_us = 0;
}

static int hset(struct report *report, struct redis *redis,
                void (*name)(char *out, const char *uid), const char *text, struct err *err)
{
    char key[NAME_KEY_SIZE], field[16];
    const char *argv[] = { "HSET", key, field, text };

    name(key, report->uid);
    name_field(field, &report->id);
    return redis_call(redis, NULL, 4, argv, err);
}

static int send_done(struct report *report, struct redis *redis, const char *text, struct err *err)
{
    const char *publish[] = { "PUBLISH", NAME_CHANNEL_DONE, report->uid };

    if (hset(report, redis, name_redis_done, text, err) < 0)
        return -1;
    return redis_call(redis, NULL, 3, publish, err);
}

static char *beat_text(struct report *report)
{
    struct beat beat = { .id = report->id, .at_unix_ms = clock_unix_ms() };

    (void)snprintf(beat.pod, sizeof(beat.pod), "%s", report->pod);
    (void)pthread_mutex_lock(&report->lock);
    (void)snprintf(beat.step, sizeof(beat.step), "%s", report->step);
    beat.frames_done = report->frames_done;
    beat.frames_total = report->frames_total;
    (void)pthread_mutex_unlock(&report->lock);
    beat.progress = atomic_load(&report->progress);
    return beat_format(&beat, report->token_hex);
}

static void send_beat(struct report *report, struct line *line)
{
    AUTO_FREE char *text = NULL;
    struct err err;

    if (!line->redis || clock_mono_us() < line->next_beat_us)
        return;
    text = beat_text(report);
    line->next_beat_us = clock_mono_us() + report->beat_us;
    if (hset(report, line->redis, name_redis_beat, text, &err) < 0)
        drop_line(line, &err);
}

/* Takes the lock and leaves it held. */
static void deliver(struct report *report, struct line *line)
{
    AUTO_FREE char *text = NULL;
    struct err err;
    int rc;

    (void)pthread_mutex_lock(&report->lock);
    if (!report->done || !line->redis)
        return;
    text = xstrdup(report->done);
    (void)pthread_mutex_unlock(&report->lock);
    rc = send_done(report, line->redis, text, &err);
    if (rc < 0) {
        line->backoff_ms = BACKOFF_FIRST_MS; /* somebody waits */
        drop_line(line, &err);
    }
    (void)pthread_mutex_lock(&report->lock);
    if (rc == 0) {
        free(TAKE(report->done));
        report->done_sent = true;
        (void)pthread_cond_broadcast(&report->answered);
    }
}

static void *run(void *arg)
{
    struct report *report = arg;
    struct line line = { .backoff_ms = BACKOFF_FIRST_MS };
    bool had_done = false, closing = false;

    while (!closing) {
        int64_t until;

        try_line(report, &line);
        deliver(report, &line); /* locks */
        if (!report->done && !report->closing) {
            (void)pthread_mutex_unlock(&report->lock);
            send_beat(report, &line);
            (void)pthread_mutex_lock(&report->lock);
        }
        until = line.redis ? line.next_beat_us : line.next_try_us;
        if (!report->closing && !(report->done && line.redis) && !(report->done && !had_done))
            wait_until(&report->wake, &report->lock, until);
        if (report->done && !had_done) { /* do not sit out a long backoff */
            had_done = true;
            line.backoff_ms = BACKOFF_FIRST_MS;
            line.next_try_us = 0;
        }
        closing = report->closing;
        (void)pthread_mutex_unlock(&report->lock);
    }
    redis_free(line.redis);
    (void)pthread_mutex_lock(&report->lock);
    report->ended = true;
    (void)pthread_cond_broadcast(&report->answered);
    (void)pthread_mutex_unlock(&report->lock);
    return NULL;
}

static char *copy(const char *text)
{
    return xstrdup(text ? text : "");
}

static void init_locks(struct report *report)
{
    pthread_condattr_t attr;

    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&report->lock, NULL);
    (void)pthread_cond_init(&report->wake, &attr);
    (void)pthread_cond_init(&report->answered, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static void clear(struct report *report)
{
    (void)pthread_cond_destroy(&report->wake);
    (void)pthread_cond_destroy(&report->answered);
    (void)pthread_mutex_destroy(&report->lock);
    free(report->url);
    free(report->password);
    free(report->token_hex);
    free(report->uid);
    free(report->pod);
    free(report->termination_path);
    free(report->done);
    free(report);
}

/* Signals are the main thread's. */
static int start_thread(struct report *report)
{
    sigset_t all, old;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&report->thread, NULL, run, report);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

int report_open(struct report **out, const struct report_opts *opts, struct err *err)
{
    struct report *report = xcalloc(1, sizeof(*report));
    int rc;

    report->url = copy(opts->url);
    report->password = copy(opts->password);
    report->token_hex = copy(opts->token_hex);
    report->uid = copy(opts->uid);
    report->pod = copy(opts->pod);
    report->termination_path = copy(opts->termination_path);
    report->id = opts->id;
    report->beat_us = (int64_t)(opts->beat_ms ? opts->beat_ms : DEFAULT_BEAT_MS) * 1000;
    report->tracked = *report->url != '\0';
    init_locks(report);
    rc = report->tracked ? start_thread(report) : 0;
    if (rc != 0) {
        clear(report);
        return err_errno(err, ERR_DEPENDENCY, rc, "starting the tracking thread");
    }
    *out = report;
    return 0;
}

/* Not pthread_clockjoin_np(): ThreadSanitizer does not see it, pthread_timedjoin_np() waits on a
   clock that jumps. */
static bool ends_in_time(struct report *report)
{
    int64_t deadline = clock_mono_us() + JOIN_WAIT_MS * 1000;
    bool ended;

    (void)pthread_mutex_lock(&report->lock);
    report->closing = true;
    (void)pthread_cond_broadcast(&report->wake);
    while (!report->ended && clock_mono_us() < deadline)
        wait_until(&report->answered, &report->lock, deadline);
    ended = report->ended;
    (void)pthread_mutex_unlock(&report->lock);
    return ended;
}

void report_free(struct report *report)
{
    if (!report)
        return;
    if (report->tracked && !ends_in_time(report)) {
        (void)pthread_detach(report->thread);
        return; /* it hangs in a name server; what it uses is left to it */
    }
    if (report->tracked)
        (void)pthread_join(report->thread, NULL);
    clear(report);
}

void report_step(struct report *report, const char *step)
{
    if (!report)
        return;
    (void)pthread_mutex_lock(&report->lock);
    (void)snprintf(report->step, sizeof(report->step), "%s", step);
    (void)pthread_mutex_unlock(&report->lock);
    report_progress(report, 1);
}

void report_progress(struct report *report, int64_t amount)
{
    if (report)
        (void)atomic_fetch_add_explicit(&report->progress, amount, memory_order_relaxed);
}

void report_frames(struct report *report, int64_t done, int64_t total)
{
    if (!report)
        return;
    (void)pthread_mutex_lock(&report->lock);
    report->frames_done = done;
    report->frames_total = total;
    (void)pthread_mutex_unlock(&report->lock);
}

/* In place: a pod's termination log is a mount of its own, which cannot be renamed over. */
static void write_termination(const struct report *report, const char *text)
{
    size_t len = strlen(text);
    int fd;

    if (!*report->termination_path)
        return;
    fd =
        open(report->termination_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    while (fd >= 0 && len > 0) {
        ssize_t n = write(fd, text, len);

        if (n < 0 && errno != EINTR)
            break;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    if (fd < 0 || len > 0)
        log_warn("the termination message could not be written to %s: %s", report->termination_path,
                 strerror(errno));
    if (fd >= 0)
        (void)close(fd);
}

static void send_and_wait(struct report *report, char *text)
{
    int64_t deadline = clock_mono_us() + DONE_WAIT_MS * 1000;

    (void)pthread_mutex_lock(&report->lock);
    free(report->done);
    report->done = text;
    report->done_sent = false;
    (void)pthread_cond_broadcast(&report->wake);
    while (!report->done_sent && clock_mono_us() < deadline)
        wait_until(&report->answered, &report->lock, deadline);
    (void)pthread_mutex_unlock(&report->lock);
}

void report_done(struct report *report, const struct record *record)
{
    AUTO_FREE char *text = NULL;

    if (!report)
        return;
    text = record_format(record, report->token_hex);
    (void)FP("report.before");
    write_termination(report, text);
    if (report->tracked)
        send_and_wait(report, TAKE(text));
    (void)FP("report.after");
}

void report_failure(struct report *report, enum attempt_class cls, const char *message)
{
    AUTO_FREE char *text = failure_format(cls, message);

    if (report)
        write_termination(report, text);
}

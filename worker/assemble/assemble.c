/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "worker/assemble/hls.h"
#include "worker/assemble/join.h"

#include <malloc.h>
#include <string.h>

#define KEEP_BYTES (64 << 20)

/* Packets come and go by the hundred MiB a second: what one leaves serves the next, instead of
 * going back to the kernel, which clears every page that it hands out again. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, KEEP_BYTES / 2);
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
}

/* One of the films that the job makes. */
struct film {
    char *uri;       /* owned */
    const char *key; /* of its done record; static */
    bool there;      /* an earlier attempt published it */
    struct done done;
    struct store_writer *writer; /* owned; finished, to be published */
};

struct films {
    struct film film[LAYOUT_FILMS_MAX]; /* in the order of the segments' streams */
    int count;
};

static void films_init(struct films *films, const struct job_spec *spec)
{
    films->count = layout_films(spec->layout);
    films->film[0] = (struct film){ .uri = xstrdup(spec->output_uri), .key = DONE_KEY };
    films->film[1] = (struct film){ .uri = output_right(spec->output_uri), .key = DONE_RIGHT_KEY };
}

static void films_clear(struct films *films)
{
    for (int i = 0; i < LAYOUT_FILMS_MAX; i++) {
        store_writer_free(films->film[i].writer);
        free(films->film[i].uri);
    }
}
#define AUTO_FILMS __attribute__((cleanup(films_clear)))

static uint64_t bytes_of(const struct done *done)
{
    return done->total_bytes ? done->total_bytes : done->bytes;
}

static void fill_record(const struct job *job, struct record *record, const struct plan *plan,
                        const struct films *films)
{
    const struct done *done = &films->film[0].done;

    memcpy(record->uid, job->uid, sizeof(record->uid));
    record->id = job->id;
    record->frames = done->frames;
    record->damaged = done->damaged;
    record->scaled = done->scaled;
    record->bytes = bytes_of(done);
    if (films->count > 1) {
        record->right_bytes = films->film[1].done.bytes;
        record->bytes += record->right_bytes;
    }
    record->duration_ms = done->duration_ms;
    record->segments = plan->segment_count;
}

static bool is_hls(const struct job *job)
{
    return container_is_hls(output_container(job->spec->output_uri));
}

/* 1: an earlier attempt published this very film; 0: not yet; -1: something else is there. */
static int find_published(const struct job *job, const struct film *film, struct done *done,
                          struct err *err)
{
    AUTO(store_reader) struct store_reader *there = NULL;
    int rc;

    if (store_reader_open_uri(&there, STORE_OUTPUT, film->uri, "output", err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (is_hls(job)) { /* each attempt's names its own files: all are as good */
        rc = hls_is_ours(job, err);
        if (rc != 0)
            return rc < 0 || done_load(done, job->store, film->key, err) < 0 ? -1 : 1;
    }
    rc = done_load(done, job->store, film->key, err);
    if (rc < 0 && err->code != ERR_NOT_FOUND && err->code != ERR_INTERNAL)
        return -1;
    if (rc == 0) {
        rc = done_is_published(done, film->uri, err);
        if (rc != 0)
            return rc;
    }
    if (job->spec->overwrite)
        return 0;
    return err_set(err, ERR_CONFIG, "output exists: %s; --overwrite replaces it", film->uri);
}

/* How many are still to be made; -1: something else is in the place of one. */
static int find_films(const struct job *job, struct films *films, struct err *err)
{
    int missing = 0;

    for (int i = 0; i < films->count; i++) {
        struct film *film = &films->film[i];
        int rc = find_published(job, film, &film->done, err);

        if (rc < 0)
            return -1;
        film->there = rc > 0;
        if (!film->there) {
            film->done = (struct done){ 0 };
            missing++;
        }
    }
    return missing;
}

static int publish(struct job *job, struct film *film, struct err *err)
{
    struct done found;
    int rc;

    if (done_save(&film->done, job->store, film->key, err) < 0)
        return -1;
    if (FP("assemble.before_publish"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.before_publish");
    if (job->report)
        report_step(job->report, "publish");
    rc = is_hls(job) ? hls_is_ours(job, err) : 0;
    if (rc != 0) /* another attempt was first: what its playlist names must stay */
        return rc < 0 ? -1 : 0;
    if (store_writer_commit(film->writer, NULL, err) == 0)
        return 0;
    if (err->code != ERR_CONFLICT)
        return -1;
    rc = find_published(job, film, &found, err); /* another attempt of ours may have been first */
    if (rc == 0)
        return err_set(err, ERR_DEPENDENCY, "%s came and went", film->uri);
    return rc > 0 ? 0 : -1;
}

/* The film, to be committed. */
static int make(struct film *film, struct join_opts *opts, struct err *err)
{
    AUTO(store) struct store *scratch = NULL;
    AUTO(store_writer) struct store_writer *joined = NULL;

    opts->uri = film->uri;
    if (!container_is_hls(opts->container))
        return join_run(&film->writer, &film->done, opts, err);
    if (hls_scratch_open(&scratch, opts->job, err) < 0)
        return -1;
    opts->container = "mp4";
    opts->scratch = scratch;
    if (join_run(&joined, &film->done, opts, err) < 0)
        return -1;
    return hls_run(&film->writer, &film->done, opts->job, joined, err);
}

/* Nothing is published before all is made and verified. The first film comes last: whoever waits
 * for the output's name finds all of them. */
static int make_films(struct job *job, struct films *films, const struct plan *plan,
                      struct join_opts *opts, struct err *err)
{
    AUTO(parts) struct parts *parts = NULL;

    if (parts_load(&parts, job->store, plan, job->uid, err) < 0)
        return -1;
    opts->plan = plan;
    opts->parts = parts;
    for (int i = films->count - 1; i >= 0; i--) {
        opts->film = i;
        if (!films->film[i].there && make(&films->film[i], opts, err) < 0)
            return -1;
    }
    for (int i = films->count - 1; i >= 0; i--)
        if (!films->film[i].there && publish(job, &films->film[i], err) < 0)
            return -1;
    return 0;
}

/* The film is there: what else lies beside it is no reason to fail. */
static void sweep(const struct job *job, const struct done *done)
{
    struct err err;

    if (hls_sweep(job, done->replaces, &err) < 0)
        log_warn("what the output does not name may be left: %s", err.msg);
}

int assemble_run(struct job *job, struct record *record, struct err *err)
{
    AUTO(plan) struct plan *plan = NULL;
    AUTO_FILMS struct films films = { .count = 0 };
    struct join_opts opts = { .job = job };
    int64_t started_us = clock_mono_us();
    int missing;

    if (FP("assemble.start"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.start");
    keep_memory();
    opts.container = output_container(job->spec->output_uri);
    if (!opts.container)
        return err_set(err, ERR_CONFIG, "%s: the output must end in " OUTPUT_ENDINGS,
                       job->spec->output_uri);
    if (job_load_plan(job, &plan, err) < 0)
        return -1;
    films_init(&films, job->spec);
    missing = find_films(job, &films, err);
    if (missing < 0 || (missing > 0 && make_films(job, &films, plan, &opts, err) < 0))
        return -1;
    if (is_hls(job))
        sweep(job, &films.film[0].done);
    if (FP("assemble.after_publish"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.after_publish");
    fill_record(job, record, plan, &films);
    record->wall_ms = (clock_mono_us() - started_us) / 1000;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/log.h"
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

static void fill_record(const struct job *job, struct record *record, const struct plan *plan,
                        const struct done *done)
{
    memcpy(record->uid, job->uid, sizeof(record->uid));
    record->id = job->id;
    record->frames = done->frames;
    record->damaged = done->damaged;
    record->scaled = done->scaled;
    record->bytes = done->total_bytes ? done->total_bytes : done->bytes;
    record->duration_ms = done->duration_ms;
    record->segments = plan->segment_count;
}

static bool is_hls(const struct job *job)
{
    return container_is_hls(output_container(job->spec->output_uri));
}

/* 1: an earlier attempt published this very film; 0: not yet; -1: something else is there. */
static int find_published(const struct job *job, struct done *done, struct err *err)
{
    const struct job_spec *spec = job->spec;
    AUTO(store_reader) struct store_reader *there = NULL;
    int rc;

    if (store_reader_open_uri(&there, STORE_OUTPUT, spec->output_uri, "output", err) < 0)
        return err->code == ERR_NOT_FOUND ? 0 : -1;
    if (is_hls(job)) { /* each attempt's names its own files: all are as good */
        rc = hls_is_ours(job, err);
        if (rc != 0)
            return rc < 0 || done_load(done, job->store, err) < 0 ? -1 : 1;
    }
    rc = done_load(done, job->store, err);
    if (rc < 0 && err->code != ERR_NOT_FOUND && err->code != ERR_INTERNAL)
        return -1;
    if (rc == 0) {
        rc = done_is_published(done, spec->output_uri, err);
        if (rc != 0)
            return rc;
    }
    if (spec->overwrite)
        return 0;
    return err_set(err, ERR_CONFIG, "output exists: %s; --overwrite replaces it", spec->output_uri);
}

static int publish(struct job *job, struct store_writer *writer, const struct done *done,
                   struct err *err)
{
    struct done found;
    int rc;

    if (done_save(done, job->store, err) < 0)
        return -1;
    if (FP("assemble.before_publish"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.before_publish");
    if (job->report)
        report_step(job->report, "publish");
    rc = is_hls(job) ? hls_is_ours(job, err) : 0;
    if (rc != 0) /* another attempt was first: what its playlist names must stay */
        return rc < 0 ? -1 : 0;
    if (store_writer_commit(writer, NULL, err) == 0)
        return 0;
    if (err->code != ERR_CONFLICT)
        return -1;
    rc = find_published(job, &found, err); /* another attempt of ours may have been first */
    if (rc == 0)
        return err_set(err, ERR_DEPENDENCY, "%s came and went", job->spec->output_uri);
    return rc > 0 ? 0 : -1;
}

/* The output, to be committed. */
static int make(struct store_writer **out, struct done *done, struct join_opts *opts,
                struct err *err)
{
    AUTO(store) struct store *scratch = NULL;
    AUTO(store_writer) struct store_writer *film = NULL;

    if (!container_is_hls(opts->container))
        return join_run(out, done, opts, err);
    if (hls_scratch_open(&scratch, opts->job, err) < 0)
        return -1;
    opts->container = "mp4";
    opts->scratch = scratch;
    if (join_run(&film, done, opts, err) < 0)
        return -1;
    return hls_run(out, done, opts->job, film, err);
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
    AUTO(parts) struct parts *parts = NULL;
    AUTO(store_writer) struct store_writer *writer = NULL;
    struct join_opts opts = { .job = job };
    struct done done = { 0 };
    int64_t started_us = clock_mono_us();
    int rc;

    if (FP("assemble.start"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.start");
    keep_memory();
    opts.container = output_container(job->spec->output_uri);
    if (!opts.container)
        return err_set(err, ERR_CONFIG, "%s: the output must end in " OUTPUT_ENDINGS,
                       job->spec->output_uri);
    if (job_load_plan(job, &plan, err) < 0)
        return -1;
    rc = find_published(job, &done, err);
    if (rc < 0)
        return -1;
    if (rc == 0) {
        if (parts_load(&parts, job->store, plan, job->uid, err) < 0)
            return -1;
        opts.plan = plan;
        opts.parts = parts;
        if (make(&writer, &done, &opts, err) < 0 || publish(job, writer, &done, err) < 0)
            return -1;
    }
    if (is_hls(job))
        sweep(job, &done);
    if (FP("assemble.after_publish"))
        return err_set(err, ERR_INTERNAL, "failpoint assemble.after_publish");
    fill_record(job, record, plan, &done);
    record->wall_ms = (clock_mono_us() - started_us) / 1000;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/local_run.h"

#include "cli/absolute.h"
#include "cli/flag_words.h"
#include "cli/local_world.h"
#include "cli/output_name.h"
#include "cli/problems.h"
#include "cli/work_dir.h"
#include "common/clock.h"
#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STOP_GRACE_MS = 5000,
    TURN_MAX_MS = 250, /* the view breathes */
    SERVER_CHECK_MS = 1000,
    TROUBLE_WAIT_MS = 500,
    TROUBLE_MAX = 20,    /* passes in a row that could not store or spawn */
    MEMORY_PERCENT = 80, /* of this machine's, for all workers together */
};

struct local_run {
    const struct local_run_opts *opts;
    struct job_spec *spec; /* owned */
    char *right;           /* owned; the right eye's film where the job makes two, or NULL */
    char *work_dir;        /* owned */
    struct view view;
    struct local_world world;
    struct progress_state progress_state;
    struct progress progress;
    struct job_status status;
    int signals; /* signalfd */
    int troubles;
    bool parallelism_fitted;
    int64_t started_us, server_checked_ms;
};

/* In the words of who gave the job. Caller frees. */
static char *words(const struct local_run *run, const char *text)
{
    return run->opts->flags ? flag_words(text) : xstrdup(text);
}

static int tell(const struct local_run *run, const struct err *why)
{
    AUTO_FREE char *text = words(run, why->msg);

    (void)fprintf(stderr, "stereo: error: %s\n", text);
    return class_exit_code(class_of_err(why->code));
}

static uint32_t cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (uint32_t)n : 1;
}

/* A worker keeps about four cores busy: encoder threads, decoder, depth and warp. */
void local_parallelism_default(cJSON *job)
{
    if (!json_path(job, "spec.parallelism"))
        json_path_set(job, "spec.parallelism",
                      cJSON_CreateNumber((cores() + 2) / 4 + (cores() == 1)));
}

/* Once the plan says what one worker needs: no more of them than fit into memory. */
static int parallelism_fit(struct local_run *run, struct err *err)
{
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t fits;
    char text[200];

    if (run->parallelism_fitted || !run->status.planned || run->status.plan.memory_bytes == 0)
        return 0;
    run->parallelism_fitted = true;
    fits = memory * MEMORY_PERCENT / 100 / run->status.plan.memory_bytes;
    if (fits >= run->spec->parallelism)
        return 0;
    if (fits < 1 && run->status.plan.memory_bytes > memory)
        return err_set(err, ERR_INPUT,
                       "%s: to make pictures of %dx%d of it takes about %" PRIu64
                       " MiB of memory, this machine has %" PRIu64
                       "; give a smaller film, as `ffmpeg -i IN -vf scale=3840:-2 OUT` makes one",
                       run->spec->source_uri, run->status.plan.packed_width,
                       run->status.plan.packed_height, run->status.plan.memory_bytes >> 20,
                       memory >> 20);
    if (fits < 1)
        fits = 1;
    if (fits == run->spec->parallelism)
        return 0;
    (void)snprintf(text, sizeof(text),
                   "a worker needs about %" PRIu64 " MiB: %" PRIu64 " at a time, not %" PRIu32,
                   run->status.plan.memory_bytes >> 20, fits, run->spec->parallelism);
    run->view.ops->note(&run->view, text);
    return cluster_local_set_parallelism(run->world.local, (uint32_t)fits, err);
}

static int signals_open(int *fd, struct err *err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_errno(err, ERR_INTERNAL, errno, "sigprocmask");
    *fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *fd < 0 ? err_errno(err, ERR_INTERNAL, errno, "signalfd") : 0;
}

static bool signal_came(const struct local_run *run)
{
    struct signalfd_siginfo info;

    return read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static bool is_over(const struct local_run *run)
{
    switch (run->status.phase) {
    case PHASE_COMPLETED:
    case PHASE_FAILED:
    case PHASE_CANCELLED:
    case PHASE_SUSPENDED:
        return run->progress.worker_count == 0;
    default:
        return false;
    }
}

static void show(struct local_run *run)
{
    struct cluster *cluster = run->world.reconcile.cluster;
    struct track_snapshot snapshot = { 0 };

    if (run->world.watch)
        track_snapshot(run->world.watch, NULL, 0, &snapshot);
    progress_look(&run->progress, &run->progress_state, run->work_dir, &run->status,
                  cluster->ops->pods(cluster), run->world.watch ? &snapshot : NULL,
                  clock_mono_us());
    track_snapshot_clear(&snapshot);
    run->view.ops->update(&run->view, &run->progress, clock_mono_us());
}

static void server_check(struct local_run *run, int64_t now_ms)
{
    struct err err;
    bool restarted = false;

    if (!run->world.server || now_ms - run->server_checked_ms < SERVER_CHECK_MS)
        return;
    run->server_checked_ms = now_ms;
    if (track_server_check(run->world.server, &restarted, &err) < 0)
        return; /* the condition Degraded tells; asked again in a second */
    if (restarted)
        run->view.ops->note(&run->view, "the private redis-server died and was started again");
}

static void wait_turn(const struct local_run *run, int64_t now_ms, int64_t wake_ms)
{
    struct pollfd fds[] = {
        { .fd = run->signals, .events = POLLIN },
        { .fd = cluster_local_fd(run->world.local), .events = POLLIN },
        { .fd = run->world.track ? track_fd(run->world.track) : -1, .events = POLLIN },
    };
    int64_t wait = TURN_MAX_MS;

    if (wake_ms > 0 && wake_ms - now_ms < wait)
        wait = wake_ms - now_ms;
    (void)poll(fds, sizeof(fds) / sizeof(fds[0]), wait > 0 ? (int)wait : 0);
}

/* One turn of the world. Trouble that may pass (a full disk, no process to be had) is waited out
 * for a while before it ends the run. */
static int turn(struct local_run *run, int64_t *wake_ms, struct err *err)
{
    int64_t now_ms = clock_unix_ms(), next_ms = 0;

    server_check(run, now_ms);
    if (run->world.track)
        track_news(run->world.track, NULL, NULL);
    if (cluster_local_step(run->world.local, now_ms, &next_ms, err) < 0 ||
        reconcile_pass(&run->world.reconcile, now_ms, &run->status, wake_ms, err) < 0) {
        if (err->code != ERR_DEPENDENCY || ++run->troubles > TROUBLE_MAX)
            return -1;
        *wake_ms = now_ms + TROUBLE_WAIT_MS;
        return 0;
    }
    run->troubles = 0;
    if (next_ms > 0 && (*wake_ms == 0 || next_ms < *wake_ms))
        *wake_ms = next_ms;
    return parallelism_fit(run, err);
}

static int loop(struct local_run *run, struct err *err)
{
    int64_t wake_ms = 0;

    for (;;) {
        if (turn(run, &wake_ms, err) < 0)
            return -1;
        show(run);
        if (is_over(run))
            return 0;
        wait_turn(run, clock_unix_ms(), wake_ms);
        if (signal_came(run))
            return err_set(err, ERR_INTERRUPTED, "stopped");
    }
}

/* The same command after a failure means: try again what failed. */
static int retry_failed(struct local_run *run, struct err *err)
{
    struct cluster *cluster = run->world.reconcile.cluster;
    const cJSON *phase = json_path(cluster->ops->job(cluster), "status.phase");
    char token[32];

    if (!cJSON_IsString(phase) || strcmp(phase->valuestring, phase_name(PHASE_FAILED)) != 0)
        return 0;
    (void)snprintf(token, sizeof(token), "run-%" PRId64, clock_unix_ms());
    run->view.ops->note(&run->view, "it failed before; trying again what failed");
    return cluster_local_annotate(run->world.local, ANNOTATION_RETRY, token, err);
}

static int end_interrupted(struct local_run *run)
{
    cluster_local_stop_all(run->world.local, STOP_GRACE_MS);
    run->view.ops->end(&run->view, &run->progress);
    (void)fprintf(stderr,
                  "stereo: stopped; %" PRIu32 " of %" PRIu32
                  " segments are done and kept in %s\nTo go on, type the same command:\n  %s\n",
                  run->progress.done, run->progress.segments, run->work_dir, run->opts->again);
    return class_exit_code(CLASS_INTERRUPTED);
}

/* Nothing was begun and the same command cannot help: one line, and no work folder is left. */
static bool is_hopeless(const struct job_status *status)
{
    return !status->planned && status->dead_count == 1 &&
           (status->dead[0].cls == CLASS_INPUT || status->dead[0].cls == CLASS_CONFIG);
}

static int end_hopeless(struct local_run *run)
{
    static const char field[] = "spec.source.uri: "; /* the film is named already */
    int code = class_exit_code(run->status.dead[0].cls);
    const char *message = run->status.dead[0].message;
    AUTO_FREE char *text = NULL;
    struct err err;

    run->view.ops->end(&run->view, &run->progress);
    if (strncmp(message, field, sizeof(field) - 1) == 0)
        message += sizeof(field) - 1;
    text = words(run, message);
    if (text[0] == '-') /* an option is at fault, not the film */
        (void)fprintf(stderr, "stereo: error: %s\n", text);
    else
        (void)fprintf(stderr, "stereo: error: %s: %s\n", run->spec->source_uri, text);
    local_world_close(&run->world);
    if (!run->opts->keep_work && work_dir_remove(run->work_dir, &err) < 0)
        (void)problem_exit(&err);
    return code;
}

/* What was begun stays for the same command, unless that could only end the same way. */
static int end_refused(struct local_run *run, const struct err *why)
{
    int code = tell(run, why);
    struct err err;

    if (why->code != ERR_INPUT || run->opts->keep_work)
        return code;
    cluster_local_stop_all(run->world.local, STOP_GRACE_MS);
    local_world_close(&run->world);
    if (work_dir_remove(run->work_dir, &err) < 0)
        (void)problem_exit(&err);
    return code;
}

static int end_failed(struct local_run *run)
{
    const struct job_status *status = &run->status;
    enum attempt_class cls = status->dead_count ? status->dead[0].cls : CLASS_INTERNAL;
    AUTO_FREE char *why = words(run, status->message);

    run->view.ops->end(&run->view, &run->progress);
    (void)fprintf(stderr, "stereo: error: %s%s%s\n", status->reason, status->dead_count ? "" : ": ",
                  status->dead_count ? "" : why);
    for (uint32_t i = 0; i < status->dead_count; i++) {
        const struct dead_letter *dead = &status->dead[i];
        AUTO_FREE char *text = words(run, dead->message);
        char work[32], pod[NAME_POD_SIZE];

        view_work(work, &dead->id);
        name_pod(pod, json_path(run->opts->job, "metadata.name")->valuestring,
                 cluster_local_uid(run->world.local), &dead->id);
        (void)fprintf(stderr, "  %s: %s: %s\n    log: %s/logs/%s.log\n", work,
                      class_name(dead->cls), text, run->work_dir, pod);
    }
    (void)fprintf(stderr,
                  "What is done is kept in %s; the same command tries the rest again:\n  %s\n",
                  run->work_dir, run->opts->again);
    return class_exit_code(cls);
}

/* What the output is, in one line whose first word is its path. */
static void completed_print(const struct local_run *run)
{
    const struct job_status *status = &run->status;
    char length[24], took[24];

    view_duration(length, status->output.duration_ms / 1000);
    view_duration(took, (clock_mono_us() - run->started_us) / 1000000);
    (void)printf("%s%s%s: %dx%d %s, %" PRId64 " frames, %s, %.1f MB, made in %s\n",
                 run->spec->output_uri, run->right ? " and " : "", run->right ? run->right : "",
                 status->plan.packed_width,
                 status->plan.packed_height / layout_films(run->spec->layout),
                 layout_flag(run->spec->layout), status->output.frames, length,
                 (double)status->output.bytes / 1e6, took);
}

static void note_lines(struct view *view, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        AUTO_FREE char *line = xstrndup(text, len);

        view->ops->note(view, line);
        text += len + (text[len] == '\n');
    }
}

static void damage_note(struct local_run *run)
{
    const struct record *output = &run->status.output;
    AUTO_FREE char *line = NULL;

    if (output->damaged == 0)
        return;
    line =
        xasprintf("%" PRId64 " of %" PRId64 " frames are damaged in %s: those that do not decode "
                  "show the frame before, the others what could be read; all times are kept",
                  output->damaged, output->frames, run->spec->source_uri);
    run->view.ops->note(&run->view, line);
}

static void scaled_note(struct local_run *run)
{
    const struct record *output = &run->status.output;
    AUTO_FREE char *line = NULL;

    if (output->scaled == 0)
        return;
    line = xasprintf("%" PRId64 " of %" PRId64 " frames have another size in %s; they were scaled "
                     "to that of the film",
                     output->scaled, output->frames, run->spec->source_uri);
    run->view.ops->note(&run->view, line);
}

static int end_completed(struct local_run *run)
{
    AUTO_FREE char *warning = words(run, run->status.plan.warning);
    struct err err;

    note_lines(&run->view, warning);
    damage_note(run);
    scaled_note(run);
    run->view.ops->end(&run->view, &run->progress);
    if (!run->opts->json)
        completed_print(run);
    if (!run->opts->keep_work) {
        local_world_close(&run->world);
        if (work_dir_remove(run->work_dir, &err) < 0)
            return problem_exit(&err);
    }
    return 0;
}

static int end(struct local_run *run)
{
    switch (run->status.phase) {
    case PHASE_COMPLETED:
        return end_completed(run);
    case PHASE_FAILED:
        return is_hopeless(&run->status) ? end_hopeless(run) : end_failed(run);
    default:
        run->view.ops->end(&run->view, &run->progress);
        (void)fprintf(stderr, "stereo: %s: %s\n", phase_name(run->status.phase),
                      run->status.message);
        return class_exit_code(CLASS_INTERRUPTED);
    }
}

static int is_readable(const char *path, const char *what, struct err *err)
{
    struct stat st;

    if (stat(path, &st) < 0 || access(path, R_OK) < 0)
        return err_set(err, ERR_INPUT, "%s: %s: %s", what, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INPUT, "%s: %s is %s; it must be one film, a regular file", what,
                       path, S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
    return 0;
}

static int depth_is_readable(const struct job_spec *spec, struct err *err)
{
    AUTO_FREE char *path = NULL;

    if (spec->depth != DEPTH_VIDEO)
        return 0;
    if (uri_to_path(&path, spec->depth_uri, "spec.depth.uri", err) < 0)
        return -1;
    return is_readable(path, "--depth", err);
}

/* Nothing is begun over what exists: an output without our work beside it is somebody's film. */
static int output_is_free(const struct local_run *run, const char *in, const char *uri,
                          struct err *err)
{
    AUTO_FREE char *out = NULL;

    if (uri_to_path(&out, uri, "spec.output.uri", err) < 0 || output_check(in, out, err) < 0)
        return -1;
    if (file_exists(out) && !run->spec->overwrite && !work_dir_is_begun(run->work_dir))
        return err_set(err, ERR_CONFIG, "OUT: %s exists; --overwrite replaces it", out);
    return 0;
}

static int places_check(const struct local_run *run, struct err *err)
{
    AUTO_FREE char *in = NULL;

    if (uri_to_path(&in, run->spec->source_uri, "spec.source.uri", err) < 0 ||
        is_readable(in, "IN", err) < 0 || depth_is_readable(run->spec, err) < 0 ||
        output_is_free(run, in, run->spec->output_uri, err) < 0)
        return -1;
    return run->right ? output_is_free(run, in, run->right, err) : 0;
}

/* Of all films that the job makes. */
static int outputs_are_there(const struct local_run *run, bool *there, struct err *err)
{
    AUTO_FREE char *out = NULL, *right = NULL;

    if (uri_to_path(&out, run->spec->output_uri, "spec.output.uri", err) < 0 ||
        (run->right && uri_to_path(&right, run->right, "spec.output.uri", err) < 0))
        return -1;
    *there = file_exists(out) && (!right || file_exists(right));
    return 0;
}

/* A finished job whose film is no longer there is begun anew. */
static int stale_remove(const struct local_run *run, struct err *err)
{
    AUTO_FREE char *path = xasprintf("%s/job.json", run->work_dir);
    AUTO_FREE char *text = NULL;
    AUTO(cJSON) cJSON *job = NULL;
    const cJSON *phase;
    struct err none;
    size_t len;
    bool there;

    if (outputs_are_there(run, &there, err) < 0)
        return -1;
    if (!file_exists(path))
        return work_dir_remove(run->work_dir, err); /* parts of a run that lost its job.json */
    if (there || file_read(&text, &len, path, 64u << 20, &none) < 0 ||
        json_parse(&job, text, len, &none) < 0)
        return 0; /* cluster_local_open has the words for a broken one */
    phase = json_path(job, "status.phase");
    if (!cJSON_IsString(phase) || strcmp(phase->valuestring, phase_name(PHASE_COMPLETED)) != 0)
        return 0;
    return work_dir_remove(run->work_dir, err);
}

static int work_dir_choose(struct local_run *run, struct err *err)
{
    const struct local_run_opts *opts = run->opts;
    const char *what = opts->work_dir        ? "--work-dir"
                       : run->spec->work_uri ? "spec.work.uri"
                                             : "the work folder";
    AUTO_FREE char *out = NULL, *right = NULL;

    if (uri_to_path(&out, run->spec->output_uri, "spec.output.uri", err) < 0 ||
        (run->right && uri_to_path(&right, run->right, "spec.output.uri", err) < 0))
        return -1;
    if (opts->work_dir)
        run->work_dir = xstrdup(opts->work_dir);
    else if (!run->spec->work_uri)
        run->work_dir = work_dir_default(out);
    else if (uri_to_path(&run->work_dir, run->spec->work_uri, "spec.work.uri", err) < 0)
        return -1;
    if (work_dir_check(run->work_dir, out, what, err) < 0)
        return -1;
    return right ? work_dir_check(run->work_dir, right, what, err) : 0;
}

static int prepare(struct local_run *run, struct err *err)
{
    const struct local_run_opts *opts = run->opts;

    local_parallelism_default(opts->job);
    if (spec_parse(&run->spec, opts->job, err) < 0)
        return -1;
    if (layout_films(run->spec->layout) > 1)
        run->right = output_right(run->spec->output_uri);
    if (work_dir_choose(run, err) < 0 || places_check(run, err) < 0 || stale_remove(run, err) < 0 ||
        places_check(run, err) < 0 || /* of what was stale one film may still be there */
        signals_open(&run->signals, err) < 0)
        return -1;
    view_init(&run->view, opts->json, run->spec->source_uri, run->spec->output_uri,
              layout_flag(run->spec->layout));
    run->view.right = run->right;
    run->view.ops->begin(&run->view);
    if (local_world_open(&run->world, opts->job, run->work_dir, &run->view, err) < 0)
        return -1;
    return retry_failed(run, err);
}

static void run_clear(struct local_run *run)
{
    local_world_close(&run->world);
    progress_state_clear(&run->progress_state);
    job_status_clear(&run->status);
    spec_free(run->spec);
    free(run->right);
    free(run->work_dir);
    if (run->signals >= 0)
        (void)close(run->signals);
}

int local_run(const struct local_run_opts *opts)
{
    struct local_run run = { .opts = opts, .signals = -1, .started_us = clock_mono_us() };
    struct err err;
    int code;

    if (prepare(&run, &err) < 0)
        code = tell(&run, &err);
    else if (loop(&run, &err) == 0)
        code = end(&run);
    else if (err.code == ERR_INTERRUPTED)
        code = end_interrupted(&run);
    else
        code = end_refused(&run, &err);
    run_clear(&run);
    return code;
}

int local_run_job(cJSON *job, const struct options *options, const char *again)
{
    absolute_uris(job);
    fields_default(job);
    return local_run(&(struct local_run_opts){ .job = job,
                                               .work_dir = options->work_dir,
                                               .keep_work = options->keep_work,
                                               .json = options->json,
                                               .flags = !options->manifest,
                                               .again = again });
}

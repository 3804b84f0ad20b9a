/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/class.h"
#include "common/cores.h"
#include "common/log.h"
#include "common/mem.h"
#include "version.h"
#include "worker/env.h"
#include "worker/estimate/estimate.h"
#include "worker/media/remote.h"
#include "worker/media/source.h"
#include "worker/plan/probe.h"
#include "worker/preview/preview.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define USAGE                                                                                      \
    "stereo-worker plan|convert|assemble|clean     one attempt; its orders are in STEREO_*\n"      \
    "stereo-worker probe FILM [--json]             what is in a film, and what we would do\n"      \
    "stereo-worker estimate [--no-sample]          what the job of STEREO_SPEC would come to\n"    \
    "stereo-worker preview ORDERS                  sheets of the film of STEREO_SPEC\n"            \
    "stereo-worker --version | --help\n"

static volatile sig_atomic_t should_stop;

static void on_stop(int signal)
{
    (void)signal;
    if (should_stop)
        _exit(75); /* asked twice */
    should_stop = 1;
}

static void set_signals(void)
{
    struct sigaction stop = { .sa_handler = on_stop }, ignore = { .sa_handler = SIG_IGN };

    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL); /* a full disk is an error, not a death */
}

/* Films are other people's bytes: nothing here gains rights, no core holds the secrets. */
static void lock_down(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    cores_forbid();
}

static int set_sandbox(void)
{
    const char *text = getenv(ENV_SANDBOX);
    enum media_remote_mode mode;

    if (media_remote_mode_parse(&mode, text) < 0) {
        (void)fprintf(stderr, "config error: " ENV_SANDBOX ": '%s' is not auto, off or required\n",
                      text);
        return -1;
    }
    media_remote_setup(mode, &should_stop, 0);
    return 0;
}

/* The termination message, before there is a report to write it. The file is the kubelet's. */
static void leave_message(const char *path, const char *message)
{
    AUTO_FREE char *text = failure_format(CLASS_CONFIG, message);
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        log_warn("%s: %s", path, strerror(errno));
}

static int refuse(const struct env *env, const struct env_problems *problems)
{
    AUTO_BUF struct buf all;
    struct err err;

    buf_init(&all, RECORD_MAX_BYTES);
    for (int i = 0; i < problems->count; i++) {
        (void)fprintf(stderr, "config error: %s\n", problems->text[i]);
        (void)buf_printf(&all, &err, "%s%s", i ? "; " : "", problems->text[i]);
    }
    leave_message(env->termination_path, all.data ? all.data : "");
    return class_exit_code(CLASS_CONFIG);
}

static int run_verb(struct job *job, struct record *record, struct err *err)
{
    switch (job->id.stage) {
    case STAGE_PLAN:
        return plan_run(job, record, err);
    case STAGE_CONVERT:
        return convert_run(job, record, err);
    case STAGE_ASSEMBLE:
        return assemble_run(job, record, err);
    case STAGE_CLEAN:
        return clean_run(job, record, err);
    }
    return err_set(err, ERR_INTERNAL, "stage %d", (int)job->id.stage);
}

static int finish(struct report *report, const struct record *record, const struct err *failure)
{
    enum attempt_class cls;

    if (!failure) {
        report_done(report, record);
        log_info("done in %lld ms", (long long)record->wall_ms);
        return 0;
    }
    cls = class_of_err(failure->code);
    log_error("%s: %s", class_name(cls), failure->msg);
    report_failure(report, cls, failure->msg);
    return class_exit_code(cls);
}

static int run_stage(struct job *job, const struct env *env)
{
    char pod[NAME_POD_SIZE];
    struct report_opts opts = {
        .url = env->track_url,
        .password = env->track_password,
        .token_hex = job->token_hex,
        .uid = job->uid,
        .pod = pod,
        .id = job->id,
        .beat_ms = env->beat_ms,
        .termination_path = env->termination_path,
    };
    struct record record;
    struct err err;
    int code;

    name_pod(pod, job->name, job->uid, &job->id);
    if (report_open(&job->report, &opts, &err) < 0) {
        log_error("%s", err.msg);
        leave_message(env->termination_path, err.msg);
        return class_exit_code(class_of_err(err.code));
    }
    if (store_open(&job->store, job->work_uri, &err) < 0)
        code = finish(job->report, NULL, (err_wrap(&err, ENV_WORK_URI), &err));
    else if (run_verb(job, &record, &err) < 0)
        code = finish(job->report, NULL, &err);
    else
        code = finish(job->report, &record, NULL);
    report_free(job->report);
    job->report = NULL;
    return code;
}

static int run_probe(int argc, char **argv)
{
    const char *uri = NULL;
    struct err err;
    bool json = false;

    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (!uri && argv[i][0] != '-') {
            uri = argv[i];
        } else {
            (void)fprintf(stderr, "config error: probe: '%s' is not understood\n", argv[i]);
            return class_exit_code(CLASS_CONFIG);
        }
    }
    if (!uri) {
        (void)fprintf(stderr, "config error: probe: which film?\n");
        return class_exit_code(CLASS_CONFIG);
    }
    if (probe_run(uri, json, &should_stop, &err) == 0)
        return 0;
    (void)fprintf(stderr, "stereo-worker: %s\n", err.msg);
    return class_exit_code(class_of_err(err.code));
}

static int run_estimate(int argc, char **argv)
{
    struct env_problems *problems = xcalloc(1, sizeof(*problems));
    struct job job = { .should_stop = &should_stop };
    bool sample = argc < 3 || strcmp(argv[2], "--no-sample") != 0;
    struct err err;
    int code = 0;

    log_setup("stereo-worker", LOG_WARN, false);
    if (argc > 3 || (argc == 3 && sample)) {
        (void)fprintf(stderr, "config error: estimate takes --no-sample and nothing else\n");
        code = class_exit_code(CLASS_CONFIG);
    } else if (env_read_spec(&job, problems) < 0) {
        for (int i = 0; i < problems->count; i++)
            (void)fprintf(stderr, "config error: %s\n", problems->text[i]);
        code = class_exit_code(CLASS_CONFIG);
    } else if (estimate_run(job.spec, sample, &should_stop, &err) < 0) {
        (void)fprintf(stderr, "stereo: error: %s\n", err.msg);
        code = class_exit_code(class_of_err(err.code));
    }
    free(problems);
    job_clear(&job);
    return code;
}

/* ORDERS: the JSON of preview.h. */
static int run_preview(int argc, char **argv)
{
    struct env_problems *problems = xcalloc(1, sizeof(*problems));
    struct job job = { .should_stop = &should_stop };
    struct preview_opts opts;
    struct err err;
    int code = 0;

    log_setup("stereo-worker", LOG_WARN, false);
    if (argc != 3) {
        (void)fprintf(stderr, "config error: preview takes its orders and nothing else\n");
        code = class_exit_code(CLASS_CONFIG);
    } else if (env_read_spec(&job, problems) < 0) {
        for (int i = 0; i < problems->count; i++)
            (void)fprintf(stderr, "config error: %s\n", problems->text[i]);
        code = class_exit_code(CLASS_CONFIG);
    } else if (preview_opts_read(&opts, argv[2], &err) < 0 ||
               preview_run(job.spec, &opts, &should_stop, &err) < 0) {
        (void)fprintf(stderr, "stereo: error: %s\n", err.msg);
        code = class_exit_code(class_of_err(err.code));
    }
    free(problems);
    job_clear(&job);
    return code;
}

static int run_job(enum stage stage)
{
    struct job job = { .should_stop = &should_stop };
    struct env env = { 0 };
    struct env_problems *problems = xcalloc(1, sizeof(*problems));
    int code;

    if (env_read(&job, &env, stage, problems) < 0)
        code = refuse(&env, problems);
    else
        code = run_stage(&job, &env);
    free(problems);
    job_clear(&job);
    env_clear(&env);
    return code;
}

int main(int argc, char **argv)
{
    const char *verb = argc > 1 ? argv[1] : "";
    enum stage stage;

    if (strcmp(verb, "--version") == 0) {
        (void)printf("stereo-worker %s\n", job_build());
        return 0;
    }
    if (strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0) {
        (void)fputs(USAGE, stdout);
        return 0;
    }
    if (strcmp(verb, MEDIA_REMOTE_VERB) == 0)
        return media_remote_serve();
    lock_down();
    set_signals();
    log_setup("stereo-worker", LOG_INFO, false);
    media_quiet();
    store_setup(&should_stop);
    if (set_sandbox() < 0)
        return class_exit_code(CLASS_CONFIG);
    if (strcmp(verb, "probe") == 0)
        return run_probe(argc, argv);
    if (strcmp(verb, "estimate") == 0)
        return run_estimate(argc, argv);
    if (strcmp(verb, "preview") == 0)
        return run_preview(argc, argv);
    if (stage_of_name(&stage, verb) < 0 || argc > 2) {
        (void)fprintf(stderr, "config error: '%s' is no verb\n" USAGE, verb);
        return class_exit_code(CLASS_CONFIG);
    }
    return run_job(stage);
}

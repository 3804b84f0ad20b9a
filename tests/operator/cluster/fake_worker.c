/* SPDX-License-Identifier: Apache-2.0
 *
 * A stand-in for stereo-worker that does as it is told: spec.source.uri names a script of lines
 * "PATTERN COMMAND [ARGUMENT]", the first whose pattern matches the attempt's key ("c7/0/1" is
 * segment 7, epoch 0, attempt 1; "p/0/0", "a/0/0") is followed. The line "segments N" says what
 * plan finds.
 *
 *   ok [MS]      works for MS with heartbeats, commits, says so          (the default)
 *   exit CODE [WORDS]   fails as a worker does    silent CODE   fails, with words only in the log
 *   lie CODE CLASS      says another class than its exit code
 *   sleep        until SIGTERM, then 75           hang          ignores SIGTERM
 *   kill SIGNAL  to itself                        log KIB       writes so much, then ok
 *   fork         leaves a child behind, then ok   see           writes what it finds to see-KEY
 *   junk         a termination message that is no text
 */
#include "common/clock.h"
#include "common/contract/class.h"
#include "common/contract/record.h"
#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/redis.h"

#include <dirent.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

extern char **environ;

struct worker {
    struct attempt_id id;
    char key[32];
    const char *work, *token;
    char *script; /* owned */
    uint32_t segments;
};

static volatile sig_atomic_t told;

static void on_term(int sig)
{
    (void)sig;
    told = 1;
}

static _Noreturn void die(const char *what, const struct err *err)
{
    (void)fprintf(stderr, "fake worker: %s: %s\n", what, err ? err->msg : "");
    _exit(70);
}

static uint32_t env_u32(const char *name)
{
    const char *text = getenv(name);

    return text ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

static void say(const char *text)
{
    FILE *file = fopen(getenv(ENV_TERMINATION_LOG), "we");

    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        die("termination message", NULL);
}

static _Noreturn void fail(int code, enum attempt_class cls, const char *words)
{
    AUTO_FREE char *text = failure_format(cls, words);

    say(text);
    _exit(code);
}

static void beat(const struct worker *worker, struct redis *redis, int64_t progress)
{
    struct beat beat = { .id = worker->id,
                         .step = "encode",
                         .progress = progress,
                         .frames_done = progress,
                         .frames_total = 100,
                         .at_unix_ms = clock_unix_ms() };
    AUTO_FREE char *text = beat_format(&beat, worker->token);
    char hash[NAME_KEY_SIZE], field[16];
    const char *words[] = { "HSET", hash, field, text };
    struct err err;

    name_redis_beat(hash, getenv(ENV_JOB_UID));
    name_field(field, &worker->id);
    if (redis && redis_call(redis, NULL, 4, words, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
}

static struct redis *tracking(void)
{
    const char *url = getenv(ENV_TRACK_URL);
    struct redis *redis = NULL;
    struct err err;

    if (url && *url && redis_open(&redis, url, getenv(ENV_TRACK_PASSWORD), 1000, &err) < 0)
        (void)fprintf(stderr, "%s\n", err.msg);
    return redis;
}

static void record_make(const struct worker *worker, struct record *out)
{
    *out = (struct record){ .id = worker->id, .frames = 100, .duration_ms = 4000, .wall_ms = 1 };
    (void)snprintf(out->uid, sizeof(out->uid), "%s", getenv(ENV_JOB_UID));
    if (worker->id.stage == STAGE_PLAN) {
        out->segments = worker->segments;
        out->frames = 100 * worker->segments;
        out->memory_bytes = 64u << 20;
        out->packed_width = 64;
        out->packed_height = 32;
        (void)snprintf(out->build, sizeof(out->build), "fake");
        (void)snprintf(out->codec, sizeof(out->codec), "libx264");
    }
    if (worker->id.stage == STAGE_CONVERT)
        name_segment(out->object, &worker->id);
    out->time_base = (struct ratio){ 1, 1000 };
    memset(out->extradata_sha256, 'a', HASH_HEX_SIZE - 1);
    memset(out->sha256, 'b', HASH_HEX_SIZE - 1);
}

/* The first attempt that commits wins; a later one finds its record. */
static void commit(const struct worker *worker, struct record *record)
{
    char name[NAME_KEY_SIZE];
    AUTO_FREE char *path = NULL;
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *folder = xasprintf("%s/segments", worker->work);
    AUTO_FREE char *found = NULL;
    struct err err;
    size_t len;

    if (worker->id.stage == STAGE_CONVERT)
        name_record(name, worker->id.index);
    else
        (void)snprintf(name, sizeof(name), "%s.record", stage_name(worker->id.stage));
    path = xasprintf("%s/%s", worker->work, name);
    text = record_format(record, NULL);
    if (file_mkdirs(folder, &err) < 0)
        die("work", &err);
    if (file_create(path, text, strlen(text), &err) == 0)
        return;
    if (err.code != ERR_CONFLICT || file_read(&found, &len, path, RECORD_MAX_BYTES, &err) < 0 ||
        record_parse(record, found, len, NULL, &err) < 0)
        die("commit", &err);
}

static _Noreturn void succeed(const struct worker *worker, int64_t work_ms)
{
    struct redis *redis = tracking();
    char hash[NAME_KEY_SIZE], field[16];
    AUTO_FREE char *text = NULL;
    const char *set[] = { "HSET", hash, field, NULL };
    const char *publish[] = { "PUBLISH", NAME_CHANNEL_DONE, getenv(ENV_JOB_UID) };
    struct record record;
    struct err err;

    (void)signal(SIGTERM, on_term);
    for (int64_t at = 0; at < work_ms; at += 10) {
        if (told)
            fail(75, CLASS_INTERRUPTED, "told to stop");
        if (at % 100 == 0)
            beat(worker, redis, at + 1);
        (void)usleep(10000);
    }
    record_make(worker, &record);
    commit(worker, &record);
    text = record_format(&record, worker->token);
    say(text);
    set[3] = text;
    name_redis_done(hash, getenv(ENV_JOB_UID));
    name_field(field, &worker->id);
    if (redis && (redis_call(redis, NULL, 4, set, &err) < 0 ||
                  redis_call(redis, NULL, 3, publish, &err) < 0))
        (void)fprintf(stderr, "%s\n", err.msg);
    redis_free(redis);
    _exit(0);
}

static _Noreturn void wait_for_ever(const struct worker *worker, bool stubborn)
{
    AUTO_FREE char *path = xasprintf("%s/pid-%s", worker->work, stubborn ? "hang" : "sleep");
    FILE *file = fopen(path, "ae");

    (void)signal(SIGTERM, stubborn ? SIG_IGN : on_term);
    if (!file || fprintf(file, "%d\n", (int)getpid()) < 0 || fclose(file) != 0)
        die("pid", NULL);
    while (!told)
        (void)usleep(5000);
    fail(75, CLASS_INTERRUPTED, "told to stop");
}

static void leave_child(const struct worker *worker)
{
    AUTO_FREE char *path = xasprintf("%s/pid-fork", worker->work);
    FILE *file = fopen(path, "we");
    pid_t pid = fork();

    if (pid == 0) {
        (void)signal(SIGTERM, SIG_IGN);
        for (;;)
            (void)pause();
    }
    if (!file || fprintf(file, "%d\n", (int)pid) < 0 || fclose(file) != 0)
        die("fork", NULL);
}

static void see(const struct worker *worker, int argc, char **argv)
{
    AUTO_FREE char *path = xasprintf("%s/see", worker->work);
    char target[256] = "";
    struct dirent *entry;
    FILE *file = fopen(path, "we");
    DIR *dir = opendir("/proc/self/fd");

    if (!file || !dir)
        die("see", NULL);
    for (int i = 0; i < argc; i++)
        (void)fprintf(file, "arg %s\n", argv[i]);
    for (char **env = environ; *env; env++)
        (void)fprintf(file, "env %s\n", *env);
    while ((entry = readdir(dir))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && fd != fileno(file) && fd != dirfd(dir))
            (void)fprintf(file, "fd %d\n", fd);
    }
    if (readlink("/proc/self/fd/0", target, sizeof(target) - 1) < 0)
        die("readlink", NULL);
    (void)fprintf(file, "stdin %s\npgid %d\n", target, getpgrp() == getpid());
    (void)fprintf(file, "scratch %d\n", access(getenv(ENV_SCRATCH), W_OK) == 0);
    (void)closedir(dir);
    (void)fclose(file);
}

static void write_log(long kib)
{
    char line[1024];

    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (long i = 0; i < kib; i++) {
        if (fwrite(line, 1, sizeof(line), stdout) != sizeof(line))
            die("log", NULL);
    }
    (void)fflush(stdout);
}

static _Noreturn void obey(const struct worker *worker, const char *command, const char *arg,
                           int argc, char **argv)
{
    char *words = NULL;
    long number = strtol(arg, &words, 10);

    while (*words == ' ')
        words++;
    if (strcmp(command, "exit") == 0)
        fail((int)number, class_of_exit((int)number), words);
    if (strcmp(command, "lie") == 0)
        fail((int)number, class_of_name(words), "a lie");
    if (strcmp(command, "silent") == 0) {
        (void)fprintf(stderr, "first line\nlast words of the log\n");
        _exit((int)number);
    }
    if (strcmp(command, "junk") == 0) {
        say("\xff\xfe junk \x01");
        _exit(70);
    }
    if (strcmp(command, "sleep") == 0 || strcmp(command, "hang") == 0)
        wait_for_ever(worker, command[0] == 'h');
    if (strcmp(command, "kill") == 0) {
        (void)raise((int)number);
        _exit(99);
    }
    if (strcmp(command, "log") == 0)
        write_log(number);
    if (strcmp(command, "fork") == 0)
        leave_child(worker);
    if (strcmp(command, "see") == 0)
        see(worker, argc, argv);
    succeed(worker, strcmp(command, "ok") == 0 ? number : 0);
}

static void load(struct worker *worker)
{
    const char *spec_text = getenv(ENV_SPEC);
    AUTO(cJSON) cJSON *spec = NULL;
    const cJSON *uri;
    struct err err;
    size_t len;

    if (!spec_text || json_parse(&spec, spec_text, strlen(spec_text), &err) < 0)
        die("spec", spec_text ? &err : NULL);
    uri = json_path(spec, "source.uri");
    if (file_read(&worker->script, &len, uri->valuestring, 1 << 20, &err) < 0)
        die("script", &err);
}

int main(int argc, char **argv)
{
    struct worker worker = { .segments = 3, .work = getenv(ENV_WORK_URI) };
    char *state = NULL, command[32] = "ok", arg[512] = "";

    worker.token = getenv(ENV_TRACK_TOKEN);
    if (argc < 2 || stage_of_name(&worker.id.stage, argv[1]) < 0)
        die("usage", NULL);
    worker.id.index = env_u32(ENV_INDEX);
    worker.id.epoch = env_u32(ENV_EPOCH);
    worker.id.attempt = env_u32(ENV_ATTEMPT);
    load(&worker);
    if (worker.id.stage == STAGE_CONVERT)
        (void)snprintf(worker.key, sizeof(worker.key), "c%" PRIu32 "/%" PRIu32 "/%" PRIu32,
                       worker.id.index, worker.id.epoch, worker.id.attempt);
    else
        (void)snprintf(worker.key, sizeof(worker.key), "%c/%" PRIu32 "/%" PRIu32,
                       stage_name(worker.id.stage)[0], worker.id.epoch, worker.id.attempt);
    for (char *line = strtok_r(worker.script, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state)) {
        char pattern[64], word[32], rest[512] = "";

        if (sscanf(line, "segments %" SCNu32, &worker.segments) == 1 ||
            sscanf(line, "%63s %31s %511[^\n]", pattern, word, rest) < 2 ||
            strcmp(command, "ok") != 0 || arg[0] || fnmatch(pattern, worker.key, 0) != 0)
            continue;
        memcpy(command, word, sizeof(command));
        memcpy(arg, rest, sizeof(arg));
    }
    obey(&worker, command, arg, argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c - bench_quality: how near the right eye comes to the true one, by method and kind of
 * depth, on films whose right view is known. Prints tables; docs/quality.md reads them.
 */
#include "bench/quality/report.h"
#include "common/mem.h"

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS_MAX 16

static const char usage[] =
    "usage: bench_quality [--width N] [--depth KIND]... [--json FILE] [--pictures DIR]\n"
    "                     [--dump DIR] [--other NAME=DIR]...\n"
    "  --width N         of the films, a multiple of 64 (960); the height is 9/16 of it\n"
    "  --depth KIND      exact, half, quarter, noisy or classical (all)\n"
    "  --json FILE       every figure of every film\n"
    "  --pictures DIR    worst-KIND.pgm: the worst places of each method side by side\n"
    "  --dump DIR        left views and depths, for other programs to make right views of\n"
    "  --other NAME=DIR  what one of them made: DIR/KIND/FILM-FRAME.pgm, a row like the others\n";

struct job {
    struct run_opts opts;
    bool wanted[GIVEN_KINDS];
    const char *json, *pictures;
    struct run *runs; /* [WORLDS] for each kind */
    atomic_int next;
};

static void *films_run(void *arg)
{
    struct job *job = arg;
    struct film *film = xcalloc(1, sizeof(*film));

    for (int at; (at = atomic_fetch_add(&job->next, 1)) < WORLDS;) {
        film_make(film, at, job->opts.width, job->opts.height);
        for (int kind = 0; kind < GIVEN_KINDS; kind++)
            if (job->wanted[kind])
                run_film(&job->runs[kind * WORLDS + at], &job->opts, film, (enum given)kind);
        film_clear(film);
    }
    free(film);
    return NULL;
}

static void run_all(struct job *job)
{
    pthread_t threads[THREADS_MAX];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int count = cpus < 1 ? 1 : cpus > THREADS_MAX ? THREADS_MAX : (int)cpus, started = 0;

    while (started < count - 1 && pthread_create(&threads[started], NULL, films_run, job) == 0)
        started++;
    (void)films_run(job);
    while (started > 0)
        (void)pthread_join(threads[--started], NULL);
}

static _Noreturn void refuse(void)
{
    (void)fputs(usage, stderr);
    exit(64);
}

static void want_kind(struct job *job, const char *name)
{
    int kind = 0;

    while (kind < GIVEN_KINDS && strcmp(name, given_names[kind]) != 0)
        kind++;
    if (kind == GIVEN_KINDS)
        refuse();
    job->wanted[kind] = true;
}

static void add_other(struct run_opts *opts, const char *value)
{
    const char *equals = strchr(value, '=');
    struct other *other = &opts->other[opts->others];

    if (!equals || opts->others == RUN_OTHERS || equals - value >= (int)sizeof(other->name))
        refuse();
    memcpy(other->name, value, (size_t)(equals - value));
    other->dir = equals + 1;
    opts->others++;
}

static void parse(struct job *job, int argc, char **argv)
{
    static const struct option options[] = {
        { "width", required_argument, NULL, 'w' },
        { "depth", required_argument, NULL, 'd' },
        { "json", required_argument, NULL, 'j' },
        { "dump", required_argument, NULL, 'u' },
        { "pictures", required_argument, NULL, 'p' },
        { "other", required_argument, NULL, 'o' },
        { NULL, 0, NULL, 0 },
    };
    bool any = false;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'w')
            job->opts.width = (int)strtol(optarg, NULL, 10);
        else if (c == 'd')
            want_kind(job, optarg);
        else if (c == 'j')
            job->json = optarg;
        else if (c == 'u')
            job->opts.dump = optarg;
        else if (c == 'p')
            job->pictures = optarg;
        else if (c == 'o')
            add_other(&job->opts, optarg);
        else
            refuse();
    }
    if (optind != argc || job->opts.width < 320 || job->opts.width > 3840 || job->opts.width % 64)
        refuse();
    job->opts.height = job->opts.width * 9 / 16;
    for (int i = 0; i < GIVEN_KINDS; i++)
        any |= job->wanted[i];
    for (int i = 0; i < GIVEN_KINDS; i++)
        job->wanted[i] |= !any;
}

int main(int argc, char **argv)
{
    struct job job = { .opts = { .width = 960 } };
    struct report report = { .opts = &job.opts };

    parse(&job, argc, argv);
    job.runs = xcalloc(GIVEN_KINDS * WORLDS, sizeof(*job.runs));
    run_all(&job);
    for (int kind = 0; kind < GIVEN_KINDS; kind++)
        if (job.wanted[kind])
            report.runs[kind] = &job.runs[kind * WORLDS];
    report_tables(stdout, &report);
    if (job.pictures)
        report_pictures(stdout, job.pictures, &report);
    if (job.json) {
        FILE *file = fopen(job.json, "w");

        if (!file) {
            perror(job.json);
            return 1;
        }
        report_json(file, &report);
        (void)fclose(file);
    }
    free(job.runs);
    return 0;
}

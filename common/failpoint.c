/* SPDX-License-Identifier: Apache-2.0 */
#include "common/failpoint.h"

#ifdef STEREO_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_POINTS 32

struct point {
    char name[64];
    enum { POINT_KILL, POINT_STOP, POINT_SLEEP, POINT_ERR } what;
    long sleep_ms;
    unsigned only; /* the time it is to happen; 0 = every time */
    atomic_uint passed;
};

static struct point points[MAX_POINTS]; /* written by load, then only passed counts */
static size_t count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void refuse(const char *text)
{
    (void)fprintf(stderr, "STEREO_FP: '%s' is not NAME=kill|stop|err|sleep(MS)[@N]\n", text);
    abort();
}

static void parse(struct point *point, char *text)
{
    char *what = strchr(text, '='), *at = strrchr(text, '@'), *end;

    if (!what || what == text || what - text >= (long)sizeof(point->name))
        refuse(text);
    memcpy(point->name, text, (size_t)(what - text));
    if (at) {
        point->only = (unsigned)strtoul(at + 1, &end, 10);
        if (*end || point->only == 0)
            refuse(text);
        *at = '\0';
    }
    what++;
    if (!strcmp(what, "kill")) {
        point->what = POINT_KILL;
    } else if (!strcmp(what, "stop")) {
        point->what = POINT_STOP;
    } else if (!strcmp(what, "err")) {
        point->what = POINT_ERR;
    } else if (!strncmp(what, "sleep(", 6)) {
        point->what = POINT_SLEEP;
        point->sleep_ms = strtol(what + 6, &end, 10);
        if (strcmp(end, ")") != 0 || point->sleep_ms < 0)
            refuse(text);
    } else {
        refuse(text);
    }
}

static void load(void)
{
    const char *env = getenv("STEREO_FP");
    char *copy = env ? strdup(env) : NULL, *rest = copy, *text;

    while ((text = strsep(&rest, ","))) {
        if (!*text)
            continue;
        if (count == MAX_POINTS)
            refuse(text);
        parse(&points[count++], text);
    }
    free(copy);
}

static void sleep_ms(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

    while (nanosleep(&left, &left) < 0)
        continue;
}

bool failpoint_pass(const char *name)
{
    bool fail = false;

    (void)pthread_once(&once, load);
    for (size_t i = 0; i < count; i++) {
        struct point *point = &points[i];

        if (strcmp(point->name, name) != 0)
            continue;
        if (point->only && atomic_fetch_add(&point->passed, 1) + 1 != point->only)
            continue;
        if (point->what == POINT_KILL)
            (void)kill(getpid(), SIGKILL);
        else if (point->what == POINT_STOP)
            (void)kill(getpid(), SIGTERM);
        else if (point->what == POINT_SLEEP)
            sleep_ms(point->sleep_ms);
        else
            fail = true;
    }
    return fail;
}

void failpoint_reload(void)
{
    memset(points, 0, sizeof(points));
    count = 0;
    once = (pthread_once_t)PTHREAD_ONCE_INIT;
}
#else
typedef int failpoint_nothing_here; /* a file must not be empty */
#endif

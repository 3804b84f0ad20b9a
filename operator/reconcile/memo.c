/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/reconcile/memo.h"

#include "common/map.h"
#include "common/mem.h"
#include "operator/pods/pods.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_SIZE 24

/* Of the view at the same place. */
struct mark {
    char version[VERSION_SIZE]; /* "": longer than this, read each time */
    uint64_t round;             /* in which it was there last */
};

struct memo {
    struct pod_view *views; /* owned */
    struct mark *marks;     /* owned */
    size_t count, cap;
    struct map places; /* pod name -> its place + 1, as a pointer */
    uint64_t round;
};

/* One call of memo_read. */
struct reading {
    struct memo *memo;
    struct cluster *cluster;
    const char *token_hex;
};

struct memo *memo_new(void)
{
    return xcalloc(1, sizeof(struct memo));
}

static void drop_all(struct memo *memo)
{
    free(memo->views);
    free(memo->marks);
    map_clear(&memo->places);
    *memo = (struct memo){ .round = memo->round };
}

void memo_free(struct memo *memo)
{
    if (!memo)
        return;
    drop_all(memo);
    free(memo);
}

static void place_set(struct memo *memo, size_t place)
{
    map_put(&memo->places, memo->views[place].name, (void *)(uintptr_t)(place + 1));
}

/* A new place, to be filled. */
static size_t place_add(struct memo *memo)
{
    if (memo->count == memo->cap) {
        memo->cap = memo->cap ? memo->cap * 2 : 8;
        memo->views = xrealloc(memo->views, memo->cap * sizeof(memo->views[0]));
        memo->marks = xrealloc(memo->marks, memo->cap * sizeof(memo->marks[0]));
    }
    return memo->count++;
}

/* The last one takes the place of the one that goes. */
static void place_remove(struct memo *memo, size_t place)
{
    (void)map_remove(&memo->places, memo->views[place].name);
    memo->count--;
    if (place == memo->count)
        return;
    memo->views[place] = memo->views[memo->count];
    memo->marks[place] = memo->marks[memo->count];
    place_set(memo, place);
}

static void read_pod(const struct reading *reading, const char *name, const char *version,
                     size_t place)
{
    struct memo *memo = reading->memo;
    const cJSON *pod = reading->cluster->ops->pod(reading->cluster, name);
    struct pod_view view;
    struct err err;

    /* Not to be understood: should it have a place, that is swept, and it is read again next time.
     */
    if (!pod || pods_view(&view, pod, reading->token_hex, &err) < 0 || strcmp(view.name, name) != 0)
        return;
    if (place == SIZE_MAX)
        place = place_add(memo);
    memo->views[place] = view;
    memo->marks[place] = (struct mark){ .round = memo->round };
    if (strlen(version) < VERSION_SIZE)
        memcpy(memo->marks[place].version, version, strlen(version) + 1);
    place_set(memo, place);
}

static void pod_seen(void *ctx, const char *name, const char *version)
{
    const struct reading *reading = ctx;
    struct memo *memo = reading->memo;
    size_t place = (size_t)(uintptr_t)map_get(&memo->places, name) - 1; /* SIZE_MAX: none */

    if (place != SIZE_MAX && version[0] && strcmp(memo->marks[place].version, version) == 0)
        memo->marks[place].round = memo->round;
    else
        read_pod(reading, name, version, place);
}

struct pod_view *memo_read(struct memo *memo, struct cluster *cluster, const char *token_hex,
                           size_t *count)
{
    struct reading reading = { memo, cluster, token_hex };

    memo->round++;
    cluster->ops->each_pod(cluster, pod_seen, &reading);
    for (size_t place = memo->count; place-- > 0;) {
        memo->views[place].progress_ms = 0;
        if (memo->marks[place].round != memo->round)
            place_remove(memo, place);
    }
    if (memo->count == 0)
        drop_all(memo);
    *count = memo->count;
    return memo->views;
}

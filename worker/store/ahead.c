/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/ahead.h"

#include "common/mem.h"

#include <string.h>

struct spot {
    uint8_t *data; /* owned */
    size_t room, have;
    uint64_t start;
    size_t next;   /* how much to fetch when this one is read on */
    uint64_t used; /* when, in reads */
};

struct ahead {
    struct spot spots[AHEAD_SPOTS];
    uint64_t size, limit, reads;
    ahead_fetch_fn *fetch;
    void *ctx;
};

struct ahead *ahead_new(uint64_t size, ahead_fetch_fn *fetch, void *ctx)
{
    struct ahead *ahead = xcalloc(1, sizeof(*ahead));

    ahead->size = size;
    ahead->limit = UINT64_MAX;
    ahead->fetch = fetch;
    ahead->ctx = ctx;
    return ahead;
}

void ahead_free(struct ahead *ahead)
{
    if (!ahead)
        return;
    for (int i = 0; i < AHEAD_SPOTS; i++)
        free(ahead->spots[i].data);
    free(ahead);
}

void ahead_limit(struct ahead *ahead, uint64_t end)
{
    ahead->limit = end;
}

/* The spot that holds the byte at offset, or NULL. */
static struct spot *find_holding(struct ahead *ahead, uint64_t offset)
{
    for (int i = 0; i < AHEAD_SPOTS; i++) {
        struct spot *spot = &ahead->spots[i];

        if (offset >= spot->start && offset - spot->start < spot->have)
            return spot;
    }
    return NULL;
}

/* The spot that ends where offset is; else the one unused for longest, which starts anew. */
static struct spot *choose(struct ahead *ahead, uint64_t offset)
{
    struct spot *oldest = &ahead->spots[0];

    for (int i = 0; i < AHEAD_SPOTS; i++) {
        struct spot *spot = &ahead->spots[i];

        if (spot->have > 0 && spot->start + spot->have == offset)
            return spot;
        if (spot->used < oldest->used)
            oldest = spot;
    }
    oldest->next = 0;
    return oldest;
}

static size_t least(size_t a, uint64_t b)
{
    return a < b ? a : (size_t)b;
}

static size_t wanted(const struct ahead *ahead, struct spot *spot, uint64_t offset, size_t asked)
{
    size_t want = asked;

    if (spot->next > asked) {
        want = offset < ahead->limit ? least(spot->next, ahead->limit - offset) : asked;
        want = want < asked ? asked : want;
    }
    spot->next = spot->next ? (size_t)least(2 * spot->next, AHEAD_MAX) : AHEAD_FIRST;
    return least(least(want, AHEAD_MAX), ahead->size - offset);
}

static int fill(struct ahead *ahead, struct spot *spot, uint64_t offset, size_t asked,
                struct err *err)
{
    size_t want = wanted(ahead, spot, offset, asked), got;

    spot->have = 0;
    if (want > spot->room) {
        free(spot->data);
        spot->room = 0;
        spot->data = malloc(want);
        if (!spot->data)
            return err_set(err, ERR_NOMEM, "no memory to read %zu bytes ahead", want);
        spot->room = want;
    }
    if (ahead->fetch(ahead->ctx, offset, spot->data, want, &got, err) < 0)
        return -1;
    if (got == 0)
        return err_set(err, ERR_DEPENDENCY, "no bytes at %llu of %llu", (unsigned long long)offset,
                       (unsigned long long)ahead->size);
    spot->start = offset;
    spot->have = got;
    return 0;
}

int ahead_read(struct ahead *ahead, uint64_t offset, void *out, size_t len, size_t *got,
               struct err *err)
{
    size_t done = 0;

    *got = 0;
    if (offset >= ahead->size)
        return 0;
    len = least(len, ahead->size - offset);
    while (done < len) {
        struct spot *spot = find_holding(ahead, offset + done);
        size_t at, part;

        if (!spot) {
            spot = choose(ahead, offset + done);
            if (fill(ahead, spot, offset + done, len - done, err) < 0)
                return -1;
        }
        spot->used = ++ahead->reads;
        at = (size_t)(offset + done - spot->start);
        part = least(spot->have - at, len - done);
        memcpy((char *)out + done, spot->data + at, part);
        done += part;
    }
    *got = done;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/reflector_graves.h"

#include "common/mem.h"

#include <stdlib.h>

/* An answer is waited for at most 30 s, ten times over when the server asks for it. */
#define KEPT_US INT64_C(300000000)

enum { KEPT_MAX = 20000 };

struct grave {
    char *uid; /* owned */
    int64_t end_us;
    struct grave *next; /* the next younger */
};

static void bury_first(struct graves *graves)
{
    struct grave *grave = graves->first;

    graves->first = grave->next;
    if (!graves->first)
        graves->last = NULL;
    if (map_get(&graves->uids, grave->uid) == grave)
        (void)map_remove(&graves->uids, grave->uid);
    free(grave->uid);
    free(grave);
}

void graves_clear(struct graves *graves)
{
    while (graves->first)
        bury_first(graves);
    map_clear(&graves->uids);
}

static void forget_old(struct graves *graves, int64_t now_us)
{
    while (graves->first && (graves->first->end_us <= now_us || graves->uids.count > KEPT_MAX))
        bury_first(graves);
}

void graves_add(struct graves *graves, const char *uid, int64_t now_us)
{
    struct grave *grave;

    forget_old(graves, now_us);
    if (map_get(&graves->uids, uid))
        return;
    grave = xcalloc(1, sizeof(*grave));
    grave->uid = xstrdup(uid);
    grave->end_us = now_us + KEPT_US;
    if (graves->last)
        graves->last->next = grave;
    else
        graves->first = grave;
    graves->last = grave;
    map_put(&graves->uids, uid, grave);
}

bool graves_has(struct graves *graves, const char *uid, int64_t now_us)
{
    forget_old(graves, now_us);
    return map_get(&graves->uids, uid);
}

void graves_remove(struct graves *graves, const char *uid)
{
    (void)map_remove(&graves->uids, uid);
}

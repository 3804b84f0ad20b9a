/* SPDX-License-Identifier: Apache-2.0
 *
 * lease_core.h - inside of operator/kube/lease: leader election without a network and without a
 * clock. What was answered and what time it is go in, the next request comes out. Times are
 * monotonic us, but for unix_ms, which is only written down, never compared.
 */
#ifndef OPERATOR_KUBE_LEASE_CORE_H
#define OPERATOR_KUBE_LEASE_CORE_H

#include "common/json.h"

#include <stdbool.h>
#include <stdint.h>

enum lease_ask { LEASE_NOTHING, LEASE_GET, LEASE_POST, LEASE_PUT };

enum { /* news, as bits */
       LEASE_STARTED = 1,
       LEASE_LOST = 2,
       LEASE_CLOSED = 4,
       LEASE_HOLDER = 8,
       LEASE_RELEASED = 16,
};

struct lease_core {
    /* Set before the first call. Borrowed. */
    const char *space, *name, *identity;
    const char *closed_annotation; /* or NULL */
    int64_t lease_us, renew_us, retry_us;
    uint32_t draw; /* of the jitter; drawn anew by the caller before each call */

    cJSON *seen;        /* owned: the record as last read or written; NULL: not known */
    int64_t changed_us; /* when its spec last changed, by our clock */
    char *holder;       /* owned; who was told of */
    enum lease_ask plan, under_way;
    bool frees;                /* what is under way gives the lease up */
    int64_t asked_us, next_us; /* of what is under way; when plan is due */
    int64_t renewed_us;        /* when the last renewal that succeeded was sent */
    unsigned conflicts, news;
    bool held, closed, over;
    bool releasing;
    int64_t release_end_us;
};

void lease_core_clear(struct lease_core *core);

/* What to send now; *body (POST and PUT) is the caller's. While something is under way: nothing. */
enum lease_ask lease_core_next(struct lease_core *core, int64_t now_us, int64_t unix_ms,
                               cJSON **body);
/* True: what is under way takes too long; cancel it. It counts as not answered. */
bool lease_core_is_late(struct lease_core *core, int64_t now_us);
/* code 0: no answer; doc with 2xx. */
void lease_core_answer(struct lease_core *core, int64_t now_us, int code, const cJSON *doc);
void lease_core_release(struct lease_core *core, int64_t now_us);
/* When to call lease_core_is_late and lease_core_next again, whatever is answered; 0: never. */
int64_t lease_core_wake_us(const struct lease_core *core);
unsigned lease_core_news(struct lease_core *core); /* since the last call */
/* Ours, and not yet too old to be sure of. */
bool lease_core_is_held(const struct lease_core *core, int64_t now_us);
#endif

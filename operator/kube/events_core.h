/* SPDX-License-Identifier: Apache-2.0
 *
 * events_core.h - inside of operator/kube/events: which event is written when, without a network
 * and without a clock. now_us is monotonic; unix_ms is only written down.
 */
#ifndef OPERATOR_KUBE_EVENTS_CORE_H
#define OPERATOR_KUBE_EVENTS_CORE_H

#include "common/json.h"
#include "common/map.h"

#include <stdbool.h>
#include <stdint.h>

enum events_ask { EVENTS_NOTHING, EVENTS_POST, EVENTS_PATCH };

struct events_series; /* one kind of happening to one object */

struct events_core {
    /* Set before the first call. Borrowed. */
    const char *controller, *instance;
    uint32_t burst; /* of one object, then one in five minutes; 0: no limit */
    uint64_t draw;  /* of names and of the first wait; drawn anew by the caller before each emit */

    struct map known;                    /* key -> series, owned */
    struct map buckets;                  /* uid -> what is left of its burst, owned */
    struct events_series *first, **last; /* to be written, in order */
    struct events_series *sending;
    size_t queued;
    int64_t sweep_us; /* when series are looked at again; 0: there are none */
    uint64_t dropped;
    bool flushing;
};

struct events_what {
    const cJSON *about; /* borrowed for the call */
    bool warning;
    const char *reason, *action, *note;
};

void events_core_init(struct events_core *core, const char *controller, const char *instance);
void events_core_clear(struct events_core *core);
void events_core_emit(struct events_core *core, int64_t now_us, int64_t unix_ms,
                      const struct events_what *what);
/* What to send now, if anything: *body is the caller's; space and name (of a PATCH) are borrowed
 * until the answer. Nothing while something is under way. */
enum events_ask events_core_next(struct events_core *core, int64_t now_us, cJSON **body,
                                 const char **space, const char **name);
void events_core_answer(struct events_core *core, int64_t now_us, int code); /* 0: no answer */
int64_t events_core_wake_us(const struct events_core *core);                 /* 0: never */
/* What is not written yet is queued once; nothing is tried again from now on. */
void events_core_flush(struct events_core *core);
bool events_core_is_empty(const struct events_core *core); /* nothing queued, nothing under way */
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * reflector_core.h - inside of operator/kube/reflector: what a reflector knows and what it does
 * next, without network, clock or chance of its own. Ask core_next, do it, tell what came of it,
 * ask again. One thing is under way at a time.
 */
#ifndef OPERATOR_KUBE_REFLECTOR_CORE_H
#define OPERATOR_KUBE_REFLECTOR_CORE_H

#include "operator/kube/reflector.h"
#include "operator/kube/reflector_store.h"

struct core;

struct core_opts {
    const struct kube_reflector_opts *user; /* borrowed; client is not looked at */
    int64_t now_us;                         /* taken for a first sign of life */
    double (*random)(void *ctx);            /* [0, 1); NULL: of its own */
    void *ctx;                              /* of random */
};
struct core *core_new(const struct core_opts *opts);
void core_free(struct core *core);
AUTO_DEFINE(core, struct core *, core_free)
void core_mute(struct core *core); /* no callback comes from here on */

enum core_act {
    CORE_WAIT,  /* wait_ms, then ask again */
    CORE_LIST,  /* GET with this query, then core_listed */
    CORE_WATCH, /* a stream with this query and deadline: core_line, core_ended */
};
struct core_todo {
    enum core_act act;
    const char *query;              /* encoded; borrowed until the next core_next */
    const struct json_pick *wanted; /* of a list; NULL: all of it */
    uint32_t wait_ms, deadline_ms;
    /* Of a watch: when it has been silent for this long, ask core_is_silent. 0: never. */
    uint32_t silence_ms;
};
void core_next(struct core *core, int64_t now_us, struct core_todo *out);

void core_listed(struct core *core, int64_t now_us, const struct kube_status *status,
                 const cJSON *doc);
void core_opened(struct core *core, int64_t now_us);
/* False: the stream is of no more use; end it and ask core_next. */
bool core_line(struct core *core, int64_t now_us, const char *text, size_t len);
void core_ended(struct core *core, int64_t now_us, const struct kube_status *status);
/* True: nothing came for too long, end the stream and ask core_next. */
bool core_is_silent(struct core *core, int64_t now_us);

void core_put(struct core *core, int64_t now_us, const cJSON *object);
void core_gone(struct core *core, int64_t now_us, const char *space, const char *name,
               const char *uid);

struct store *core_store(struct core *core); /* borrowed */
bool core_is_synced(const struct core *core);
const char *core_version(const struct core *core); /* borrowed until the next call */
int64_t core_heard_us(const struct core *core);
#endif

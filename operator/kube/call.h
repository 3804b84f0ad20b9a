/* SPDX-License-Identifier: Apache-2.0
 *
 * call.h - inside kube: one request of a client, and what of it is curl's. Loop thread only.
 */
#ifndef OPERATOR_KUBE_CALL_H
#define OPERATOR_KUBE_CALL_H

#include "common/buf.h"
#include "common/map.h"
#include "operator/kube/auth.h"
#include "operator/kube/client.h"

enum { CALL_RETRY_AFTER_MAX_S = 300 };

enum call_state {
    CALL_QUEUED,  /* for a place, or for a credential */
    CALL_WAITING, /* until resume_us */
    CALL_RUNNING,
};

struct call_list {
    struct kube_call *first, *last;
};

struct kube_call {
    struct kube_client *client;
    struct call_list *list; /* of the client */
    struct kube_call *next, *prev;
    enum call_state state;
    char *method, *path, *body; /* owned */
    enum kube_patch patch;
    const struct json_pick *wanted; /* of the answer; NULL: all */
    bool names_only;
    void (*done)(void *ctx, const struct kube_status *status, const cJSON *doc);
    struct kube_stream stream; /* of a stream; its path is not kept */
    void *ctx;
    struct kube_lines *lines; /* owned, of a stream */

    CURL *easy; /* owned while running */
    struct curl_slist *headers, *connect_to;
    struct buf in; /* the answer, or the lines that have come since they were last looked at */
    int64_t begun_us, resume_us;
    uint32_t retry_after_s, retries, resets;
    uint32_t generation; /* of what we showed */
    uint32_t sent;       /* how often curl set out to send it */
    bool asked_again;    /* after a 401 */
    bool overflow, opened, stirred, cut, doomed;
    char curl_words[CURL_ERROR_SIZE];
};

struct kube_client {
    struct kube_client_opts opts;
    char *user_agent; /* owned */
    struct transport *transport;
    struct kube_auth *auth;
    /* prompt: streams and urgent calls, which wait for no place and are few; calls: the others, of
     * which a thousand may wait. */
    struct call_list prompt, calls;
    uint32_t running; /* unary calls */
    uv_timer_t timer; /* of what waits, and of a pump that is due at once */
    int64_t timer_us;
    struct map warnings;          /* told already; the values are the client */
    struct kube_call *delivering; /* its lines are being told */
    uint32_t busy;                /* callbacks under way */
    bool closing;
    int parts_open; /* of transport, timer */
};

static inline bool is_stream(const struct kube_call *call)
{
    return call->lines != NULL;
}

/* A fresh transfer, ready to be added; call->in is empty. */
void call_easy_make(struct kube_call *call);
/* The transfer must have been removed. */
void call_easy_free(struct kube_call *call);
#endif

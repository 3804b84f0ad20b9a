/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h - requests to the Kubernetes API on one libuv loop: curl_multi, HTTP/1.1, keep-alive
 * connections shared by all unary requests, watches on their own. Loop thread only; nothing blocks
 * (names are resolved by curl's threads, exec plugins and files go to libuv's pool). Knows no kind
 * of ours.
 *
 * The client keeps the promises that are the same for every request: token, CA and client
 * certificate are read from their files every 60 s and when one side does not believe the other,
 * which is asked once more (what cannot be read or parsed stays as it was; a certificate changes
 * with its key); 429 and >= 500 with Retry-After in seconds are waited for and sent again, at most
 * 10 times; a GET is sent again, at most 3 times, after a reset or an EOF before its answer, a
 * write never, not even by curl; connect and TLS 30 s, unary calls 30 s a try; an answer of at most
 * 64 MiB; TCP keepalive 30/30 and TCP_USER_TIMEOUT 60 s; gzip; User-Agent; proxies of the config or
 * the environment; Warning headers are logged once each.
 */
#ifndef OPERATOR_KUBE_CLIENT_H
#define OPERATOR_KUBE_CLIENT_H

#include "common/auto.h"
#include "common/buf.h"
#include "common/err.h"
#include "common/json.h"
#include "common/json_pick.h"
#include "operator/kube/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct kube_client;
struct kube_call; /* one request in flight */

struct kube_client_opts {
    uv_loop_t *loop;                  /* borrowed; outlives the client */
    const struct kube_config *config; /* borrowed until kube_client_closed */
    const char *user_agent;           /* "stereo-operator/0.1.0 (linux/amd64)"; copied */
    uint32_t in_flight_max;           /* unary requests at a time, others queue; 0 = 50 */
    /* For metrics; may be NULL. code 0: no answer. again: the client sends it again by itself. */
    void (*observed)(void *ctx, const char *method, int code, double seconds, bool again);
    void *ctx;
};
int kube_client_open(struct kube_client **out, const struct kube_client_opts *opts,
                     struct err *err);
/* Cancels what is in flight (no callback comes) and frees once libuv has closed its handles: run
 * the loop until it has nothing left. NULL is fine. */
void kube_client_close(struct kube_client *client);
uv_loop_t *kube_client_loop(const struct kube_client *client); /* as opened */

enum kube_patch {
    KUBE_PATCH_NONE,
    KUBE_PATCH_MERGE, /* application/merge-patch+json */
    KUBE_PATCH_JSON,  /* application/json-patch+json */
    KUBE_PATCH_APPLY, /* application/apply-patch+yaml (JSON is YAML) */
};

/* The parts of a Status object that decide what happens next. */
struct kube_status {
    int code;          /* HTTP status, or Status.code in a stream; 0 = no answer came */
    char reason[64];   /* "AlreadyExists", "Conflict", "Expired", ...; "" when not told */
    char message[400]; /* the server's words */
    char cause[64];    /* first details.causes[].reason, "ResourceVersionTooLarge" */
    uint32_t retry_after_s;
};
/* A Status object (or any error body: plain text is cut into message). Pure; fuzzed. */
void kube_status_parse(struct kube_status *out, int http_code, const char *body, size_t len);
/* As an error: 404 ERR_NOT_FOUND; 409 ERR_CONFLICT; 400, 401, 403, 405, 415, 422 ERR_CONFIG (403 of
 * a quota or a terminating namespace: ERR_DEPENDENCY); the rest ERR_DEPENDENCY. Always -1. */
int kube_status_err(struct err *err, const struct kube_status *status, const char *what);
/* Of a 403: the namespace is going away and takes nothing new. */
bool kube_status_is_ending(const struct kube_status *status);

struct kube_request {
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
    const char *path;   /* "/api/v1/namespaces/a/pods/b?x=y", already encoded; any length; copied */
    const cJSON *body;  /* or NULL; printed at once, not kept */
    enum kube_patch patch;
    const struct json_pick *wanted; /* of the answer; borrowed until done; NULL: all */
    bool urgent;                    /* is not queued, however many are in flight: of the Lease */
    bool names_only;                /* of a list in the answer, each object's metadata is enough */
    /* Exactly once, unless the call is cancelled, never from within kube_call_start. May start and
     * cancel calls and close the client. code 2xx: doc
     * is the answer (borrowed; may be NULL when empty), status->code the code. Else doc is NULL and
     * status says why (code 0: status->message has curl's words). */
    void (*done)(void *ctx, const struct kube_status *status, const cJSON *doc);
    void *ctx;
};
/* *out (may be NULL) is for cancelling and is gone once done was called. */
void kube_call_start(struct kube_client *client, const struct kube_request *request,
                     struct kube_call **out);
void kube_call_cancel(struct kube_call *call); /* no callback comes */

/* A watch, or any answer read line by line. */
struct kube_stream {
    const char *path;     /* copied */
    uint32_t deadline_ms; /* the whole stream ends then, as if the server had closed it; 0: none */
    size_t line_max;      /* a longer line ends the stream with code 0; 0 = 8 MiB */
    /* One whole line without its newline; text is borrowed. Return false to end the stream: end is
     * then not called. */
    bool (*line)(void *ctx, const char *text, size_t len);
    /* Once: code 200 with an empty message after a clean end, else as for kube_request. headers of
     * a 200 have come before the first line (opened, may be NULL). */
    void (*opened)(void *ctx);
    void (*end)(void *ctx, const struct kube_status *status);
    void *ctx;
};
void kube_stream_start(struct kube_client *client, const struct kube_stream *stream,
                       struct kube_call **out);

/* Bytes into lines, whatever the chunks: pure; fuzzed. */
struct kube_lines;
struct kube_lines *kube_lines_new(size_t line_max);
void kube_lines_free(struct kube_lines *lines);
/* Calls line() for each whole line; -1 when one is longer than line_max or line() returned false.
 */
int kube_lines_feed(struct kube_lines *lines, const char *data, size_t len,
                    bool (*line)(void *ctx, const char *text, size_t len), void *ctx);

/* Half of an object as the API server gives it, and of no use to a client: left out of every answer
 * and event. */
#define KUBE_UNUSED "managedFields"

/* A kind's place in the API. */
struct kube_resource {
    const char *group;   /* "" for core, "stereojob.io" */
    const char *version; /* "v1" */
    const char *plural;  /* "pods" */
    const char *kind;    /* "Pod": events of another kind are ignored */
};
/* "/apis/G/V/namespaces/SPACE/PLURAL/NAME/SUB?QUERY", each part percent-encoded but query; space,
 * name, sub, query may be NULL. Caller frees. */
char *kube_path(const struct kube_resource *resource, const char *space, const char *name,
                const char *sub, const char *query);
/* "NAME=VALUE" and a "&" before it where it is not the first, the value percent-encoded. */
void kube_query_add(struct buf *query, const char *name, const char *value);
/* Body of a DELETE in the background, of the object with this uid and no other (NULL: whatever is
 * asked for). Caller owns. */
cJSON *kube_delete_options(const char *uid);
/* <0, 0, >0 by number, whatever the length; anything else than digits compares as 0 (not known). */
int kube_version_compare(const char *a, const char *b);
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * serve.h - the operator's HTTP/1.1 server, on its libuv loop: /healthz, /readyz, /metrics and
 * pages of the caller. GET and HEAD. No TLS: it is for the cluster's inside. Answers are small and
 * made at once; they are sent as fast as each client takes them, and nobody waits for another. Of
 * too many connections the longest idle one goes. Loop thread only.
 */
#ifndef OPERATOR_SERVE_H
#define OPERATOR_SERVE_H

#include "common/err.h"
#include "operator/serve/metrics.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct serve;

struct serve_answer {
    int status;       /* 200 */
    const char *type; /* Content-Type, borrowed for ever; "text/plain; charset=utf-8" */
    char *body;       /* heap; the server's to free */
    size_t len;
};

struct serve_page {
    const char *path; /* "/healthz": the whole path */
    void (*answer)(void *ctx, struct serve_answer *out);
    void *ctx;
};

struct serve_opts {
    uv_loop_t *loop;  /* borrowed */
    const char *host; /* an IPv4 or IPv6 address */
    int port;         /* 0: one that is free */
    /* 0: 200 "ok"; -1: 503 with the error's words. NULL: always ok. */
    int (*healthy)(void *ctx, struct err *err);
    int (*ready)(void *ctx, struct err *err);
    const struct metrics *metrics; /* borrowed; NULL: no /metrics */
    void (*collect)(void *ctx);    /* before metrics are printed; may be NULL */
    void *ctx;
    const struct serve_page *pages; /* borrowed; come after the three */
    size_t page_count;
    uint32_t connections_max; /* 0 = 512 */
};

/* Listens from now on. ERR_CONFIG: the address is none or not ours, or the port is taken. */
int serve_open(struct serve **out, const struct serve_opts *opts, struct err *err);
int serve_port(const struct serve *serve);
size_t serve_connections(const struct serve *serve);
/* Closes all connections; freed when libuv has closed its handles: run the loop until it has
 * nothing left. NULL is fine. */
void serve_close(struct serve *serve);
#endif

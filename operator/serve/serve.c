/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket is ours, its connections are handed to libwebsockets: so the address, the
 * port and the number of connections are what we say in every version of it.
 */
#include "operator/serve/serve.h"

#include "common/log.h"
#include "common/mem.h"
#include "operator/serve/compat.h"
#include "operator/serve/listen.h"

#include <libwebsockets.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTIONS_MAX = 512,
    ACCEPT_AT_ONCE = 64,
    CHUNK_BYTES = 16384,
    HEADER_BYTES = 2048, /* of an answer */
    REQUEST_BYTES = 4096,
    HEADERS_S = 10, /* a client has this long for its request */
    SEND_S = 20,    /* and this long to take each part of the answer */
    IDLE_S = 75,    /* between requests; above the usual 30 s to 60 s of a scraper */
    CLOSE_LOOK_MS = 2,
    CLOSE_TURNS = 10, /* of the loop, between calls; three were seen to be needed */
};

#define TYPE_TEXT "text/plain; charset=utf-8"

struct connection {
    struct serve *serve;
    struct lws *wsi;
    struct connection *before, *after; /* by the last request, the oldest first */
    char *body;                        /* owned; what is being sent */
    size_t len, at;
    bool last; /* the connection is closed after it */
};

struct serve {
    struct serve_opts opts;
    struct listen_socket socket;
    uv_poll_t poll;
    uv_timer_t timer; /* of closing */
    unsigned close_turns;
    struct lws_context *context; /* libwebsockets clears it when it has gone */
    struct lws_vhost *vhost;
    struct connection *oldest, *newest;
    size_t count;
};

/* Connections ----------------------------------------------------------------------------------*/

static void connection_unlink(struct connection *connection)
{
    struct serve *serve = connection->serve;

    *(connection->before ? &connection->before->after : &serve->oldest) = connection->after;
    *(connection->after ? &connection->after->before : &serve->newest) = connection->before;
}

static void connection_link(struct connection *connection)
{
    struct serve *serve = connection->serve;

    connection->before = serve->newest;
    connection->after = NULL;
    *(serve->newest ? &serve->newest->after : &serve->oldest) = connection;
    serve->newest = connection;
}

static void connection_free(struct connection *connection)
{
    connection_unlink(connection);
    connection->serve->count--;
    free(connection->body);
    free(connection);
}

/* The longest idle one makes room; when all are busy, the longest busy one. */
static void connection_evict(struct serve *serve)
{
    struct connection *connection = serve->oldest;

    while (connection && connection->body)
        connection = connection->after;
    if (!connection)
        connection = serve->oldest;
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
    connection_unlink(connection); /* it goes in the loop's next turn; not to be chosen twice */
    connection_link(connection);
}

static void connection_take(struct serve *serve, int fd)
{
    struct connection *connection;
    struct lws *wsi;

    if (serve->count >= serve->opts.connections_max)
        connection_evict(serve);
    wsi = lws_adopt_socket_vhost(serve->vhost, fd); /* closes fd when it fails */
    if (!wsi)
        return;
    connection = xcalloc(1, sizeof(*connection));
    connection->serve = serve;
    connection->wsi = wsi;
    connection_link(connection);
    serve->count++;
    lws_set_opaque_user_data(wsi, connection);
}

static void listen_ready(uv_poll_t *poll, int status, int events)
{
    struct serve *serve = poll->data;
    int fd;

    (void)status;
    (void)events;
    for (int i = 0; i < ACCEPT_AT_ONCE && (fd = listen_accept(&serve->socket)) >= 0; i++)
        connection_take(serve, fd);
}

/* Pages ----------------------------------------------------------------------------------------*/

static void answer_text(struct serve_answer *out, int status, char *text)
{
    *out = (struct serve_answer){ status, TYPE_TEXT, text, strlen(text) };
}

static void answer_state(struct serve *serve, int (*state)(void *ctx, struct err *err),
                         struct serve_answer *out)
{
    struct err err;

    if (!state || state(serve->opts.ctx, &err) == 0)
        answer_text(out, 200, xstrdup("ok\n"));
    else
        answer_text(out, 503, xasprintf("%s\n", err.msg));
}

static void answer_metrics(struct serve *serve, struct serve_answer *out)
{
    if (serve->opts.collect)
        serve->opts.collect(serve->opts.ctx);
    out->status = 200;
    out->type = METRICS_TYPE;
    out->body = metrics_print(serve->opts.metrics, &out->len);
}

static void answer(struct serve *serve, const char *path, struct serve_answer *out)
{
    *out = (struct serve_answer){ .status = 0 };
    if (strcmp(path, "/healthz") == 0)
        answer_state(serve, serve->opts.healthy, out);
    else if (strcmp(path, "/readyz") == 0)
        answer_state(serve, serve->opts.ready, out);
    else if (serve->opts.metrics && strcmp(path, "/metrics") == 0)
        answer_metrics(serve, out);
    for (size_t i = 0; i < serve->opts.page_count && !out->status; i++) {
        if (strcmp(path, serve->opts.pages[i].path) == 0)
            serve->opts.pages[i].answer(serve->opts.pages[i].ctx, out);
    }
    if (!out->status)
        answer_text(out, 404, xstrdup("there is no such page\n"));
}

/* Requests -------------------------------------------------------------------------------------*/

static int header_add(struct lws *wsi, const char *name, const char *value, unsigned char **at,
                      unsigned char *end)
{
    return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
                                       (const unsigned char *)value, (int)strlen(value), at, end);
}

static int headers_send(struct connection *connection, const struct serve_answer *what)
{
    unsigned char space[LWS_PRE + HEADER_BYTES], *at = space + LWS_PRE;
    unsigned char *end = space + sizeof(space);
    struct lws *wsi = connection->wsi;

    if (lws_add_http_common_headers(wsi, (unsigned)what->status, what->type, what->len, &at, end))
        return -1;
    if (what->status == 405 && header_add(wsi, "allow:", "GET, HEAD", &at, end))
        return -1;
    if (header_add(wsi, "cache-control:", "no-store", &at, end) ||
        (connection->last && header_add(wsi, "connection:", "close", &at, end)))
        return -1;
    return lws_finalize_write_http_header(wsi, space + LWS_PRE, &at, end) ? -1 : 0;
}

/* -1: libwebsockets closes the connection, once what it holds is sent. */
static int request_end(struct connection *connection)
{
    free(connection->body);
    connection->body = NULL;
    if (connection->last)
        return -1;
    return lws_http_transaction_completed(connection->wsi) ? -1 : 0;
}

static int body_send(struct connection *connection)
{
    unsigned char space[LWS_PRE + CHUNK_BYTES];
    size_t len = connection->len - connection->at;
    bool final = len <= CHUNK_BYTES;

    if (!connection->body)
        return 0;
    if (!final)
        len = CHUNK_BYTES;
    memcpy(space + LWS_PRE, connection->body + connection->at, len);
    lws_set_timeout(connection->wsi, PENDING_TIMEOUT_HTTP_CONTENT, SEND_S);
    if (lws_write(connection->wsi, space + LWS_PRE, len,
                  final ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP) < (int)len)
        return -1;
    connection->at += len;
    if (final)
        return request_end(connection);
    lws_callback_on_writable(connection->wsi);
    return 0;
}

static int request(struct connection *connection, const char *path)
{
    struct serve_answer what;
    char *uri;
    int len, method = lws_http_get_uri_and_method(connection->wsi, &uri, &len);
    bool is_head = method == COMPAT_METHOD_HEAD;

    connection_unlink(connection);
    connection_link(connection);
    if (method == COMPAT_METHOD_GET || is_head) {
        answer(connection->serve, path, &what);
    } else {
        answer_text(&what, 405, xstrdup("only GET and HEAD\n"));
        connection->last = true; /* what the client still sends is nobody's */
    }
    free(connection->body);
    connection->body = what.body;
    connection->len = what.len;
    connection->at = 0;
    if (headers_send(connection, &what) < 0)
        return -1;
    if (is_head || !what.len)
        return request_end(connection);
    if (connection->last || what.len <= CHUNK_BYTES)
        return body_send(connection); /* done before a next request in the same packet is read */
    lws_callback_on_writable(connection->wsi);
    return 0;
}

static int called(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct connection *connection = wsi ? lws_get_opaque_user_data(wsi) : NULL;

    (void)user;
    (void)len;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return connection ? request(connection, in) : -1;
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return connection ? body_send(connection) : -1;
    case LWS_CALLBACK_HTTP_BODY:
        return -1;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return -1; /* to h2c or to a websocket: neither */
    case LWS_CALLBACK_WSI_DESTROY:
        if (connection)
            connection_free(connection);
        if (connection)
            lws_set_opaque_user_data(wsi, NULL);
        return 0;
    default:
        return 0;
    }
}

/* Opening and closing --------------------------------------------------------------------------*/

/* Clients can cause most of its words, so they are for debugging only. */
static void lws_said(int level, const char *text)
{
    (void)level;
    log_debug("http: %.*s", (int)strcspn(text, "\n"), text);
}

static const struct lws_protocols protocols[] = {
    { .name = "http", .callback = called },
    { .name = NULL },
};

static int context_open(struct serve *serve, struct err *err)
{
    void *loops[1] = { serve->opts.loop };
    struct lws_context_creation_info info = {
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE,
        .foreign_loops = loops,
        .pcontext = &serve->context,
        .user = serve,
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .server_string = "stereo-operator",
        .max_http_header_data = REQUEST_BYTES,
        .timeout_secs = HEADERS_S,
        .timeout_secs_ah_idle = HEADERS_S,
        .keepalive_timeout = IDLE_S,
        .uid = (uid_t)-1,
        .gid = (gid_t)-1,
    };

    lws_set_log_level(LLL_ERR | LLL_WARN, lws_said);
    serve->context = lws_create_context(&info);
    if (serve->context)
        serve->vhost = lws_create_vhost(serve->context, &info);
    if (!serve->vhost)
        return err_set(err, ERR_INTERNAL,
                       "libwebsockets does not start (is its libuv part installed?)");
    return 0;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* On a loop that is not its own, libwebsockets wants to be called a second time when its handles
 * are closed, which takes it some turns; that call unloads the code of their callbacks. It clears
 * the context when it has gone. */
static void close_look(uv_timer_t *timer)
{
    struct serve *serve = timer->data;

    if (serve->context && ++serve->close_turns % CLOSE_TURNS == 0)
        lws_context_destroy(serve->context);
    if (!serve->context)
        uv_close((uv_handle_t *)timer, timer_closed);
}

static void poll_closed(uv_handle_t *handle)
{
    struct serve *serve = handle->data;

    listen_close(&serve->socket);
    if (serve->context)
        lws_context_destroy(serve->context);
    (void)uv_timer_start(&serve->timer, close_look, 0, CLOSE_LOOK_MS);
}

int serve_open(struct serve **out, const struct serve_opts *opts, struct err *err)
{
    struct serve *serve = xcalloc(1, sizeof(*serve));

    serve->opts = *opts;
    if (!serve->opts.connections_max)
        serve->opts.connections_max = CONNECTIONS_MAX;
    if (listen_open(&serve->socket, opts->host, opts->port, err) < 0) {
        free(serve);
        return -1;
    }
    (void)uv_timer_init(opts->loop, &serve->timer);
    (void)uv_poll_init(opts->loop, &serve->poll, serve->socket.fd);
    serve->timer.data = serve->poll.data = serve;
    if (context_open(serve, err) < 0) {
        serve_close(serve);
        return -1;
    }
    (void)uv_poll_start(&serve->poll, UV_READABLE, listen_ready);
    *out = serve;
    return 0;
}

int serve_port(const struct serve *serve)
{
    return serve->socket.port;
}

size_t serve_connections(const struct serve *serve)
{
    return serve->count;
}

void serve_close(struct serve *serve)
{
    if (serve)
        uv_close((uv_handle_t *)&serve->poll, poll_closed);
}

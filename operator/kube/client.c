/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/client.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"
#include "common/mem.h"
#include "operator/kube/auth.h"
#include "operator/kube/transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
    IN_FLIGHT = 50,
    CONNECT_MS = 30000,
    UNARY_MS = 30000,
    KEEPALIVE_S = 30,
    USER_TIMEOUT_MS = 60000,
    RETRIES = 10,
    RETRY_AFTER_MAX_S = 300,
    RESETS = 3,
    RESET_WAIT_MS = 100,
    IDLE_MAX_S = 60, /* the server and what is between close theirs later */
    WARNINGS_MAX = 200,
};
#define BODY_MAX        (64u << 20)
#define STREAM_LINE_MAX (8u << 20)

enum call_state {
    CALL_QUEUED,  /* for a place, or for a credential */
    CALL_WAITING, /* until resume_us */
    CALL_RUNNING,
};

struct kube_call {
    struct kube_client *client;
    struct kube_call *next, *prev;
    enum call_state state;
    char *method, *path, *body; /* owned */
    enum kube_patch patch;
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
    struct kube_call *first, *last;
    uint32_t running; /* unary calls */
    uv_timer_t timer; /* of what waits, and of a pump that is due at once */
    int64_t timer_us;
    struct map warnings;          /* told already; the values are the client */
    struct kube_call *delivering; /* its lines are being told */
    uint32_t busy;                /* callbacks under way */
    bool closing;
    int parts_open; /* of transport, timer */
};

static void pump(struct kube_client *client);

/* Calls in a list -------------------------------------------------------------------------------*/

static void call_link(struct kube_call *call)
{
    struct kube_client *client = call->client;

    call->prev = client->last;
    if (client->last)
        client->last->next = call;
    else
        client->first = call;
    client->last = call;
}

static void call_unlink(struct kube_call *call)
{
    struct kube_client *client = call->client;

    if (call->prev)
        call->prev->next = call->next;
    else
        client->first = call->next;
    if (call->next)
        call->next->prev = call->prev;
    else
        client->last = call->prev;
}

static bool is_stream(const struct kube_call *call)
{
    return call->lines != NULL;
}

/* Takes the transfer back from curl; the call may be started again. */
static void call_stop(struct kube_call *call)
{
    if (call->state == CALL_RUNNING) {
        transport_remove(call->client->transport, call->easy);
        if (!is_stream(call))
            call->client->running--;
    }
    if (call->easy)
        curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    call->easy = NULL;
    call->headers = call->connect_to = NULL;
    call->state = CALL_QUEUED;
}

static void call_free(struct kube_call *call)
{
    call_stop(call);
    call_unlink(call);
    kube_lines_free(call->lines);
    buf_clear(&call->in);
    free(call->method);
    free(call->path);
    free(call->body);
    free(call);
}

/* Warnings, once each ---------------------------------------------------------------------------*/

/* Warning: 299 - "text, where \" is a quote" */
static void warning_tell(struct kube_client *client, const char *text)
{
    AUTO_FREE char *words = xcalloc(1, strlen(text) + 1);
    const char *at = strchr(text, '"');
    size_t len = 0;

    for (at = at ? at + 1 : ""; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
        words[len++] = *at;
    }
    if (!len || map_get(&client->warnings, words) || client->warnings.count >= WARNINGS_MAX)
        return;
    map_put(&client->warnings, words, client);
    log_warn("API server: %s", words);
}

/* curl's callbacks: they only take in -----------------------------------------------------------*/

/* Seconds; 0 for a date or anything else. */
static uint32_t seconds_of(const char *text)
{
    text += strspn(text, " \t");
    if (strspn(text, "0123456789") == 0 || text[strspn(text, "0123456789")])
        return 0;
    return strlen(text) > 6 ? RETRY_AFTER_MAX_S : (uint32_t)strtoul(text, NULL, 10);
}

static size_t header_came(char *data, size_t size, size_t count, void *ctx)
{
    static const char retry[] = "retry-after:", warning[] = "warning:";
    struct kube_call *call = ctx;
    size_t len = size * count;
    AUTO_FREE char *line = xstrndup(data, len);

    line[strcspn(line, "\r\n")] = '\0';
    if (strncasecmp(line, retry, sizeof(retry) - 1) == 0)
        call->retry_after_s = seconds_of(line + sizeof(retry) - 1);
    else if (strncasecmp(line, warning, sizeof(warning) - 1) == 0)
        warning_tell(call->client, line + sizeof(warning) - 1);
    call->stirred = true;
    return len;
}

static size_t body_came(char *data, size_t size, size_t count, void *ctx)
{
    struct kube_call *call = ctx;
    size_t len = size * count;
    struct err err;

    call->stirred = true;
    if (buf_append(&call->in, data, len, &err) < 0) {
        call->overflow = true;
        return 0;
    }
    return len;
}

static int socket_made(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    unsigned timeout_ms = USER_TIMEOUT_MS;

    (void)ctx;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    return CURL_SOCKOPT_OK;
}

/* On a connection that has served before, curl takes a close without an answer for one that came
 * while it was idle, and sends again, whatever the method. What was sent once may have been done.
 */
static int about_to_send(void *ctx, char *to, char *from, int to_port, int from_port)
{
    struct kube_call *call = ctx;

    (void)to;
    (void)from;
    (void)to_port;
    (void)from_port;
    return call->sent++ == 0 ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* A request on its way --------------------------------------------------------------------------*/

static const char *content_type(enum kube_patch patch)
{
    switch (patch) {
    case KUBE_PATCH_MERGE:
        return "Content-Type: application/merge-patch+json";
    case KUBE_PATCH_JSON:
        return "Content-Type: application/json-patch+json";
    case KUBE_PATCH_APPLY:
        return "Content-Type: application/apply-patch+yaml";
    case KUBE_PATCH_NONE:
        break;
    }
    return "Content-Type: application/json";
}

/* tls-server-name: the name goes into the URL, the address to where it connects and to Host. */
static void url_set_named(struct kube_call *call, const char *name, const char *authority)
{
    size_t len = strcspn(authority, "/");
    AUTO_FREE char *host = xstrndup(authority, len);
    const char *colon = strrchr(host, ':');
    const char *port = colon && !strchr(colon, ']') ? colon + 1 : NULL; /* not in an IPv6 address */
    AUTO_FREE char *url =
        xasprintf("https://%s:%s%s%s", name, port ? port : "443", authority + len, call->path);
    AUTO_FREE char *to = xasprintf("::%s%s", host, port ? "" : ":443");
    AUTO_FREE char *line = xasprintf("Host: %s", host);

    (void)curl_easy_setopt(call->easy, CURLOPT_URL, url);
    call->connect_to = curl_slist_append(NULL, to);
    (void)curl_easy_setopt(call->easy, CURLOPT_CONNECT_TO, call->connect_to);
    call->headers = curl_slist_append(call->headers, line);
}

static void url_set(struct kube_call *call)
{
    static const char https[] = "https://";
    const struct kube_config *config = call->client->opts.config;

    if (config->tls_server_name && strncmp(config->server, https, sizeof(https) - 1) == 0) {
        url_set_named(call, config->tls_server_name, config->server + sizeof(https) - 1);
    } else {
        AUTO_FREE char *url = xasprintf("%s%s", config->server, call->path);

        (void)curl_easy_setopt(call->easy, CURLOPT_URL, url);
    }
}

static void easy_set_up(struct kube_call *call)
{
    CURL *easy = call->easy;

    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* waits for no name that is looked up */
    (void)curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)IDLE_MAX_S);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, about_to_send);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
    (void)curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_S);
    (void)curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, socket_made);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_came);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_came);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_words);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, call->client->user_agent);
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void call_run(struct kube_call *call)
{
    struct kube_client *client = call->client;

    call->easy = curl_easy_init();
    call->curl_words[0] = '\0';
    call->retry_after_s = 0;
    call->sent = 0;
    call->generation = kube_auth_generation(client->auth);
    call->opened = call->overflow = false;
    buf_clear(&call->in);
    buf_init(&call->in, is_stream(call) ? call->stream.line_max + BODY_MAX : BODY_MAX);
    easy_set_up(call);
    call->headers = curl_slist_append(NULL, "Accept: application/json");
    url_set(call);
    if (call->body) {
        call->headers = curl_slist_append(call->headers, content_type(call->patch));
        call->headers = curl_slist_append(call->headers, "Expect:");
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                               (curl_off_t)strlen(call->body));
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
    }
    call->headers = kube_auth_apply(client->auth, call->easy, call->headers);
    (void)curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    if (is_stream(call)) {
        (void)curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_FORBID_REUSE, 1L);
        if (call->stream.deadline_ms != UINT32_MAX)
            (void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)call->stream.deadline_ms);
    } else {
        (void)curl_easy_setopt(call->easy, CURLOPT_TIMEOUT_MS, (long)UNARY_MS);
        client->running++;
    }
    call->begun_us = clock_mono_us();
    call->state = CALL_RUNNING;
    transport_add(client->transport, call->easy);
}

/* How calls end ---------------------------------------------------------------------------------*/

/* Closing waits until no callback is on the stack. */
static void leave(struct kube_client *client);

static void tell(struct kube_call *call, const struct kube_status *status, const cJSON *doc)
{
    void (*done)(void *, const struct kube_status *, const cJSON *) = call->done;
    void (*end)(void *, const struct kube_status *) = call->stream.end;
    void *ctx = call->ctx;
    bool stream = is_stream(call);

    call_free(call);
    if (stream)
        end(ctx, status);
    else
        done(ctx, status, doc);
}

static void tell_curl(struct kube_call *call, const char *words)
{
    struct kube_status status = { .code = 0 };

    (void)snprintf(status.message, sizeof(status.message), "%s", words);
    tell(call, &status, NULL);
}

/* No credential: what waits for one does not go. */
static void fail_queued(struct kube_client *client, const struct err *err)
{
    struct kube_call *call;

    client->busy++;
    for (call = client->first; call; call = call->next)
        call->doomed = call->state == CALL_QUEUED;
    call = client->first;
    while (call && !client->closing) { /* a callback may free any of them, and start others */
        if (call->doomed) {
            tell_curl(call, err->msg);
            call = client->first;
        } else {
            call = call->next;
        }
    }
    leave(client);
}

static void tell_answer(struct kube_call *call, int code)
{
    AUTO(cJSON) cJSON *doc = NULL;
    struct kube_status status;
    struct err err;

    if (code / 100 != 2) {
        kube_status_parse(&status, code, call->in.data, call->in.len);
        if (call->retry_after_s)
            status.retry_after_s = call->retry_after_s;
        tell(call, &status, NULL);
        return;
    }
    status = (struct kube_status){ .code = code };
    if (call->in.len > 0 && json_parse(&doc, call->in.data, call->in.len, &err) < 0) {
        tell_curl(call, err.msg);
        return;
    }
    tell(call, &status, doc);
}

static void wait_then_again(struct kube_call *call, int64_t wait_ms)
{
    call_stop(call);
    call->state = CALL_WAITING;
    call->resume_us = clock_mono_us() + wait_ms * 1000;
}

static bool is_lost_before_answer(CURLcode result)
{
    return result == CURLE_SEND_ERROR || result == CURLE_RECV_ERROR ||
           result == CURLE_GOT_NOTHING || result == CURLE_ABORTED_BY_CALLBACK;
}

static int http_code(const struct kube_call *call)
{
    long code = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &code);
    return (int)code;
}

/* What the client promises to do again by itself; true: it does. */
static bool is_again(struct kube_call *call, int code, CURLcode result)
{
    if ((code == 401 || result == CURLE_PEER_FAILED_VERIFICATION) && !call->asked_again) {
        call->asked_again = true;
        kube_auth_doubt(call->client->auth, call->generation);
        wait_then_again(call, 0);
        return true;
    }
    if (is_stream(call))
        return false;
    if ((code == 429 || code >= 500) && call->retry_after_s && call->retries < RETRIES) {
        call->retries++;
        wait_then_again(call, (call->retry_after_s < RETRY_AFTER_MAX_S ? call->retry_after_s
                                                                       : RETRY_AFTER_MAX_S) *
                                  INT64_C(1000));
        return true;
    }
    if (http_code(call) == 0 && is_lost_before_answer(result) && strcmp(call->method, "GET") == 0 &&
        call->resets < RESETS) {
        wait_then_again(call, (int64_t)RESET_WAIT_MS << call->resets++);
        return true;
    }
    return false;
}

static bool stream_line(void *ctx, const char *text, size_t len)
{
    struct kube_call *call = ctx;

    /* A line may cancel its own call: then it is cut here, and freed when we are back. */
    if (call->cut || call->client->closing || !call->stream.line(call->ctx, text, len))
        call->cut = true;
    return !call->cut;
}

/* The lines that have come. False: the call is no more. */
static bool stream_deliver(struct kube_call *call)
{
    struct buf in = call->in;
    int rc;

    buf_init(&call->in, call->stream.line_max + BODY_MAX);
    call->client->delivering = call;
    rc = in.len ? kube_lines_feed(call->lines, in.data, in.len, stream_line, call) : 0;
    call->client->delivering = NULL;
    buf_clear(&in);
    if (call->cut) {
        call_free(call);
        return false;
    }
    if (rc < 0) {
        tell_curl(call, "a line of the stream is too long");
        return false;
    }
    return true;
}

/* Data of a stream whose answer was a yes; an error's body is kept for the end. */
static bool stream_look(struct kube_call *call)
{
    int code = http_code(call);

    if (code / 100 != 2)
        return true;
    if (!call->opened) {
        call->opened = true;
        if (call->stream.opened) {
            call->client->delivering = call;
            call->stream.opened(call->ctx);
            call->client->delivering = NULL;
            if (call->cut) {
                call_free(call);
                return false;
            }
        }
    }
    return stream_deliver(call);
}

static void stream_ended(struct kube_call *call, int code, CURLcode result)
{
    struct kube_status status = { .code = code };

    if (code / 100 == 2 && (result == CURLE_OK || result == CURLE_OPERATION_TIMEDOUT)) {
        if (stream_look(call))
            tell(call, &status, NULL);
    } else if (code / 100 == 2) {
        if (stream_look(call))
            tell_curl(call, call->curl_words[0] ? call->curl_words : curl_easy_strerror(result));
    } else {
        tell_answer(call, code);
    }
}

static void call_ended(struct kube_call *call, CURLcode result)
{
    struct kube_client *client = call->client;
    int code = http_code(call);
    bool answered = code != 0 && (result == CURLE_OK || is_stream(call));

    if (client->opts.observed)
        client->opts.observed(client->opts.ctx, call->method, answered ? code : 0,
                              (double)(clock_mono_us() - call->begun_us) / 1e6);
    if (is_again(call, answered ? code : 0, result))
        return;
    if (call->overflow)
        tell_curl(call, "the answer is too large");
    else if (!answered)
        tell_curl(call, call->curl_words[0] ? call->curl_words : curl_easy_strerror(result));
    else if (is_stream(call))
        stream_ended(call, code, result);
    else
        tell_answer(call, code);
}

/* Callbacks may start, cancel and close: the list is looked at from its head after each. */
static void streams_look(struct kube_client *client)
{
    struct kube_call *call = client->first;

    while (call && !client->closing) {
        if (is_stream(call) && call->state == CALL_RUNNING && call->stirred) {
            call->stirred = false;
            (void)stream_look(call);
            call = client->first;
        } else {
            call = call->next;
        }
    }
}

static void stirred(void *ctx)
{
    struct kube_client *client = ctx;
    CURLcode result;
    CURL *easy;

    client->busy++;
    streams_look(client);
    while (!client->closing && (easy = transport_ended(client->transport, &result))) {
        struct kube_call *call;

        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
        call_ended(call, result);
    }
    if (!client->closing)
        pump(client);
    leave(client);
}

/* What may run now, runs ------------------------------------------------------------------------*/

static void timer_fired(uv_timer_t *timer)
{
    struct kube_client *client = timer->data;

    client->timer_us = 0;
    pump(client);
}

static void timer_set(struct kube_client *client, int64_t at_us, int64_t now_us)
{
    if (client->timer_us && client->timer_us <= at_us)
        return;
    client->timer_us = at_us;
    uv_update_time(client->opts.loop);
    (void)uv_timer_start(&client->timer, timer_fired,
                         at_us > now_us ? (uint64_t)(at_us - now_us + 999) / 1000 : 0, 0);
}

static void pump(struct kube_client *client)
{
    int64_t now_us = clock_mono_us();

    for (struct kube_call *call = client->first; call; call = call->next) {
        if (call->state == CALL_WAITING && call->resume_us > now_us) {
            timer_set(client, call->resume_us, now_us);
            continue;
        }
        if (call->state == CALL_WAITING)
            call->state = CALL_QUEUED;
        if (call->state != CALL_QUEUED)
            continue;
        if (!is_stream(call) && client->running >= client->opts.in_flight_max)
            continue;
        if (kube_auth_ready(client->auth))
            call_run(call);
    }
}

static void auth_changed(void *ctx, const struct err *err)
{
    struct kube_client *client = ctx;

    if (err)
        fail_queued(client, err); /* may be the end of it */
    else
        pump(client);
}

/* The door --------------------------------------------------------------------------------------*/

int kube_client_open(struct kube_client **out, const struct kube_client_opts *opts, struct err *err)
{
    struct kube_client *client = xcalloc(1, sizeof(*client));

    client->opts = *opts;
    if (!client->opts.in_flight_max)
        client->opts.in_flight_max = IN_FLIGHT;
    client->user_agent = xstrdup(opts->user_agent);
    if (transport_open(&client->transport, opts->loop, stirred, client, err) < 0) {
        free(client->user_agent);
        free(client);
        return -1;
    }
    client->auth = kube_auth_open(opts->loop, opts->config, auth_changed, client);
    (void)uv_timer_init(opts->loop, &client->timer);
    client->timer.data = client;
    client->parts_open = 2;
    *out = client;
    return 0;
}

static void part_closed(struct kube_client *client)
{
    if (--client->parts_open > 0)
        return;
    map_clear(&client->warnings);
    free(client->user_agent);
    free(client);
}

static void timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void transport_freed(void *ctx)
{
    part_closed(ctx);
}

static void client_end(struct kube_client *client)
{
    while (client->first)
        call_free(client->first);
    kube_auth_close(client->auth);
    transport_close(client->transport, transport_freed);
    uv_close((uv_handle_t *)&client->timer, timer_closed);
}

static void leave(struct kube_client *client)
{
    if (--client->busy == 0 && client->closing)
        client_end(client);
}

void kube_client_close(struct kube_client *client)
{
    if (!client || client->closing)
        return;
    client->closing = true;
    if (client->busy == 0)
        client_end(client);
}

uv_loop_t *kube_client_loop(const struct kube_client *client)
{
    return client->opts.loop;
}

static struct kube_call *call_new(struct kube_client *client, const char *method, const char *path)
{
    struct kube_call *call = xcalloc(1, sizeof(*call));

    call->client = client;
    call->method = xstrdup(method);
    call->path = xstrdup(path);
    call_link(call);
    timer_set(client, 1, clock_mono_us()); /* at once, but not from within */
    return call;
}

void kube_call_start(struct kube_client *client, const struct kube_request *request,
                     struct kube_call **out)
{
    struct kube_call *call = call_new(client, request->method, request->path);

    call->body = request->body ? json_print(request->body) : NULL;
    call->patch = request->patch;
    call->done = request->done;
    call->ctx = request->ctx;
    if (out)
        *out = call;
}

void kube_stream_start(struct kube_client *client, const struct kube_stream *stream,
                       struct kube_call **out)
{
    struct kube_call *call = call_new(client, "GET", stream->path);

    call->stream = *stream;
    call->stream.path = NULL;
    if (!call->stream.line_max)
        call->stream.line_max = STREAM_LINE_MAX;
    call->lines = kube_lines_new(call->stream.line_max);
    call->ctx = stream->ctx;
    if (out)
        *out = call;
}

void kube_call_cancel(struct kube_call *call)
{
    if (call->client->delivering == call)
        call->cut = true;
    else
        call_free(call);
}

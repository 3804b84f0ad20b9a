/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/client.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/kube/call.h"
#include "operator/kube/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    IN_FLIGHT = 50,
    RETRIES = 10,
    RESETS = 3,
    RESET_WAIT_MS = 100,
};
#define STREAM_LINE_MAX (8u << 20)

static void pump(struct kube_client *client);

/* Calls in a list -------------------------------------------------------------------------------*/

static void call_link(struct kube_call *call, struct call_list *list)
{
    call->list = list;
    call->prev = list->last;
    if (list->last)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
}

static void call_unlink(struct kube_call *call)
{
    struct call_list *list = call->list;

    if (call->prev)
        call->prev->next = call->next;
    else
        list->first = call->next;
    if (call->next)
        call->next->prev = call->prev;
    else
        list->last = call->prev;
}

/* Takes the transfer back from curl; the call may be started again. */
static void call_stop(struct kube_call *call)
{
    if (call->state == CALL_RUNNING) {
        transport_remove(call->client->transport, call->easy);
        if (!is_stream(call))
            call->client->running--;
    }
    call_easy_free(call);
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

/* A request on its way --------------------------------------------------------------------------*/

static void call_run(struct kube_call *call)
{
    struct kube_client *client = call->client;

    call_easy_make(call);
    if (!is_stream(call))
        client->running++;
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

    (void)snprintf(status.message, sizeof(status.message), "%.*s", (int)sizeof(status.message) - 1,
                   words);
    tell(call, &status, NULL);
}

static void doom_queued(const struct call_list *list)
{
    for (struct kube_call *call = list->first; call; call = call->next)
        call->doomed = call->state == CALL_QUEUED;
}

static void fail_doomed(struct kube_client *client, const struct call_list *list,
                        const struct err *err)
{
    struct kube_call *call = list->first;

    while (call && !client->closing) { /* a callback may free any of them, and start others */
        if (call->doomed) {
            tell_curl(call, err->msg);
            call = list->first;
        } else {
            call = call->next;
        }
    }
}

/* No credential: what waits for one does not go. */
static void fail_queued(struct kube_client *client, const struct err *err)
{
    client->busy++;
    doom_queued(&client->prompt);
    doom_queued(&client->calls);
    fail_doomed(client, &client->prompt, err);
    fail_doomed(client, &client->calls, err);
    leave(client);
}

static int answer_parse(cJSON **out, const struct kube_call *call, struct err *err)
{
    if (call->wanted)
        return json_parse_picked(out, call->in.data, call->in.len, call->wanted, err);
    return json_parse_without(out, call->in.data, call->in.len, KUBE_UNUSED, err);
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
    if (call->in.len > 0 && answer_parse(&doc, call, &err) < 0) {
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
        wait_then_again(call,
                        (call->retry_after_s < CALL_RETRY_AFTER_MAX_S ? call->retry_after_s
                                                                      : CALL_RETRY_AFTER_MAX_S) *
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

    buf_init(&call->in, in.max);
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
    double seconds = (double)(clock_mono_us() - call->begun_us) / 1e6;
    bool again = is_again(call, answered ? code : 0, result);

    if (client->opts.observed)
        client->opts.observed(client->opts.ctx, call->method, answered ? code : 0, seconds, again);
    if (again)
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
    struct kube_call *call = client->prompt.first;

    while (call && !client->closing) {
        if (is_stream(call) && call->state == CALL_RUNNING && call->stirred) {
            call->stirred = false;
            (void)stream_look(call);
            call = client->prompt.first;
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

/* Runs it, unless it waits for something else than a place. */
static void call_try(struct kube_call *call, int64_t now_us)
{
    if (call->state == CALL_WAITING && call->resume_us > now_us) {
        timer_set(call->client, call->resume_us, now_us);
        return;
    }
    if (call->state == CALL_WAITING)
        call->state = CALL_QUEUED;
    if (call->state == CALL_QUEUED && kube_auth_ready(call->client->auth))
        call_run(call);
}

/* Without a place no other call is looked at: one that ends comes here again. */
static void pump(struct kube_client *client)
{
    int64_t now_us = clock_mono_us();

    for (struct kube_call *call = client->prompt.first; call; call = call->next)
        call_try(call, now_us);
    for (struct kube_call *call = client->calls.first;
         call && client->running < client->opts.in_flight_max; call = call->next)
        call_try(call, now_us);
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
    while (client->prompt.first)
        call_free(client->prompt.first);
    while (client->calls.first)
        call_free(client->calls.first);
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

static struct kube_call *call_new(struct kube_client *client, const char *method, const char *path,
                                  bool prompt)
{
    struct kube_call *call = xcalloc(1, sizeof(*call));

    call->client = client;
    call->method = xstrdup(method);
    call->path = xstrdup(path);
    call_link(call, prompt ? &client->prompt : &client->calls);
    timer_set(client, 1, clock_mono_us()); /* at once, but not from within */
    return call;
}

void kube_call_start(struct kube_client *client, const struct kube_request *request,
                     struct kube_call **out)
{
    struct kube_call *call = call_new(client, request->method, request->path, request->urgent);

    call->body = request->body ? json_print(request->body) : NULL;
    call->patch = request->patch;
    call->wanted = request->wanted;
    call->names_only = request->names_only;
    call->done = request->done;
    call->ctx = request->ctx;
    if (out)
        *out = call;
}

void kube_stream_start(struct kube_client *client, const struct kube_stream *stream,
                       struct kube_call **out)
{
    struct kube_call *call = call_new(client, "GET", stream->path, true);

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
    struct kube_client *client = call->client;

    if (client->delivering == call) {
        call->cut = true;
        return;
    }
    call_free(call);
    if (!client->closing)
        timer_set(client, 1, clock_mono_us()); /* its place is another's */
}

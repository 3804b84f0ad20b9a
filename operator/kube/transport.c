/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/transport.h"

#include "common/mem.h"

#include <pthread.h>
#include <stdlib.h>

struct transport {
    uv_loop_t *loop;
    CURLM *multi;
    uv_timer_t timer;
    size_t handles; /* libuv handles that are not closed yet */
    void (*stirred)(void *ctx);
    void *ctx;
    void (*freed)(void *ctx);
};

/* One socket that curl watches. */
struct wire {
    uv_poll_t poll;
    curl_socket_t socket;
    struct transport *transport;
};

static void handle_gone(struct transport *transport)
{
    if (--transport->handles > 0)
        return;
    if (transport->freed)
        transport->freed(transport->ctx);
    free(transport);
}

static void wire_closed(uv_handle_t *handle)
{
    struct wire *wire = handle->data;
    struct transport *transport = wire->transport;

    free(wire);
    handle_gone(transport);
}

static void timer_closed(uv_handle_t *handle)
{
    handle_gone(handle->data);
}

static void act(struct transport *transport, curl_socket_t socket, int mask)
{
    int running;

    (void)curl_multi_socket_action(transport->multi, socket, mask, &running);
    transport->stirred(transport->ctx); /* may have closed us: nothing after it */
}

static void wire_ready(uv_poll_t *poll, int status, int events)
{
    struct wire *wire = poll->data;
    int mask = status < 0 ? CURL_CSELECT_ERR : 0;

    if (events & UV_READABLE)
        mask |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        mask |= CURL_CSELECT_OUT;
    act(wire->transport, wire->socket, mask);
}

static void timer_fired(uv_timer_t *timer)
{
    act(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

static int timer_wanted(CURLM *multi, long timeout_ms, void *ctx)
{
    struct transport *transport = ctx;

    (void)multi;
    if (timeout_ms < 0)
        return uv_timer_stop(&transport->timer);
    uv_update_time(transport->loop);
    return uv_timer_start(&transport->timer, timer_fired, (uint64_t)timeout_ms, 0);
}

static struct wire *wire_new(struct transport *transport, curl_socket_t socket)
{
    struct wire *wire = xcalloc(1, sizeof(*wire));

    wire->socket = socket;
    wire->transport = transport;
    if (uv_poll_init_socket(transport->loop, &wire->poll, socket) < 0) {
        free(wire);
        return NULL;
    }
    wire->poll.data = wire;
    transport->handles++;
    return wire;
}

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *ctx, void *given)
{
    struct transport *transport = ctx;
    struct wire *wire = given;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (wire) {
            (void)uv_poll_stop(&wire->poll);
            uv_close((uv_handle_t *)&wire->poll, wire_closed);
            (void)curl_multi_assign(transport->multi, socket, NULL);
        }
        return 0;
    }
    if (!wire) {
        wire = wire_new(transport, socket);
        if (!wire)
            return -1;
        (void)curl_multi_assign(transport->multi, socket, wire);
    }
    if (what != CURL_POLL_OUT)
        events |= UV_READABLE;
    if (what != CURL_POLL_IN)
        events |= UV_WRITABLE;
    return uv_poll_start(&wire->poll, events, wire_ready);
}

static void curl_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int transport_open(struct transport **out, uv_loop_t *loop, void (*stirred)(void *ctx), void *ctx,
                   struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct transport *transport = xcalloc(1, sizeof(*transport));

    (void)pthread_once(&once, curl_init);
    transport->loop = loop;
    transport->stirred = stirred;
    transport->ctx = ctx;
    transport->multi = curl_multi_init();
    if (!transport->multi) {
        free(transport);
        return err_set(err, ERR_INTERNAL, "curl: no multi handle");
    }
    (void)uv_timer_init(loop, &transport->timer);
    transport->timer.data = transport;
    transport->handles = 1;
    (void)curl_multi_setopt(transport->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    (void)curl_multi_setopt(transport->multi, CURLMOPT_SOCKETDATA, transport);
    (void)curl_multi_setopt(transport->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
    (void)curl_multi_setopt(transport->multi, CURLMOPT_TIMERDATA, transport);
    (void)curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, 64L);
    *out = transport;
    return 0;
}

void transport_close(struct transport *transport, void (*freed)(void *ctx))
{
    transport->freed = freed;
    (void)curl_multi_cleanup(transport->multi);
    (void)uv_timer_stop(&transport->timer);
    uv_close((uv_handle_t *)&transport->timer, timer_closed);
}

void transport_add(struct transport *transport, CURL *easy)
{
    (void)curl_multi_add_handle(transport->multi, easy);
}

void transport_remove(struct transport *transport, CURL *easy)
{
    (void)curl_multi_remove_handle(transport->multi, easy);
}

CURL *transport_ended(struct transport *transport, CURLcode *result)
{
    const CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transport->multi, &left))) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

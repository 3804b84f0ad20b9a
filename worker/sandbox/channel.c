/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/sandbox/channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct head {
    uint32_t type, len;
};

void message_clear(struct message *message)
{
    free(message->data);
    *message = (struct message){ .data = NULL };
}

/* What is left of two pieces after n bytes of them went. */
static void advance(struct iovec parts[2], size_t n)
{
    for (int i = 0; i < 2; i++) {
        size_t gone = n < parts[i].iov_len ? n : parts[i].iov_len;

        parts[i].iov_base = (uint8_t *)parts[i].iov_base + gone;
        parts[i].iov_len -= gone;
        n -= gone;
    }
}

int channel_send(const struct channel *channel, uint32_t type, const void *data, size_t len)
{
    struct head head = { type, (uint32_t)len };
    struct iovec parts[2] = { { &head, sizeof(head) }, { (void *)data, len } };
    struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };

    while (parts[0].iov_len + parts[1].iov_len > 0) {
        ssize_t n = sendmsg(channel->fd, &msg, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        advance(parts, (size_t)n);
    }
    return 0;
}

/* 1, 0 at the end, -1. Small messages come many at a time; a large one's bytes go where they are
 * wanted. */
static int take(struct channel *channel, uint8_t *out, size_t len, struct err *err)
{
    while (len > 0) {
        size_t have = channel->have - channel->at, some = have < len ? have : len;
        bool straight = have == 0 && len >= CHANNEL_AHEAD_BYTES;
        ssize_t n;

        if (some > 0) {
            memcpy(out, channel->ahead + channel->at, some);
            channel->at += some;
            out += some;
            len -= some;
            continue;
        }
        if (channel->wait && channel->wait(channel->ctx, err) < 0)
            return -1;
        n = recv(channel->fd, straight ? out : channel->ahead, straight ? len : CHANNEL_AHEAD_BYTES,
                 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return 0;
        if (straight) {
            out += n;
            len -= (size_t)n;
        } else {
            channel->at = 0;
            channel->have = (size_t)n;
        }
    }
    return 1;
}

static int make_room(struct message *message, size_t len, struct err *err)
{
    uint8_t *grown;

    if (len <= message->room)
        return 0;
    grown = realloc(message->data, len);
    if (!grown)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes", len);
    message->data = grown;
    message->room = len;
    return 0;
}

int channel_receive(struct channel *channel, struct message *message, struct err *err)
{
    struct head head;
    int rc = take(channel, (uint8_t *)&head, sizeof(head), err);

    if (rc <= 0)
        return rc;
    if (head.len > WIRE_MAX_BYTES)
        return err_set(err, ERR_INPUT, "a message of %u bytes", head.len);
    if (make_room(message, head.len, err) < 0)
        return -1;
    rc = take(channel, message->data, head.len, err);
    if (rc <= 0)
        return rc;
    message->type = head.type;
    message->in = (struct wire_in){ .data = message->data, .len = head.len };
    return 1;
}

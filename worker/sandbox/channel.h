/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.h - messages over a stream socket: a type, a length, that many bytes. One thread.
 */
#ifndef WORKER_SANDBOX_CHANNEL_H
#define WORKER_SANDBOX_CHANNEL_H

#include "worker/sandbox/wire.h"

#include <sys/types.h>

#define CHANNEL_AHEAD_BYTES 65536

/* Called before a read that may block. 0, or -1 and err: do not read. */
typedef int channel_wait_fn(void *ctx, struct err *err);

struct channel {
    int fd;                /* borrowed */
    channel_wait_fn *wait; /* NULL: block */
    void *ctx;
    uint8_t ahead[CHANNEL_AHEAD_BYTES]; /* read, not yet taken */
    size_t at, have;
};

struct message {
    uint32_t type;
    struct wire_in in; /* of the bytes below */
    uint8_t *data;     /* owned; reused from message to message */
    size_t room;
};
void message_clear(struct message *message);

/* 0, or -1: the other side is gone. */
int channel_send(const struct channel *channel, uint32_t type, const void *data, size_t len);
/* 1 and a message, 0: the other side is gone, -1: told not to wait, a message larger than
 * WIRE_MAX_BYTES (ERR_INPUT), ERR_NOMEM. */
int channel_receive(struct channel *channel, struct message *message, struct err *err);
#endif

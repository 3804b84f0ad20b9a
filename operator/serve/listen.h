/* SPDX-License-Identifier: Apache-2.0
 *
 * listen.h - inside of operator/serve: a listening socket and what it accepts.
 */
#ifndef OPERATOR_SERVE_LISTEN_H
#define OPERATOR_SERVE_LISTEN_H

#include "common/err.h"

struct listen_socket {
    int fd;
    int spare; /* given up for a moment when no descriptor is left, to turn a client away */
    int port;
};

/* fd and spare are the caller's (listen_close). */
int listen_open(struct listen_socket *out, const char *host, int port, struct err *err);
/* A connection, not blocking, close-on-exec; -1: there is none now. */
int listen_accept(struct listen_socket *socket);
void listen_close(struct listen_socket *socket);
#endif

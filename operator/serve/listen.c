/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/serve/listen.h"

#include "common/auto.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { BACKLOG = 256 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int address_parse(union address *out, socklen_t *len, const char *host, int port,
                         struct err *err)
{
    *out = (union address){ 0 };
    if (inet_pton(AF_INET, host, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons((uint16_t)port);
        *len = sizeof(out->v4);
        return 0;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) == 1) {
        out->v6.sin6_family = AF_INET6;
        out->v6.sin6_port = htons((uint16_t)port);
        *len = sizeof(out->v6);
        return 0;
    }
    return err_set(err, ERR_CONFIG, "listen on %s: not an IPv4 or IPv6 address", host);
}

int listen_open(struct listen_socket *out, const char *host, int port, struct err *err)
{
    union address address;
    socklen_t len;
    AUTO_CLOSE int fd = -1;
    int on = 1;

    if (address_parse(&address, &len, host, port, err) < 0)
        return -1;
    fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_errno(err, ERR_CONFIG, errno, "listen on %s", host);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &address.any, len) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, &address.any, &len) < 0)
        return err_errno(err, ERR_CONFIG, errno, "listen on %s port %d", host, port);
    out->port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    out->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    out->fd = fd;
    fd = -1;
    return 0;
}

/* Without it the connection stays in the queue, and the loop would turn for it without end. */
static void turn_away(struct listen_socket *socket)
{
    int fd;

    if (socket->spare < 0)
        return;
    (void)close(socket->spare);
    fd = accept4(socket->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    socket->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

int listen_accept(struct listen_socket *socket)
{
    int fd = accept4(socket->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;

    if (fd < 0 && (errno == EMFILE || errno == ENFILE))
        turn_away(socket);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

void listen_close(struct listen_socket *socket)
{
    (void)close(socket->fd);
    if (socket->spare >= 0)
        (void)close(socket->spare);
    socket->fd = socket->spare = -1;
}

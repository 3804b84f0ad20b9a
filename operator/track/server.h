/* SPDX-License-Identifier: Apache-2.0
 *
 * server.h - a private redis-server for one machine: a Unix socket in a short mkdtemp folder
 * (sun_path is 108 bytes), no TCP port, no disk. It dies with this process.
 */
#ifndef OPERATOR_TRACK_SERVER_H
#define OPERATOR_TRACK_SERVER_H

#include "common/err.h"

#include <stdbool.h>

struct track_server;

/* Starts it and waits until it answers (at most 5 s). ERR_NOT_FOUND: no redis-server program in
 * PATH. ERR_DEPENDENCY: it did not start; its last words. On success *out is owned. */
int track_server_start(struct track_server **out, struct err *err);
void track_server_free(struct track_server *server);             /* stops it, removes the folder */
const char *track_server_url(const struct track_server *server); /* "unix:///tmp/.../r.sock" */
/* Its password, or NULL; borrowed. */
const char *track_server_password(const struct track_server *server);
int track_server_pid(const struct track_server *server);
/* Starts it again (empty, same URL) if it died. *restarted tells. Cheap when it lives. */
int track_server_check(struct track_server *server, bool *restarted, struct err *err);
#endif

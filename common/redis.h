/* SPDX-License-Identifier: Apache-2.0
 *
 * redis.h - the door to hiredis: one connection with timeouts, synchronous calls, bounded replies.
 * A connection that failed is closed and must be opened again. One thread per connection.
 * Errors: ERR_DEPENDENCY for everything the network or server did, ERR_CONFIG for a bad URL.
 */
#ifndef COMMON_REDIS_H
#define COMMON_REDIS_H

#include "common/auto.h"
#include "common/err.h"

#include <stddef.h>
#include <stdint.h>

struct redis;

/* url: "unix:///path" or "redis://[user[:password]@]host[:port][/db]"; password may be NULL or
 * overrides the URL's. "rediss://" needs hiredis >= 1.0, else ERR_CONFIG says so. */
int redis_open(struct redis **out, const char *url, const char *password, int timeout_ms,
               struct err *err);
void redis_free(struct redis *redis);
AUTO_DEFINE(redis, struct redis *, redis_free)

/* Reply of one command, copied out of hiredis: a tree of at most 1 Mi elements. */
enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_NUMBER, REDIS_LIST };
struct redis_value {
    enum redis_type type;
    int64_t number;
    char *text;               /* owned; NUL-terminated */
    size_t len;               /* bytes of text, or elements of list */
    struct redis_value *list; /* owned */
};
void redis_value_clear(struct redis_value *value);

/* argc words; *out (may be NULL) is the caller's to clear. */
int redis_call(struct redis *redis, struct redis_value *out, int argc, const char *const *argv,
               struct err *err);
/* After SUBSCRIBE: waits for one pushed message, at most timeout_ms; out->type REDIS_NIL on
 * timeout. */
int redis_wait(struct redis *redis, struct redis_value *out, int timeout_ms, struct err *err);
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * hiredis formats commands, connects and parses; sending and waiting are ours, because every call
 * has one deadline (hiredis's timeouts begin anew at each byte), because a server that has gone
 * must not raise SIGPIPE, and because hiredis 0.14 has no limit on what a server may send.
 */
#include "common/redis.h"

#include "common/clock.h"
#include "common/mem.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The version gate: callbacks of the parser. */
#if HIREDIS_MAJOR >= 1
typedef size_t reply_count;
#define TLS_MISSING "this build has no TLS for Redis (hiredis_ssl is not linked)"
#else
typedef int reply_count;
#define TLS_MISSING "TLS for Redis needs hiredis 1.0 or newer, this build has 0.14"
#endif

#define MAX_ELEMENTS (1u << 20)
#define MAX_BYTES    (128u << 20) /* of one reply */
#define DEFAULT_PORT 6379
#define MAX_DB       65535
#define URL_PART     512

struct redis {
    redisContext *context; /* owned; NULL when the connection is closed */
    int timeout_ms;
    char name[URL_PART];             /* host:port or the socket's path, for messages */
    redisReplyObjectFunctions make;  /* hiredis's own, but for makes_list */
    redisReplyObjectFunctions *base; /* borrowed from hiredis */
    size_t elements_left;            /* of the reply that is coming in */
};

struct url {
    char user[URL_PART], password[URL_PART];
    bool has_password;
    char host[URL_PART]; /* or the path of the socket */
    int port;            /* 0: a socket */
    int db;
};

AUTO_DEFINE(reply, redisReply *, freeReplyObject)

/* %40 -> @, into out; false when it does not fit or is no escape. */
static bool unescape(char out[URL_PART], const char *text, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned byte = (unsigned char)text[i];
        char hex[3] = "", *end;

        if (text[i] == '%') {
            if (i + 2 >= len)
                return false;
            memcpy(hex, text + i + 1, 2);
            byte = (unsigned)strtoul(hex, &end, 16);
            if (end != hex + 2 || hex[0] == '+' || hex[0] == '-' || hex[0] == ' ' || !byte)
                return false;
            i += 2;
        }
        if (n + 1 >= URL_PART)
            return false;
        out[n++] = (char)byte;
    }
    out[n] = '\0';
    return true;
}

static bool parse_number(int *out, const char *text, size_t len, int max)
{
    int value = 0;

    if (len == 0 || len > 5)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (text[i] - '0');
    }
    *out = value;
    return value <= max;
}

/* user:password, user or nothing, up to the @. */
static bool parse_login(struct url *url, const char *text, size_t len)
{
    const char *colon = memchr(text, ':', len);
    size_t user_len = colon ? (size_t)(colon - text) : len;

    url->has_password = colon != NULL;
    return unescape(url->user, text, user_len) &&
           (!colon || unescape(url->password, colon + 1, len - user_len - 1));
}

/* host, host:port, [::1]:port */
static bool parse_host(struct url *url, const char *text, size_t len)
{
    const char *host = text, *end = memchr(text, ':', len), *port = NULL;
    size_t host_len = end ? (size_t)(end - text) : len;

    if (len && text[0] == '[') {
        end = memchr(text, ']', len);
        if (!end)
            return false;
        host = text + 1;
        host_len = (size_t)(end - host);
        end++;
        if (end == text + len)
            end = NULL;
        else if (*end != ':')
            return false;
    }
    if (end)
        port = end + 1;
    url->port = DEFAULT_PORT;
    if (port && (!parse_number(&url->port, port, (size_t)(text + len - port), 65535) || !url->port))
        return false;
    return host_len && unescape(url->host, host, host_len);
}

/* What stands behind redis:// */
static bool parse_tcp(struct url *url, const char *text)
{
    size_t len = strcspn(text, "/");
    const char *at = memrchr(text, '@', len), *db = text + len;

    if (at && !parse_login(url, text, (size_t)(at - text)))
        return false;
    if (at) {
        len -= (size_t)(at + 1 - text);
        text = at + 1;
    }
    if (!parse_host(url, text, len))
        return false;
    if (db[0] && db[1] && !parse_number(&url->db, db + 1, strlen(db + 1), MAX_DB))
        return false;
    return true;
}

/* Messages never show the URL: it may hold the password. */
static int parse_url(struct url *url, const char *text, struct err *err)
{
    size_t len = strlen(text);

    *url = (struct url){ 0 };
    if (strncmp(text, "rediss://", 9) == 0)
        return err_set(err, ERR_CONFIG, "rediss:// cannot be used: %s", TLS_MISSING);
    if (strncmp(text, "unix://", 7) == 0) {
        if (text[7] != '/' || len - 7 >= sizeof(((struct sockaddr_un *)0)->sun_path))
            return err_set(err, ERR_CONFIG,
                           "Redis URL: unix:// needs an absolute path of at most 107 bytes");
        memcpy(url->host, text + 7, len - 6);
        return 0;
    }
    if (strncmp(text, "redis://", 8) != 0 || !parse_tcp(url, text + 8))
        return err_set(err, ERR_CONFIG,
                       "Redis URL: must be unix:///path or "
                       "redis://[user[:password]@]host[:port][/db]");
    return 0;
}

/* A server that announces more elements than are left gets no list: hiredis gives up there. */
static void *make_list(const redisReadTask *task, reply_count count)
{
    struct redis *redis = task->privdata; /* borrowed */

    if ((size_t)count > redis->elements_left)
        return NULL;
    redis->elements_left -= (size_t)count;
    return redis->base->createArray(task, count);
}

static void drop(struct redis *redis)
{
    if (redis->context)
        redisFree(redis->context);
    redis->context = NULL;
}

/* The connection is of no use any more. what may be the connection's own text. */
static int fail(struct redis *redis, struct err *err, const char *what)
{
    (void)err_set(err, ERR_DEPENDENCY, "Redis %s: %s", redis->name, what);
    drop(redis);
    return -1;
}

static int fail_errno(struct redis *redis, struct err *err, int errnum)
{
    char space[128];

    return fail(redis, err, strerror_r(errnum, space, sizeof(space)));
}

/* 1 ready, 0 the deadline is over, -1 broken. */
static int wait_for(struct redis *redis, short events, int64_t deadline_us, struct err *err)
{
    for (;;) {
        struct pollfd poll_fd = { .fd = redis->context->fd, .events = events };
        int64_t left_ms = (deadline_us - clock_mono_us() + 999) / 1000;
        int n = poll(&poll_fd, 1, left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms);

        if (n > 0)
            return 1;
        if (n == 0 && clock_mono_us() >= deadline_us)
            return 0;
        if (n < 0 && errno != EINTR) {
            (void)fail_errno(redis, err, errno);
            return -1;
        }
    }
}

static int send_all(struct redis *redis, const char *data, size_t len, int64_t deadline_us,
                    struct err *err)
{
    while (len) {
        ssize_t n = send(redis->context->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        int ready;

        if (n >= 0) {
            data += n;
            len -= (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return fail_errno(redis, err, errno);
        ready = wait_for(redis, POLLOUT, deadline_us, err);
        if (ready == 0)
            return fail(redis, err, "timed out");
        if (ready < 0)
            return -1;
    }
    return 0;
}

/* One whole reply, or *out NULL when the deadline came first. */
static int receive(struct redis *redis, redisReply **out, int64_t deadline_us, struct err *err)
{
    for (;;) {
        void *reply = NULL;
        int ready;

        if (redisGetReplyFromReader(redis->context, &reply) != REDIS_OK)
            return fail(redis, err,
                        redis->context->reader->err == REDIS_ERR_OOM
                            ? "the reply has too many elements or memory is gone"
                            : redis->context->errstr);
        *out = reply;
        if (reply) {
            redis->elements_left = MAX_ELEMENTS;
            return 0;
        }
        if (redis->context->reader->len > MAX_BYTES)
            return fail(redis, err, "the reply is larger than 128 MiB");
        ready = wait_for(redis, POLLIN, deadline_us, err);
        if (ready <= 0)
            return ready;
        if (redisBufferRead(redis->context) != REDIS_OK)
            return fail(redis, err, redis->context->errstr);
    }
}

static int copy_value(struct redis_value *out, const redisReply *reply, struct err *err);

static int copy_list(struct redis_value *out, const redisReply *reply, struct err *err)
{
    out->type = REDIS_LIST;
    if (!reply->elements)
        return 0;
    out->list = calloc(reply->elements, sizeof(out->list[0]));
    if (!out->list)
        return err_set(err, ERR_NOMEM, "no memory for %zu elements", reply->elements);
    for (size_t i = 0; i < reply->elements; i++) {
        out->len = i + 1; /* all before it are whole: clearing is safe at any moment */
        if (copy_value(&out->list[i], reply->element[i], err) < 0)
            return -1;
    }
    return 0;
}

static int copy_text(struct redis_value *out, const redisReply *reply, struct err *err)
{
    out->text = malloc(reply->len + 1);
    if (!out->text)
        return err_set(err, ERR_NOMEM, "no memory for %zu bytes", reply->len);
    memcpy(out->text, reply->str, reply->len);
    out->text[reply->len] = '\0';
    out->type = REDIS_TEXT;
    out->len = reply->len;
    return 0;
}

/* out is zeroed; on failure the caller clears it. */
static int copy_value(struct redis_value *out, const redisReply *reply, struct err *err)
{
    switch (reply->type) {
    case REDIS_REPLY_NIL:
        return 0;
    case REDIS_REPLY_INTEGER:
        out->type = REDIS_NUMBER;
        out->number = reply->integer;
        return 0;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        return copy_text(out, reply, err);
    case REDIS_REPLY_ARRAY:
        return copy_list(out, reply, err);
    case REDIS_REPLY_ERROR:
        return err_set(err, ERR_DEPENDENCY, "Redis: %s", reply->str);
    default:
        return err_set(err, ERR_DEPENDENCY, "Redis: a reply of unknown type %d", reply->type);
    }
}

/* out may be NULL: only errors matter then. */
static int take_value(struct redis *redis, struct redis_value *out, const redisReply *reply,
                      struct err *err)
{
    struct redis_value value = { .type = REDIS_NIL };

    if (reply->type == REDIS_REPLY_ERROR)
        return err_set(err, ERR_DEPENDENCY, "Redis %s: %s", redis->name, reply->str);
    if (copy_value(&value, reply, err) < 0) {
        redis_value_clear(&value);
        return -1;
    }
    if (out)
        *out = value;
    else
        redis_value_clear(&value);
    return 0;
}

static int dial(struct redis *redis, const struct url *url, struct err *err)
{
    struct timeval limit = { redis->timeout_ms / 1000, redis->timeout_ms % 1000 * 1000 };

    if (url->port)
        (void)snprintf(redis->name, sizeof(redis->name), "%.480s:%d", url->host, url->port);
    else
        (void)snprintf(redis->name, sizeof(redis->name), "%s", url->host);
    redis->context = url->port ? redisConnectWithTimeout(url->host, url->port, limit)
                               : redisConnectUnixWithTimeout(url->host, limit);
    if (!redis->context)
        return err_set(err, ERR_NOMEM, "no memory for a Redis connection");
    if (redis->context->err)
        return fail(redis, err, redis->context->errstr);
    if (redisSetTimeout(redis->context, limit) != REDIS_OK ||
        (url->port && redisEnableKeepAlive(redis->context) != REDIS_OK))
        return fail(redis, err, redis->context->errstr);
    redis->base = redis->context->reader->fn;
    redis->make = *redis->base;
    redis->make.createArray = make_list;
    redis->context->reader->fn = &redis->make;
    redis->context->reader->privdata = redis;
    redis->elements_left = MAX_ELEMENTS;
    return 0;
}

static int log_in(struct redis *redis, const struct url *url, const char *password, struct err *err)
{
    const char *user_words[] = { "AUTH", url->user, password };
    const char *words[] = { "AUTH", password };

    if (!password)
        return 0;
    return *url->user ? redis_call(redis, NULL, 3, user_words, err)
                      : redis_call(redis, NULL, 2, words, err);
}

static int choose_db(struct redis *redis, int db, struct err *err)
{
    char number[16];
    const char *words[] = { "SELECT", number };

    (void)snprintf(number, sizeof(number), "%d", db);
    return db ? redis_call(redis, NULL, 2, words, err) : 0;
}

/* "subscribe" and its family only say that we listen. */
static bool is_message(const redisReply *reply)
{
    const redisReply *kind;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 3)
        return false;
    kind = reply->element[0];
    return kind->type == REDIS_REPLY_STRING &&
           (strcmp(kind->str, "message") == 0 || strcmp(kind->str, "pmessage") == 0);
}

int redis_open(struct redis **out, const char *url, const char *password, int timeout_ms,
               struct err *err)
{
    AUTO(redis) struct redis *redis = NULL;
    struct url parts;

    if (parse_url(&parts, url, err) < 0)
        return -1;
    if (!password && parts.has_password)
        password = parts.password;
    redis = xcalloc(1, sizeof(*redis));
    redis->timeout_ms = timeout_ms > 0 ? timeout_ms : 1;
    if (dial(redis, &parts, err) < 0 || log_in(redis, &parts, password, err) < 0 ||
        choose_db(redis, parts.db, err) < 0)
        return -1;
    *out = TAKE(redis);
    return 0;
}

void redis_free(struct redis *redis)
{
    if (!redis)
        return;
    drop(redis);
    free(redis);
}

void redis_value_clear(struct redis_value *value)
{
    for (size_t i = 0; value->list && i < value->len; i++)
        redis_value_clear(&value->list[i]);
    free(value->list);
    free(value->text);
    *value = (struct redis_value){ .type = REDIS_NIL };
}

int redis_call(struct redis *redis, struct redis_value *out, int argc, const char *const *argv,
               struct err *err)
{
    int64_t deadline_us = clock_mono_us() + (int64_t)redis->timeout_ms * 1000;
    AUTO(reply) redisReply *reply = NULL;
    char *command = NULL;
    long long len; /* int in hiredis 0.14 */
    int rc;

    if (!redis->context)
        return err_set(err, ERR_DEPENDENCY, "Redis %s: the connection is closed", redis->name);
    len = redisFormatCommandArgv(&command, argc, (const char **)argv, NULL);
    if (len < 0)
        return err_set(err, ERR_NOMEM, "no memory for a Redis command");
    rc = send_all(redis, command, (size_t)len, deadline_us, err);
    redisFreeCommand(command);
    if (rc < 0 || receive(redis, &reply, deadline_us, err) < 0)
        return -1;
    if (!reply)
        return fail(redis, err, "timed out");
    return take_value(redis, out, reply, err);
}

int redis_wait(struct redis *redis, struct redis_value *out, int timeout_ms, struct err *err)
{
    int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;

    for (;;) {
        AUTO(reply) redisReply *reply = NULL;

        if (!redis->context)
            return err_set(err, ERR_DEPENDENCY, "Redis %s: the connection is closed", redis->name);
        if (receive(redis, &reply, deadline_us, err) < 0)
            return -1;
        if (!reply) {
            *out = (struct redis_value){ .type = REDIS_NIL };
            return 0;
        }
        if (reply->type == REDIS_REPLY_ERROR || is_message(reply))
            return take_value(redis, out, reply, err);
    }
}

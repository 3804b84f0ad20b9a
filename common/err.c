/* SPDX-License-Identifier: Apache-2.0 */
#include "common/err.h"

#include "common/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MSG_SIZE sizeof(((struct err *)0)->msg)

/* What did not fit ends in "...", never inside a UTF-8 character. */
static void mark_cut(char msg[MSG_SIZE])
{
    memcpy(msg + utf8_whole(msg, MSG_SIZE - sizeof("...")), "...", sizeof("..."));
}

/* Formats aside first: the arguments may point into err->msg. */
static void fill(struct err *err, const char *tail, const char *fmt, va_list ap)
{
    char msg[MSG_SIZE];
    int n = vsnprintf(msg, sizeof(msg), fmt, ap);
    size_t used = n < 0 ? 0 : (size_t)n;

    if (n < 0)
        msg[0] = '\0';
    if (tail && used < sizeof(msg)) {
        n = snprintf(msg + used, sizeof(msg) - used, ": %s", tail);
        used += n < 0 ? 0 : (size_t)n;
    }
    if (used >= sizeof(msg))
        mark_cut(msg);
    memcpy(err->msg, msg, sizeof(msg));
}

static enum err_code code_of(int errnum, enum err_code otherwise)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ERR_SPACE;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_CONFLICT;
    case ENOMEM:
        return ERR_NOMEM;
    default:
        return otherwise;
    }
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fill(err, NULL, fmt, ap);
    va_end(ap);
    err->code = code;
    return -1;
}

int err_errno(struct err *err, enum err_code code, int errnum, const char *fmt, ...)
{
    char space[128];
    va_list ap;

    va_start(ap, fmt);
    fill(err, strerror_r(errnum, space, sizeof(space)), fmt, ap);
    va_end(ap);
    err->code = code_of(errnum, code);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char cause[MSG_SIZE];
    va_list ap;

    memcpy(cause, err->msg, sizeof(cause));
    va_start(ap, fmt);
    fill(err, cause, fmt, ap);
    va_end(ap);
    return -1;
}

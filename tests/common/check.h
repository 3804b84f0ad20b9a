/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - cmocka's headers in their order, and checks that say which row of a table failed.
 */
#ifndef TESTS_COMMON_CHECK_H
#define TESTS_COMMON_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/err.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define CHECK_INT(row, got, want)                                                                  \
    do {                                                                                           \
        long long got_ = (got), want_ = (want);                                                    \
        if (got_ != want_)                                                                         \
            fail_msg("[%s] %s is %lld, want %lld", row, #got, got_, want_);                        \
    } while (0)

#define CHECK_STR(row, got, want)                                                                  \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (strcmp(got_, want_) != 0)                                                              \
            fail_msg("[%s] %s is\n  '%s', want\n  '%s'", row, #got, got_, want_);                  \
    } while (0)

#define CHECK_HAS(row, got, part)                                                                  \
    do {                                                                                           \
        const char *got_ = (got), *part_ = (part);                                                 \
        if (!strstr(got_, part_))                                                                  \
            fail_msg("[%s] %s is\n  '%s', want '%s' in it", row, #got, got_, part_);               \
    } while (0)

/* A call that must succeed; err is its struct err. */
#define CHECK_OK(call, err)                                                                        \
    do {                                                                                           \
        (err).msg[0] = '\0';                                                                       \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, (err).msg);                                                  \
    } while (0)

/* A call that must fail with this code. */
#define CHECK_ERR(call, err, want)                                                                 \
    do {                                                                                           \
        if ((call) != -1)                                                                          \
            fail_msg("%s did not fail", #call);                                                    \
        if ((err).code != (want))                                                                  \
            fail_msg("%s: code %d, want %d (%s)", #call, (err).code, (want), (err).msg);           \
    } while (0)
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h - lines to stderr for people (text) or machines (JSON lines). Control characters are
 * escaped. Any thread. Only tops of programs log; rooms return errors.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Once, before threads. program is borrowed for ever ("stereo-worker"). */
void log_setup(const char *program, enum log_level level, bool json);
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#endif

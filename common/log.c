/* SPDX-License-Identifier: Apache-2.0 */
#include "common/log.h"

#include "common/clock.h"
#include "common/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_SIZE 4096
#define LINE_SIZE    (6 * MESSAGE_SIZE + 256) /* every byte may become \u00xx */

static const char *const level_names[] = { "debug", "info", "warning", "error" };

/* Written by log_setup before threads exist, only read afterwards. */
static struct {
    const char *program;
    enum log_level level;
    bool json;
} setup = { "stereo", LOG_INFO, false };

struct line {
    char text[LINE_SIZE];
    size_t len;
};

static void put(struct line *line, const char *text, size_t len)
{
    if (len > sizeof(line->text) - 1 - line->len) /* one byte stays for the newline */
        len = sizeof(line->text) - 1 - line->len;
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Bytes of the character at s that is fit to show; 0 when there is none. */
static size_t shown_bytes(const unsigned char *s)
{
    bool control = s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0);

    return control ? 0 : utf8_bytes((const char *)s);
}

static void put_escaped(struct line *line, const char *text, bool json)
{
    const unsigned char *s = (const unsigned char *)text;
    char escape[8];

    while (*s) {
        size_t n = shown_bytes(s);

        if (json && (*s == '"' || *s == '\\'))
            put_text(line, "\\");
        if (n) {
            put(line, (const char *)s, n);
            s += n;
            continue;
        }
        if (*s == '\n' || *s == '\t')
            put_text(line, *s == '\n' ? "\\n" : "\\t");
        else {
            (void)snprintf(escape, sizeof(escape), json ? "\\u%04x" : "\\x%02x", (unsigned)*s);
            put_text(line, escape);
        }
        s++;
    }
}

static void put_json(struct line *line, enum log_level level, const char *message)
{
    char now[32];

    clock_format(now, sizeof(now), clock_unix_ms());
    put_text(line, "{\"time\":\"");
    put_text(line, now);
    put_text(line, "\",\"level\":\"");
    put_text(line, level_names[level]);
    put_text(line, "\",\"program\":\"");
    put_escaped(line, setup.program, true);
    put_text(line, "\",\"msg\":\"");
    put_escaped(line, message, true);
    put_text(line, "\"}");
}

static void put_person(struct line *line, enum log_level level, const char *message)
{
    put_text(line, setup.program);
    put_text(line, ": ");
    if (level != LOG_INFO) {
        put_text(line, level_names[level]);
        put_text(line, ": ");
    }
    put_escaped(line, message, false);
}

void log_setup(const char *program, enum log_level level, bool json)
{
    setup.program = program;
    setup.level = level;
    setup.json = json;
}

/* One write a line, so that lines of threads and processes do not mix. */
void log_write(enum log_level level, const char *fmt, ...)
{
    char message[MESSAGE_SIZE];
    struct line line;
    int saved_errno = errno;
    va_list ap;

    if (level < setup.level)
        return;
    va_start(ap, fmt);
    if (vsnprintf(message, sizeof(message), fmt, ap) >= (int)sizeof(message))
        memcpy(message + sizeof(message) - sizeof("..."), "...", sizeof("..."));
    va_end(ap);

    line.len = 0;
    if (setup.json)
        put_json(&line, level, message);
    else
        put_person(&line, level, message);
    line.text[line.len++] = '\n';
    for (size_t done = 0; done < line.len;) {
        ssize_t n = write(STDERR_FILENO, line.text + done, line.len - done);

        if (n < 0 && errno != EINTR)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    errno = saved_errno;
}

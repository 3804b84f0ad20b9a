/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/uri.h"

#include "common/contract/spec.h"
#include "common/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HERE "on one machine use a path or file:///path"

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at ? (int)(at - digits) : -1;
}

static int decode(char **out, const char *text, const char *what, struct err *err)
{
    AUTO_FREE char *path = xmalloc(strlen(text) + 1);
    size_t len = 0;

    for (; *text; text++) {
        int high, low;

        if (*text != '%') {
            path[len++] = *text;
            continue;
        }
        high = hex_digit(text[1]);
        low = high < 0 ? -1 : hex_digit(text[2]);
        if (low < 0)
            return err_set(err, ERR_CONFIG,
                           "%s: '%%' must be followed by two hex digits; "
                           "a '%%' itself is written %%25",
                           what);
        if (high == 0 && low == 0)
            return err_set(err, ERR_CONFIG, "%s: a path cannot hold %%00", what);
        path[len++] = (char)(high << 4 | low);
        text += 2;
    }
    path[len] = '\0';
    *out = TAKE(path);
    return 0;
}

/* Behind "file:": "/path", "///path" or "//localhost/path". */
static int file_path(char **out, const char *rest, const char *what, struct err *err)
{
    if (strncmp(rest, "//", 2) == 0) {
        size_t host = strcspn(rest + 2, "/");

        if (host != 0 && !(host == 9 && strncasecmp(rest + 2, "localhost", 9) == 0))
            return err_set(err, ERR_CONFIG,
                           "%s: file://%.*s names another machine; three slashes begin a path "
                           "here: file:///path",
                           what, host > 60 ? 60 : (int)host, rest + 2);
        rest += 2 + host;
    }
    if (!*rest || strcmp(rest, "/") == 0)
        return err_set(err, ERR_CONFIG, "%s: there is no path behind file:", what);
    return decode(out, rest, what, err);
}

/* The scheme only: the rest may hold credentials. */
static int refuse(const char *scheme, const char *what, struct err *err)
{
    if (strcmp(scheme, "s3") == 0 || strcmp(scheme, "pvc") == 0)
        return err_set(err, ERR_CONFIG, "%s: %s:// needs a cluster; " HERE, what, scheme);
    if (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0)
        return err_set(err, ERR_CONFIG, "%s: %s:// is not read here; download it first: " HERE,
                       what, scheme);
    return err_set(err, ERR_CONFIG, "%s: %s:// is not known; " HERE, what, scheme);
}

void uri_scheme(char out[URI_SCHEME_SIZE], const char *uri)
{
    size_t len = strspn(uri, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    bool is_file = len == 4 && strncasecmp(uri, "file:/", 6) == 0;
    size_t i = 0;

    if (isalpha((unsigned char)uri[0]) && (is_file || strncmp(uri + len, "://", 3) == 0)) {
        for (; i < len && i < URI_SCHEME_SIZE - 1; i++)
            out[i] = (char)tolower((unsigned char)uri[i]);
    }
    out[i] = '\0';
}

int uri_to_path(char **out, const char *uri, const char *what, struct err *err)
{
    char scheme[URI_SCHEME_SIZE];

    uri_scheme(scheme, uri);
    if (strcmp(scheme, "file") == 0)
        return file_path(out, uri + strlen("file:"), what, err);
    if (scheme[0])
        return refuse(scheme, what, err);
    if (!*uri)
        return err_set(err, ERR_CONFIG, "%s: is empty; " HERE, what);
    *out = xstrdup(uri);
    return 0;
}

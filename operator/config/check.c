/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "operator/config/table.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of lower-case letters, digits and inner dashes, by dots when dots are allowed. */
static bool is_name(const char *text, size_t max, bool dots)
{
    size_t len = strlen(text);

    if (!len || len > max || !is_name_char(text[0]) || !is_name_char(text[len - 1]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (text[i] == '.' && (!dots || !is_name_char(text[i - 1]) || !is_name_char(text[i + 1])))
            return false;
        if (!is_name_char(text[i]) && text[i] != '-' && text[i] != '.')
            return false;
    }
    return true;
}

const char *config_wrong_label(const char *text)
{
    return is_name(text, 63, false)
               ? NULL
               : "must be lower-case letters, digits and inner dashes, at most "
                 "63 (like films or film-team-2)";
}

const char *config_wrong_subdomain(const char *text)
{
    return is_name(text, 253, true)
               ? NULL
               : "must be lower-case letters, digits, inner dashes and dots, at "
                 "most 253 (like stereo-worker)";
}

const char *config_wrong_plain(const char *text)
{
    for (; *text; text++) {
        if (!isgraph((unsigned char)*text))
            return "must be printable ASCII without spaces";
    }
    return NULL;
}

const char *config_wrong_path(const char *text)
{
    for (; *text; text++) {
        if (iscntrl((unsigned char)*text))
            return "must be a path without control characters";
    }
    return NULL;
}

const char *config_wrong_image(const char *text)
{
    static const char right[] = "must be an image like registry.example/stereo/worker:1.0 or ...@"
                                "sha256:..., without a scheme and without spaces";
    size_t len = strlen(text);

    if (len > 1024 || strstr(text, "://") || strstr(text, "//") || !isalnum((unsigned char)text[0]))
        return right;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("._-/:@", text[i]))
            return right;
    }
    return isalnum((unsigned char)text[len - 1]) ? NULL : right;
}

bool config_parse_int(const char *text, int64_t *out)
{
    char *end;
    long long value;

    if (!isdigit((unsigned char)text[0]) && !(text[0] == '-' && isdigit((unsigned char)text[1])))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *out = value;
    return true;
}

bool config_parse_seconds(const char *text, int64_t *out_s)
{
    char digits[24] = "";
    size_t len = strspn(text, "0123456789");
    int64_t value, unit;

    if (!len || len >= sizeof(digits))
        return false;
    memcpy(digits, text, len);
    if (!config_parse_int(digits, &value))
        return false;
    switch (text[len]) {
    case '\0':
    case 's':
        unit = 1;
        break;
    case 'm':
        unit = 60;
        break;
    case 'h':
        unit = 3600;
        break;
    default:
        return false;
    }
    return (!text[len] || !text[len + 1]) && !__builtin_mul_overflow(value, unit, out_s);
}

bool config_parse_bool(const char *text, bool *out)
{
    bool is_true = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;

    if (!is_true && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
        return false;
    *out = is_true;
    return true;
}

static bool parse_port(const char *text, int *port)
{
    int64_t value;

    if (!isdigit((unsigned char)text[0]) || !config_parse_int(text, &value) || value > 65535)
        return false;
    *port = (int)value;
    return true;
}

bool config_parse_listen(const char *text, char **host, int *port)
{
    AUTO_FREE char *name = NULL;
    struct in6_addr v6;
    struct in_addr v4;
    const char *colon = strrchr(text, ':');

    if (!colon || !parse_port(colon + 1, port))
        return false;
    if (text[0] == '[') {
        if (colon - text < 2 || colon[-1] != ']')
            return false;
        name = xstrndup(text + 1, (size_t)(colon - text) - 2);
        if (inet_pton(AF_INET6, name, &v6) != 1)
            return false;
    } else {
        name = colon == text ? xstrdup("0.0.0.0") : xstrndup(text, (size_t)(colon - text));
        if (inet_pton(AF_INET, name, &v4) != 1)
            return false;
    }
    *host = TAKE(name);
    return true;
}

const char *config_wrong_listen(const char *text)
{
    AUTO_FREE char *host = NULL;
    int port;

    return config_parse_listen(text, &host, &port)
               ? NULL
               : "must be ADDRESS:PORT (like 0.0.0.0:8080, :8080 or [::]:8080)";
}

/* "host", "host:port", "[v6]:port", from text up to len; what follows is not looked at. */
static bool is_authority(const char *text, size_t len)
{
    AUTO_FREE char *copy = xstrndup(text, len);
    char *port = strrchr(copy, ':'), *close = strchr(copy, ']');
    int number;

    if (copy[0] == '[' && !close)
        return false;
    if (port && (!close || port > close)) {
        *port = '\0';
        if (!parse_port(port + 1, &number) || number == 0)
            return false;
    }
    if (copy[0] == '[') {
        struct in6_addr v6;

        if (close[1])
            return false;
        *close = '\0';
        return inet_pton(AF_INET6, copy + 1, &v6) == 1;
    }
    for (const char *c = copy; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr("-._", *c))
            return false;
    }
    return copy[0] != '\0';
}

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_db(const char *text)
{
    size_t digits;

    if (!*text || strcmp(text, "/") == 0)
        return true;
    digits = strspn(text + 1, "0123456789");
    return text[0] == '/' && digits <= 4 && !text[1 + digits];
}

const char *config_wrong_redis_url(const char *text)
{
    static const char right[] = "must be redis://HOST[:PORT][/DB], rediss://... or unix:///PATH";
    const char *host, *at;
    size_t len;

    if (config_wrong_plain(text))
        return right;
    if (has_prefix(text, "unix://"))
        return text[7] == '/' && text[8] ? NULL : right;
    if (!has_prefix(text, "redis://") && !has_prefix(text, "rediss://"))
        return right;
    host = strstr(text, "://") + 3;
    at = strrchr(host, '@');
    if (at)
        return "must not hold a user or a password: they have settings of their own, and a "
               "password "
               "comes from a file";
    len = strcspn(host, "/");
    return is_authority(host, len) && is_db(host + len) ? NULL : right;
}

const char *config_wrong_proxy_url(const char *text)
{
    static const char right[] = "must be http://HOST:PORT or https://HOST:PORT";
    const char *host;
    size_t len;

    if (config_wrong_plain(text) || (!has_prefix(text, "http://") && !has_prefix(text, "https://")))
        return right;
    host = strstr(text, "://") + 3;
    if (strchr(host, '@'))
        return "must not hold a password: the pods that show it are read by many";
    len = strcspn(host, "/");
    return is_authority(host, len) && (!host[len] || !host[len + 1]) ? NULL : right;
}

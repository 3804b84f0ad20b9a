/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h - inside of operator/config: a row for each setting, and what its text must be.
 */
#ifndef OPERATOR_CONFIG_TABLE_H
#define OPERATOR_CONFIG_TABLE_H

#include "operator/config/config.h"

enum config_type {
    CONFIG_TEXT,    /* char * */
    CONFIG_LIST,    /* char **, from a comma list */
    CONFIG_INT,     /* int64_t */
    CONFIG_SECONDS, /* int64_t in ms; "600", "600s", "10m", "1h" */
    CONFIG_BOOL,    /* bool */
    CONFIG_ENUM,    /* char *, one of choices */
    CONFIG_FILE,    /* struct config_secret */
};

struct config_row {
    const char *name;
    const char *value;    /* its place in the chart's values; "" when the chart does not set it */
    const char *metavar;  /* NULL: what the type says */
    const char *fallback; /* as text; NULL: not set */
    const char *const *choices; /* of an enum, ends in NULL */
    /* Of a text, and of each element of a list: NULL, or what would be right. */
    const char *(*wrong)(const char *text);
    const char *doc;
    int64_t min, max; /* of numbers (seconds for CONFIG_SECONDS), of a file's size in bytes */
    size_t offset;    /* in struct operator_config */
    enum config_type type;
    bool required;
    bool trim; /* of a file: a newline at its end is no part of it */
};

extern const struct config_row config_rows[];
extern const size_t config_row_count;
#define CONFIG_ROWS_MAX 64 /* there are less; checked where it matters */

const char *config_type_name(enum config_type type);
void config_env_name(char *out, size_t size, const char *name); /* "STEREO_REDIS_URL" */

/* Each: NULL when text is right, else what would be. Pure. */
const char *config_wrong_label(const char *text);     /* a name of a namespace */
const char *config_wrong_subdomain(const char *text); /* a name of most objects */
const char *config_wrong_image(const char *text);
const char *config_wrong_redis_url(const char *text);
const char *config_wrong_proxy_url(const char *text);
const char *config_wrong_listen(const char *text);
const char *config_wrong_plain(const char *text); /* no spaces, nothing that does not print */
const char *config_wrong_path(const char *text);

/* Whole text as a number; false when it is none. */
bool config_parse_int(const char *text, int64_t *out);
bool config_parse_seconds(const char *text, int64_t *out_s);
bool config_parse_bool(const char *text, bool *out);
/* "HOST:PORT", "[V6]:PORT", ":PORT"; *host is the caller's. */
bool config_parse_listen(const char *text, char **host, int *port);
#endif

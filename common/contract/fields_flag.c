/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/fields_value.h"

#include "common/mem.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 16
#define KEBAB_SIZE 48

static int refuse(const struct field *field, const char *why, struct err *err)
{
    return err_set(err, ERR_CONFIG, "--%s: %s", field->flag, why);
}

/* "-1.5e3": no blanks, hexadecimal, infinities or other inventions of strtod. */
static bool parse_number(double *out, const char *text)
{
    char *end;

    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    *out = strtod(text, &end);
    return !*end && isfinite(*out);
}

/* "1:02:03.5" and "2:03.5" in seconds; what stands behind a ':' is below 60. */
static bool parse_time(double *out, const char *text)
{
    double total = 0;

    for (int parts = 0; parts < 3; parts++) {
        size_t len = strcspn(text, ":");
        AUTO_FREE char *part = xstrndup(text, len);
        bool last = !text[len];
        double d;

        if (strspn(part, last ? "0123456789." : "0123456789") != len || !parse_number(&d, part) ||
            (parts > 0 && d >= 60))
            return false;
        total = total * 60 + d;
        if (last) {
            *out = total;
            return true;
        }
        text += len + 1;
    }
    return false;
}

static bool is_time(const struct field *field)
{
    return field->metavar && strcmp(field->metavar, "TIME") == 0;
}

static int enum_from_flag(cJSON **out, const struct field *field, const char *text, struct err *err)
{
    char kebabs[VALUES_MAX][KEBAB_SIZE], why[FIELD_WHY_SIZE];
    const char *names[VALUES_MAX];
    size_t count = 0;

    for (; field->values[count] && count < VALUES_MAX; count++) {
        fields_kebab(kebabs[count], KEBAB_SIZE, field->values[count]);
        names[count] = kebabs[count];
        if (strcmp(kebabs[count], text) == 0) {
            *out = cJSON_CreateString(field->values[count]);
            return 0;
        }
    }
    field_not_one_of(why, text, names, count);
    return refuse(field, why, err);
}

/* Text where a number was wanted stays text: the check has the words for it. */
static int value_from_flag(cJSON **out, const struct field *field, const char *text,
                           struct err *err)
{
    double d;

    if (field->type == FIELD_ENUM)
        return enum_from_flag(out, field, text, err);
    if (field->type == FIELD_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        *out = cJSON_CreateBool(strcmp(text, "true") == 0);
    else if ((field->type == FIELD_INT || field->type == FIELD_NUMBER) && parse_number(&d, text))
        *out = cJSON_CreateNumber(d);
    else if (is_time(field) && parse_time(&d, text))
        *out = cJSON_CreateNumber(d);
    else
        *out = cJSON_CreateString(text);
    return 0;
}

const struct field *fields_find_flag(const char *flag)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].flag && strcmp(fields[i].flag, flag) == 0)
            return &fields[i];
    }
    return NULL;
}

int fields_set_flag(cJSON *job, const struct field *field, const char *value, struct err *err)
{
    AUTO(cJSON) cJSON *node = NULL;
    char why[FIELD_WHY_SIZE];

    if (value_from_flag(&node, field, value, err) < 0)
        return -1;
    if (field_value_check(why, field, node) < 0)
        return refuse(field, why, err);
    json_path_set(job, field->path, TAKE(node));
    return 0;
}

/* A word begins at a capital behind a small letter or digit ("SBS" in FullSBS), and at the last
 * capital of several before a small letter ("Name" in URIName). */
void fields_kebab(char *out, size_t size, const char *camel)
{
    size_t len = 0;

    for (size_t i = 0; camel[i] && len + 2 < size; i++) {
        bool is_capital = isupper((unsigned char)camel[i]);

        if (is_capital && i > 0 &&
            (!isupper((unsigned char)camel[i - 1]) || islower((unsigned char)camel[i + 1])))
            out[len++] = '-';
        out[len++] = (char)tolower((unsigned char)camel[i]);
    }
    if (size > 0)
        out[len] = '\0';
}

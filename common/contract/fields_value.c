/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/fields_value.h"

#include "common/contract/members.h"
#include "common/mem.h"
#include "common/suggest.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_CHARS 60
#define QUANTITY_REGEX                                                                             \
    "^[+]?([0-9]+([.][0-9]*)?|[.][0-9]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|[eE][-+]?[0-9]+)?$"

/* A value in a message. Caller frees. */
static char *shown(const cJSON *value)
{
    if (cJSON_IsString(value)) {
        bool is_long = strlen(value->valuestring) > SHOWN_CHARS;

        return xasprintf("'%.*s%s'", SHOWN_CHARS, value->valuestring, is_long ? "..." : "");
    }
    if (cJSON_IsNumber(value))
        return xasprintf("%.15g", value->valuedouble);
    if (cJSON_IsBool(value))
        return xstrdup(cJSON_IsTrue(value) ? "true" : "false");
    if (cJSON_IsArray(value))
        return xstrdup("a list");
    return xstrdup(cJSON_IsObject(value) ? "an object" : "empty");
}

static int wrong(char why[FIELD_WHY_SIZE], const char *what, const cJSON *value)
{
    AUTO_FREE char *text = shown(value);

    field_say(why, "must be %s, not %s", what, text);
    return -1;
}

bool field_value_matches(const char *text, const char *pattern)
{
    regex_t regex;
    int rc;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        mem_abort(); /* the pattern is ours, and every one is compiled in the tests */
    errno = 0;
    rc = regexec(&regex, text, 0, NULL, 0);
    if (rc != 0 && errno == ENOMEM) /* glibc calls that no match */
        mem_abort();
    regfree(&regex);
    return rc == 0;
}

static bool has_bounds(const struct field *field)
{
    return field->min < field->max;
}

static bool is_within(const struct field *field, double value)
{
    return !has_bounds(field) || (value >= field->min && value <= field->max);
}

static int check_number(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    const char *kind = field->type == FIELD_INT ? "a whole number" : "a number";
    double d = cJSON_IsNumber(value) ? value->valuedouble : NAN;
    char what[80];

    if (isfinite(d) && is_within(field, d) && (field->type != FIELD_INT || d == floor(d)))
        return 0;
    if (has_bounds(field))
        (void)snprintf(what, sizeof(what), "%s %.15g..%.15g", kind, field->min, field->max);
    else
        (void)snprintf(what, sizeof(what), "%s", kind);
    return wrong(why, what, value);
}

static int check_length(char why[FIELD_WHY_SIZE], const struct field *field, size_t length,
                        const char *unit)
{
    if (is_within(field, (double)length))
        return 0;
    if (length == 0)
        field_say(why, "must not be empty");
    else
        field_say(why, "has %zu %s; must have %.15g..%.15g", length, unit, field->min, field->max);
    return -1;
}

static int check_string(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    if (cJSON_IsNumber(value) || cJSON_IsBool(value))
        return wrong(why, "text (write it in quotes)", value);
    if (!cJSON_IsString(value))
        return wrong(why, "text", value);
    if (check_length(why, field, strlen(value->valuestring), "bytes") < 0)
        return -1;
    if (field->pattern && !field_value_matches(value->valuestring, field->pattern))
        return wrong(why, field->pattern_words, value);
    return 0;
}

static int check_enum(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    size_t count = 0;

    while (field->values[count])
        count++;
    if (count == 1 && (!cJSON_IsString(value) || strcmp(value->valuestring, field->values[0]) != 0))
        return wrong(why, field->values[0], value);
    if (!cJSON_IsString(value)) {
        AUTO_FREE char *text = shown(value);

        field_not_one_of(why, text, field->values, count);
        return -1;
    }
    if (field_value_index(field, value->valuestring) >= 0)
        return 0;
    field_not_one_of(why, value->valuestring, field->values, count);
    return -1;
}

static int check_quantity(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    static const char what[] = "a quantity such as 2, 500m or 8Gi";

    if (cJSON_IsNumber(value) && value->valuedouble >= 0)
        return 0;
    if (cJSON_IsString(value) && is_within(field, (double)strlen(value->valuestring)) &&
        field_value_matches(value->valuestring, QUANTITY_REGEX))
        return 0;
    return wrong(why, what, value);
}

static int check_opaque(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    AUTO_FREE char *text = NULL;

    if (!cJSON_IsObject(value))
        return wrong(why, "an object", value);
    text = json_print(value);
    return check_length(why, field, strlen(text), "bytes of JSON");
}

static int check_map(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    if (!cJSON_IsObject(value))
        return wrong(why, "an object of names and values", value);
    return check_length(why, field, (size_t)cJSON_GetArraySize(value), "entries");
}

static int check_list(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    if (!cJSON_IsArray(value))
        return wrong(why, "a list", value);
    return check_length(why, field, (size_t)cJSON_GetArraySize(value), "items");
}

int field_value_check(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value)
{
    switch (field->type) {
    case FIELD_OBJECT:
        return cJSON_IsObject(value) ? 0 : wrong(why, "an object", value);
    case FIELD_LIST:
        return check_list(why, field, value);
    case FIELD_MAP:
        return check_map(why, field, value);
    case FIELD_STRING:
        return check_string(why, field, value);
    case FIELD_ENUM:
        return check_enum(why, field, value);
    case FIELD_INT:
    case FIELD_NUMBER:
        return check_number(why, field, value);
    case FIELD_BOOL:
        return cJSON_IsBool(value) ? 0 : wrong(why, "true or false", value);
    case FIELD_QUANTITY:
        return check_quantity(why, field, value);
    case FIELD_OPAQUE:
        return check_opaque(why, field, value);
    }
    return 0;
}

int field_value_index(const struct field *field, const char *name)
{
    for (int i = 0; field->values[i]; i++) {
        if (strcmp(field->values[i], name) == 0)
            return i;
    }
    return -1;
}

void field_not_one_of(char why[FIELD_WHY_SIZE], const char *text, const char *const *names,
                      size_t count)
{
    const char *near = suggest_nearest(text, names, count);
    char list[256];
    size_t used = 0;

    list[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof(list); i++)
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", names[i]);
    field_say(why, "'%.*s' is not one of %s%s%s%s", SHOWN_CHARS, text, list,
              near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

void field_say(char why[FIELD_WHY_SIZE], const char *fmt, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        mem_abort();
    text_copy(why, FIELD_WHY_SIZE, text);
    free(text);
    for (; *why; why++) {
        if ((unsigned char)*why < ' ' || *why == 0x7f)
            *why = '?';
    }
}

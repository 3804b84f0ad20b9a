/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/local/compare.h"

#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/mem.h"

#include <string.h>

#define NAMED_MAX 300 /* bytes of the message that name fields; the rest says what to do */

/* "FullSBS", 3, not set. Caller frees. */
static char *value_text(const cJSON *value)
{
    if (!value || cJSON_IsNull(value))
        return xstrdup("not set");
    return cJSON_IsString(value) ? xstrdup(value->valuestring) : json_print(value);
}

static bool is_below(const char *path, const char *parent)
{
    size_t len = strlen(parent);

    return strncmp(path, parent, len) == 0 && (path[len] == '.' || path[len] == '[');
}

/* A row counts as immutable with its parents: "spec.stereo" binds all below it. */
static bool is_immutable(const struct field *field)
{
    for (size_t i = 0; i < fields_count; i++) {
        if (fields[i].immutable && is_below(field->path, fields[i].path))
            return true;
    }
    return field->immutable;
}

static bool is_compared(const struct field *field)
{
    if (field->type == FIELD_OBJECT || strpbrk(field->path, "[*")) /* lists, maps: whole */
        return false;
    return is_immutable(field);
}

static bool is_equal(const cJSON *a, const cJSON *b)
{
    bool no_a = !a || cJSON_IsNull(a), no_b = !b || cJSON_IsNull(b);

    return no_a || no_b ? no_a && no_b : cJSON_Compare(a, b, true);
}

static void name_one(struct buf *text, size_t *unnamed, const char *path, const cJSON *was,
                     const cJSON *now)
{
    AUTO_FREE char *a = value_text(was);
    AUTO_FREE char *b = value_text(now);
    struct err full;

    if (buf_printf(text, &full, "%s%s: was %s, now %s", text->len ? "; " : "", path, a, b) < 0)
        (*unnamed)++;
}

int local_compare(const cJSON *was, const cJSON *now, const char *work_dir, struct err *err)
{
    AUTO(cJSON) cJSON *stored = cJSON_Duplicate(was, true);
    AUTO_BUF struct buf text;
    AUTO_FREE char *more = NULL;
    size_t unnamed = 0;

    buf_init(&text, NAMED_MAX);
    fields_default(stored); /* it may be older than a field */
    for (size_t i = 0; i < fields_count; i++) {
        const cJSON *a = json_path(stored, fields[i].path), *b = json_path(now, fields[i].path);

        if (is_compared(&fields[i]) && !is_equal(a, b))
            name_one(&text, &unnamed, fields[i].path, a, b);
    }
    if (!text.len && !unnamed)
        return 0;
    more = unnamed ? xasprintf("%s%zu more differ", text.len ? "; " : "", unnamed) : xstrdup("");
    return err_set(err, ERR_CONFIG, "%s%s; use another --work-dir or delete %s",
                   text.len ? text.data : "", more, work_dir);
}

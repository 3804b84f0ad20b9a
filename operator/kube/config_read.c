/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/config_read.h"

#include "common/mem.h"
#include "operator/kube/base64.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of what is missing: where it should be. 0: not known. */
static int line_of(const struct config_file *file, const char *key)
{
    AUTO_FREE char *path = xstrdup(key);
    int line = 0, column;

    for (char *dot = path; dot && !line; dot = strrchr(path, '.')) {
        if (dot != path)
            *dot = '\0';
        yaml_place(file->places, path, &line, &column);
    }
    return line;
}

void config_problem(struct config_reader *r, const struct config_file *file, const char *key,
                    const char *fmt, ...)
{
    char what[200];
    int line;
    struct err ignored;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    r->problems++;
    if (r->told.len > CONFIG_TOLD_MAX) {
        r->untold++;
        return;
    }
    line = line_of(file, key);
    if (r->told.len)
        (void)buf_append(&r->told, "; ", 2, &ignored);
    if (file != r->told_of)
        (void)buf_printf(&r->told, &ignored, "%.200s: ", file->path);
    r->told_of = file;
    if (line)
        (void)buf_printf(&r->told, &ignored, "line %d: ", line);
    (void)buf_printf(&r->told, &ignored, "%s%s%s", key, *key ? ": " : "", what);
}

const cJSON *config_item(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNull(item) ? NULL : item;
}

void config_key(char out[CONFIG_KEY_MAX], const struct config_entry *entry, const char *key)
{
    int len = snprintf(out, CONFIG_KEY_MAX, "%s%s%s", entry->path, *entry->path ? "." : "", key);

    if (len < 0 || len >= CONFIG_KEY_MAX) /* no key of ours is as long */
        *out = '\0';
}

/* NULL: absent, empty, or told. */
const char *config_text(struct config_reader *r, const struct config_entry *entry, const char *key)
{
    const cJSON *item = config_item(entry->body, key);
    char path[CONFIG_KEY_MAX];

    config_key(path, entry, key);
    if (item && !cJSON_IsString(item))
        config_problem(r, entry->file, path,
                       "must be text (in quotes when it looks like a number)");
    return cJSON_IsString(item) && *item->valuestring ? item->valuestring : NULL;
}

bool config_bool(struct config_reader *r, const struct config_entry *entry, const char *key)
{
    const cJSON *item = config_item(entry->body, key);
    char path[CONFIG_KEY_MAX];

    config_key(path, entry, key);
    if (item && !cJSON_IsBool(item))
        config_problem(r, entry->file, path, "must be true or false");
    return cJSON_IsTrue(item);
}

bool config_has_control(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    }
    return false;
}

const char *config_name(const cJSON *item)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");

    return cJSON_IsString(name) ? name->valuestring : NULL;
}

/* --- values --- */

char *config_path(const struct config_file *file, const char *path)
{
    return *path == '/' ? xstrdup(path) : xasprintf("%s/%s", file->base, path);
}

void config_check_readable(struct config_reader *r, const struct config_file *file, const char *key,
                           const char *path)
{
    if (r->look && access(path, R_OK) < 0)
        config_problem(r, file, key, "%.120s cannot be read: %s", path, strerror(errno));
}

/* KEY-data, decoded. */
static void read_data(struct config_reader *r, const struct config_entry *entry, const char *key,
                      const char *data, struct kube_secret_text *out)
{
    size_t len = 0;
    char *text = base64_decode(data, &len);

    if (!text) {
        config_problem(r, entry->file, key, "is not base64");
    } else if (strlen(text) != len || !strstr(text, "-----BEGIN ")) {
        config_problem(r, entry->file, key, "holds no PEM");
        explicit_bzero(text, len);
        free(text);
    } else {
        out->text = text;
    }
}

/* KEY is a path, KEY-data is base64; not both. */
void config_secret(struct config_reader *r, const struct config_entry *entry, const char *key,
                   struct kube_secret_text *out)
{
    char path_key[CONFIG_KEY_MAX], data_name[64], data_key[CONFIG_KEY_MAX];
    const char *path, *data;

    (void)snprintf(data_name, sizeof(data_name), "%s-data", key);
    config_key(path_key, entry, key);
    config_key(data_key, entry, data_name);
    path = config_text(r, entry, key);
    data = config_text(r, entry, data_name);
    if (path && data) {
        config_problem(r, entry->file, path_key, "is there beside %s: keep one", data_name);
    } else if (path) {
        out->path = config_path(entry->file, path);
        config_check_readable(r, entry->file, path_key, out->path);
    } else if (data) {
        read_data(r, entry, data_key, data, out);
    }
}

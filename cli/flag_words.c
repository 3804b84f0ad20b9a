/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flag_words.h"

#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/mem.h"

#include <string.h>

#define PATH_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789."
#define TEXT_MAX   65536

/* Fields that are arguments, or that share an option. */
static const struct {
    const char *path, *word;
} others[] = {
    { "spec.source.uri", "IN" },
    { "spec.output.uri", "OUT" },
    { "spec.work.uri", "--work-dir" },
    { "spec.depth.uri", "--depth" },
    { "spec.depth.provider", "--depth" },
    { "spec.encode", "--codec" },
    { "spec.stereo.convergenceMode", "--convergence" },
};

/* NULL: it has none. *dashes: it goes without "--" of its own. */
static const char *word_of(const char *path, bool *dashes)
{
    const struct field *field = fields_find(path);

    *dashes = field && field->flag;
    if (*dashes)
        return field->flag;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(path, others[i].path) == 0)
            return others[i].word;
    return NULL;
}

/* A path ends before the full stop of its sentence. */
static size_t path_len(const char *text)
{
    size_t len = strspn(text, PATH_CHARS);

    while (len > 0 && text[len - 1] == '.')
        len--;
    return len;
}

char *flag_words(const char *text)
{
    AUTO_BUF struct buf out;
    struct err err;

    buf_init(&out, TEXT_MAX);
    while (*text) {
        const char *found = strstr(text, "spec.");
        size_t before = found ? (size_t)(found - text) : strlen(text);
        size_t len = found ? path_len(found) : 0;
        AUTO_FREE char *path = xstrndup(found ? found : "", len);
        bool dashes, begins = before == 0 || !strchr(PATH_CHARS "/-_", text[before - 1]);
        const char *word = begins ? word_of(path, &dashes) : NULL;

        (void)buf_printf(&out, &err, "%.*s", (int)before, text);
        if (word)
            (void)buf_printf(&out, &err, "%s%s", dashes ? "--" : "", word);
        else
            (void)buf_printf(&out, &err, "%s", path);
        text += before + len;
    }
    return xstrdup(out.data ? out.data : "");
}

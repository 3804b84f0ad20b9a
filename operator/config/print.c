/* SPDX-License-Identifier: Apache-2.0 */
#include "common/buf.h"
#include "common/json.h"
#include "common/mem.h"
#include "operator/config/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { HELP_MAX_BYTES = 1 << 16, FLAG_WIDTH = 42 };

static void put(struct buf *out, const char *text)
{
    struct err err;
    int rc = buf_append(out, text, strlen(text), &err);

    assert(rc == 0); /* the table is ours: it fits */
    (void)rc;
}

static void metavar_format(char *out, size_t size, const struct config_row *row)
{
    static const char *const names[] = {
        [CONFIG_TEXT] = "TEXT",    [CONFIG_LIST] = "A,B",  [CONFIG_INT] = "N",
        [CONFIG_SECONDS] = "TIME", [CONFIG_BOOL] = "BOOL", [CONFIG_FILE] = "FILE",
    };
    size_t len = 0;

    if (row->type != CONFIG_ENUM) {
        (void)snprintf(out, size, "%s", row->metavar ? row->metavar : names[row->type]);
        return;
    }
    for (size_t i = 0; row->choices[i] && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s", i ? "|" : "", row->choices[i]);
}

static void row_help(struct buf *out, const struct config_row *row)
{
    char env[64], metavar[96], flag[192], line[512];

    config_env_name(env, sizeof(env), row->name);
    metavar_format(metavar, sizeof(metavar), row);
    (void)snprintf(flag, sizeof(flag), "--%s %s", row->name, metavar);
    (void)snprintf(line, sizeof(line), "  %-*s %s\n  %*s %s", FLAG_WIDTH, flag, env, 4, "",
                   row->doc);
    put(out, line);
    if (row->required && !row->fallback)
        put(out, " (needed)");
    else if (row->fallback) {
        (void)snprintf(line, sizeof(line), " [%s]", row->fallback);
        put(out, line);
    }
    put(out, "\n");
}

char *operator_config_help(void)
{
    struct buf out;

    buf_init(&out, HELP_MAX_BYTES);
    put(&out,
        "stereo-operator runs the StereoJobs of a cluster.\n\n"
        "A flag comes before its environment variable, which comes before the [default].\n\n");
    for (size_t i = 0; i < config_row_count; i++)
        row_help(&out, &config_rows[i]);
    put(&out, "\n  --help, --version, --table (the settings as JSON)\n\n"
              "Exit codes: 0 stopped as asked, 64 a setting is wrong, 69 a service failed or the\n"
              "Lease was lost, 70 our fault.\n");
    return buf_take(&out);
}

static cJSON *row_json(const struct config_row *row)
{
    cJSON *doc = cJSON_CreateObject(), *choices;
    char env[64];
    AUTO_FREE char *flag = xasprintf("--%s", row->name);

    config_env_name(env, sizeof(env), row->name);
    json_add_str(doc, "name", row->name);
    json_add_str(doc, "flag", flag);
    json_add_str(doc, "env", env);
    json_add_str(doc, "value", row->value);
    json_add_str(doc, "type", config_type_name(row->type));
    if (row->fallback)
        json_add_str(doc, "default", row->fallback);
    json_add_bool(doc, "required", row->required && !row->fallback);
    if (row->max) {
        json_add_i64(doc, "min", row->min);
        json_add_i64(doc, "max", row->max);
    }
    if (row->choices) {
        choices = cJSON_AddArrayToObject(doc, "choices");
        for (size_t i = 0; row->choices[i]; i++)
            cJSON_AddItemToArray(choices, cJSON_CreateString(row->choices[i]));
    }
    json_add_str(doc, "doc", row->doc);
    return doc;
}

char *operator_config_table(void)
{
    AUTO(cJSON) cJSON *all = cJSON_CreateArray();

    for (size_t i = 0; i < config_row_count; i++)
        cJSON_AddItemToArray(all, row_json(&config_rows[i]));
    return json_print_pretty(all);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/manifest.h"

#include "common/auto.h"
#include "common/buf.h"
#include "common/contract/fields.h"
#include "common/file.h"
#include "common/mem.h"

#include <stdio.h>
#include <string.h>

enum { MANIFEST_MAX_BYTES = 1 << 20 };

static int stdin_read(char **text, size_t *len, struct err *err)
{
    AUTO_BUF struct buf buf;
    char chunk[4096];
    size_t got;

    buf_init(&buf, MANIFEST_MAX_BYTES);
    while ((got = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
        if (buf_append(&buf, chunk, got, err) < 0)
            return err_wrap(err, "stdin");
    *len = buf.len;
    *text = buf_take(&buf);
    return 0;
}

/* All that is wrong goes to problems, "FILE: line L, column C: field: why". */
static void manifest_check(const cJSON *job, const struct yaml_places *places, const char *file,
                           bool local, struct problems *problems)
{
    struct fields_report report = { 0 };
    struct err err;

    if (fields_check(job, places, local, &report, &err) < 0)
        for (size_t i = 0; i < report.count; i++)
            problems_add(problems, "%s: %s", file, report.problems[i].text);
    for (size_t i = 0; i < report.note_count; i++)
        (void)fprintf(stderr, "stereo: note: %s\n", report.notes[i]);
    fields_report_clear(&report);
}

bool manifest_is_cluster(const cJSON *job)
{
    const char *output = json_text(job, "spec.output.uri");

    return strncmp(output, "s3://", 5) == 0 || strncmp(output, "pvc://", 6) == 0;
}

void manifest_load(cJSON **job, const char *file, enum manifest_rules rules,
                   struct problems *problems)
{
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;
    size_t len;
    int rc = strcmp(file, "-") == 0 ? stdin_read(&text, &len, &err)
                                    : file_read(&text, &len, file, MANIFEST_MAX_BYTES, &err);

    if (rc < 0) {
        problems_add(problems, "%s", err.msg);
        return;
    }
    if (yaml_parse(job, &places, text, len, &err) < 0) {
        problems_add(problems, "%s: %s", file, err.msg);
        return;
    }
    if (rules == MANIFEST_BY_OUTPUT)
        rules = manifest_is_cluster(*job) ? MANIFEST_CLUSTER : MANIFEST_LOCAL;
    manifest_check(*job, places, file, rules == MANIFEST_LOCAL, problems);
}

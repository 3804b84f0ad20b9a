/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "common/contract/fields.h"
#include "common/contract/spec.h"
#include "common/yaml.h"

#include <string.h>

/* Every problem is a line that a terminal can show. */
static void check_report(const struct fields_report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        const char *text = report->problems[i].text;

        FUZZ_CHECK(text[0] && strlen(text) < sizeof(report->problems[i].text));
        for (; *text; text++)
            FUZZ_CHECK((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

static void check_spec(const cJSON *job)
{
    AUTO(job_spec) struct job_spec *spec = NULL;
    struct err err;

    FUZZ_CHECK(spec_parse(&spec, job, &err) == 0);
    FUZZ_CHECK(spec->source_uri[0] && spec->output_uri[0] && spec->codec[0]);
    FUZZ_CHECK(spec->divergence >= 0 && spec->divergence <= 10);
    FUZZ_CHECK((unsigned)spec->layout < LAYOUT_COUNT && layout_flag(spec->layout));
    FUZZ_CHECK((spec->depth == DEPTH_VIDEO) == (spec->depth_uri != NULL));
    FUZZ_CHECK(spec->parallelism >= 1 && spec->stall_s >= 1);
}

/* What is accepted stays accepted with its defaults, and is a spec. */
static void check_job(cJSON *job, const struct yaml_places *places, bool is_local)
{
    AUTO(job_spec) struct job_spec *spec = NULL;
    struct fields_report report;
    struct err err = { 0 };

    if (fields_check(job, places, is_local, &report, &err) < 0) {
        FUZZ_CHECK(report.count > 0 && err.code == ERR_CONFIG && err.msg[0]);
        check_report(&report);
        fields_report_clear(&report);
        (void)spec_parse(&spec, job, &err);
        return;
    }
    fields_report_clear(&report);
    fields_default(job);
    FUZZ_CHECK(fields_check(job, NULL, is_local, &report, &err) == 0);
    fields_report_clear(&report);
    check_spec(job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(yaml_places) struct yaml_places *places = NULL;
    AUTO(cJSON) cJSON *job = NULL;
    struct err err = { 0 };

    if (yaml_parse(&job, &places, (const char *)data, size, &err) < 0)
        return 0;
    check_job(job, places, true);
    check_job(job, places, false);
    return 0;
}

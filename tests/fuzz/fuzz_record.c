/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything that comes back from Redis, pods and the work store: records, beats, failures and
 * encoder facts.
 */
#include "tests/fuzz/fuzz.h"

#include "common/auto.h"
#include "common/contract/record.h"

#include <string.h>

#define TOKEN "00112233445566778899aabbccddeeff"

static void record(const char *text, size_t size)
{
    struct record record, back;
    AUTO_FREE char *signed_text = NULL;
    struct err err = { 0 };

    /* Nobody guesses a mac. */
    FUZZ_CHECK(record_parse(&record, text, size, "ff", &err) < 0);
    FUZZ_CHECK(err.code == ERR_INTERNAL || err.code == ERR_CONFLICT);
    if (record_parse(&record, text, size, NULL, &err) < 0)
        return;
    signed_text = record_format(&record, TOKEN);
    FUZZ_CHECK(strlen(signed_text) <= RECORD_MAX_BYTES);
    FUZZ_CHECK(record_parse(&back, signed_text, strlen(signed_text), TOKEN, &err) == 0);
    FUZZ_CHECK(back.frames == record.frames && back.id.index == record.id.index);
    FUZZ_CHECK(strcmp(back.object, record.object) == 0);
}

static void beat(const char *text, size_t size)
{
    struct beat beat, back;
    AUTO_FREE char *signed_text = NULL;
    struct err err = { 0 };

    if (beat_parse(&beat, text, size, NULL, &err) < 0)
        return;
    signed_text = beat_format(&beat, TOKEN);
    FUZZ_CHECK(beat_parse(&back, signed_text, strlen(signed_text), TOKEN, &err) == 0);
    FUZZ_CHECK(back.progress == beat.progress && strcmp(back.step, beat.step) == 0);
}

static void failure(const char *text, size_t size)
{
    enum attempt_class cls, again;
    char message[240], message_again[240];
    AUTO_FREE char *printed = NULL;

    if (failure_parse(&cls, message, text, size) < 0)
        return;
    printed = failure_format(cls, message);
    FUZZ_CHECK(strlen(printed) <= RECORD_MAX_BYTES);
    FUZZ_CHECK(failure_parse(&again, message_again, printed, strlen(printed)) == 0);
    FUZZ_CHECK(again == cls && strcmp(message, message_again) == 0);
}

static void facts(const char *text, size_t size)
{
    struct encoder_facts facts, back;
    AUTO_FREE char *printed = NULL;
    struct err err = { 0 };

    if (encoder_facts_parse(&facts, text, size, &err) < 0)
        return;
    printed = encoder_facts_format(&facts);
    FUZZ_CHECK(encoder_facts_parse(&back, printed, strlen(printed), &err) == 0);
    FUZZ_CHECK(encoder_facts_compare(&facts, &back, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    record(text, size);
    beat(text, size);
    failure(text, size);
    facts(text, size);
    return 0;
}

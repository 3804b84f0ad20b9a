/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/convert/commit.h"

#include "common/failpoint.h"
#include "common/log.h"

#include <string.h>
#include <time.h>

#define FACTS_MAX_BYTES 8192
enum { FACTS_TRIES = 50, FACTS_PAUSE_NS = 100000000 };

/* A record that is there may still not be of this conversion. */
static int check_record(const struct job *job, const struct plan *plan, const struct record *record,
                        struct err *err)
{
    const struct plan_segment *segment = &plan->segments[job->id.index];
    AUTO(store_reader) struct store_reader *file = NULL;

    if (strcmp(record->uid, job->uid) != 0)
        return err_set(err, ERR_CONFIG, "the work folder is of another job (%s)", record->uid);
    if (record->id.stage != STAGE_CONVERT || record->id.index != job->id.index ||
        record->start_pts != segment->start_pts || record->end_pts != segment->end_pts ||
        record->frames != segment->frames || record->pts_crc != segment->pts_crc)
        return err_set(err, ERR_INTERNAL, "the record of segment %u is not of this plan",
                       job->id.index);
    if (store_reader_open(&file, job->store, record->object, err) < 0) {
        if (err->code == ERR_NOT_FOUND)
            err->code = ERR_INTERNAL;
        return err_wrap(err, "segment %u is recorded as done, but its file", job->id.index);
    }
    if (store_reader_stat(file)->size != record->bytes)
        return err_set(err, ERR_INTERNAL, "%s has %llu bytes, its record says %llu", record->object,
                       (unsigned long long)store_reader_stat(file)->size,
                       (unsigned long long)record->bytes);
    return 0;
}

int commit_find(const struct job *job, const struct plan *plan, struct record *out, bool *found,
                struct err *err)
{
    struct err why;

    *found = false;
    if (job_find_record(out, job->store, plan, job->id.index, &why) < 0) {
        if (why.code == ERR_NOT_FOUND)
            return 0;
        *err = why;
        return -1;
    }
    if (check_record(job, plan, out, err) < 0)
        return -1;
    *found = true;
    return 0;
}

static int compare_facts(const struct job *job, const struct encoder_facts *facts, struct err *err)
{
    AUTO_BUF struct buf text;
    struct encoder_facts first;

    buf_init(&text, FACTS_MAX_BYTES);
    if (store_get(job->store, NAME_ENCODER, FACTS_MAX_BYTES, &text, err) < 0)
        return -1;
    if (encoder_facts_parse(&first, text.data ? text.data : "", text.len, err) < 0)
        return err_wrap(err, NAME_ENCODER);
    return encoder_facts_compare(&first, facts, err);
}

/* One way to have them: as found, as written, or ERR_CONFLICT when another is at it. */
static int facts_agree(const struct job *job, const struct encoder_facts *facts, const char *text,
                       struct err *err)
{
    if (compare_facts(job, facts, err) == 0)
        return 0;
    if (err->code != ERR_NOT_FOUND)
        return -1;
    if (store_create(job->store, NAME_ENCODER, text, strlen(text), err) < 0)
        return -1;
    (void)FP("convert.facts.after");
    return 0;
}

/* Whoever is first writes them. A server says that another was first before that one's object can
 * be read: then it is looked at again. */
int commit_facts(const struct job *job, const struct encoder_facts *facts, struct err *err)
{
    static const struct timespec pause = { .tv_nsec = FACTS_PAUSE_NS };
    AUTO_FREE char *text = encoder_facts_format(facts);
    struct err why = { .code = ERR_NONE };

    for (int i = 0; i < FACTS_TRIES && !(job->should_stop && *job->should_stop); i++) {
        if (facts_agree(job, facts, text, &why) == 0)
            return 0;
        if (why.code != ERR_CONFLICT)
            break;
        (void)nanosleep(&pause, NULL);
    }
    if (why.code == ERR_NONE)
        return err_set(err, ERR_INTERRUPTED, "stopped");
    if (why.code == ERR_CONFLICT)
        why.code = ERR_DEPENDENCY;
    *err = why;
    return -1;
}

int commit_open_file(const struct job *job, const char *key, struct store_writer **out,
                     struct err *err)
{
    struct err why;

    if (store_writer_open(out, job->store, key, &why) == 0)
        return 0;
    if (why.code == ERR_CONFLICT) {
        if (store_remove(job->store, key, err) < 0)
            return -1;
        return store_writer_open(out, job->store, key, err);
    }
    *err = why;
    return -1;
}

/* The record exists: whose is it? */
static int settle(const struct job *job, const struct plan *plan, struct record *record,
                  struct err *err)
{
    struct record first;

    if (job_find_record(&first, job->store, plan, job->id.index, err) < 0)
        return -1;
    if (strcmp(first.object, record->object) == 0 && strcmp(first.sha256, record->sha256) == 0) {
        *record = first;
        return 0; /* our own: the answer to our writing was lost */
    }
    if (check_record(job, plan, &first, err) < 0)
        return -1;
    log_info("segment %u was finished first by epoch %u, attempt %u", job->id.index, first.id.epoch,
             first.id.attempt);
    if (strcmp(first.object, record->object) != 0 &&
        store_remove(job->store, record->object, err) < 0)
        return -1;
    *record = first;
    return 0;
}

int commit_segment(const struct job *job, const struct plan *plan, struct store_writer *file,
                   struct record *record, struct err *err)
{
    AUTO_FREE char *text = NULL;
    char key[NAME_KEY_SIZE];
    struct err why;

    record->bytes = store_writer_size(file);
    record->crc32c = store_writer_crc32c(file);
    if (FP("convert.commit.before"))
        return err_set(err, ERR_INTERNAL, "failpoint convert.commit.before");
    if (store_writer_commit(file, record->sha256, err) < 0) {
        if (err->code == ERR_CONFLICT) /* a double of this very attempt; one of both is right */
            err->code = ERR_DEPENDENCY;
        return err_wrap(err, "writing the segment");
    }
    if (FP("convert.commit.after"))
        return err_set(err, ERR_INTERNAL, "failpoint convert.commit.after");
    text = record_format(record, job->token_hex);
    if (plan->store_races)
        name_record_of(key, &job->id);
    else
        name_record(key, job->id.index);
    if (store_create(job->store, key, text, strlen(text), &why) == 0) {
        if (FP("convert.record.after"))
            return err_set(err, ERR_INTERNAL, "failpoint convert.record.after");
        return 0;
    }
    if (why.code == ERR_CONFLICT && plan->store_races)
        return 0; /* a double of this very attempt, or our own answer lost: as good as ours */
    if (why.code == ERR_CONFLICT)
        return settle(job, plan, record, err);
    *err = why; /* the file stays: the record may have come into being all the same */
    return err_wrap(err, "%s", key);
}

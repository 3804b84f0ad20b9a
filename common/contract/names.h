/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h - every name that two programs must agree on: stages, pods, store keys, Redis keys,
 * labels, annotations, environment. Pure.
 */
#ifndef CONTRACT_NAMES_H
#define CONTRACT_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum stage { STAGE_PLAN, STAGE_CONVERT, STAGE_ASSEMBLE, STAGE_CLEAN };
const char *stage_name(enum stage stage); /* "plan", "convert", "assemble", "clean"; the verb */
int stage_of_name(enum stage *out, const char *name); /* 0, or -1 when not known */

/* Who an attempt is. index is 0 for stages other than convert. */
struct attempt_id {
    enum stage stage;
    uint32_t index;
    uint32_t epoch;   /* +1 at each observed retry and each resume */
    uint32_t attempt; /* ordinal within the epoch, from 0 */
};

#define NAME_UID_SIZE 40
#define NAME_POD_SIZE 64
#define NAME_KEY_SIZE 128

/* "<job name, at most 30 chars>-<first 8 of uid>-c00007-e1-a0" (p, c, a, x for the stages). */
void name_pod(char out[NAME_POD_SIZE], const char *job_name, const char *uid,
              const struct attempt_id *id);

/* Store keys, relative to the work URI. */
#define NAME_PLAN    "plan.json"
#define NAME_ENCODER "encoder.json"
void name_record(char out[NAME_KEY_SIZE], uint32_t index); /* "segments/00007.json" */
/* Where a store cannot create once (plan.store_races) each attempt has a record of its own:
 * "segments/00007.e1-a0.json". The operator counts the index when the first is reported; all of
 * them are good, and whoever reads takes the one of the lowest epoch and attempt. */
void name_record_of(char out[NAME_KEY_SIZE], const struct attempt_id *id);
void name_records(char out[NAME_KEY_SIZE], uint32_t index); /* what they begin with */
void name_segment(char out[NAME_KEY_SIZE], const struct attempt_id *id);
/* "segments/00007/e1-a0.nut" */
void name_piece(char out[NAME_KEY_SIZE], const struct attempt_id *id, uint32_t index);
/* "pieces/00007/e0-a0.nut", mode Copy */

/* Redis. A done or beat field is "plan", "assemble", or the segment's index in decimal. */
#define NAME_CHANNEL_DONE "sj:done"
void name_redis_done(char out[NAME_KEY_SIZE], const char *uid); /* "sj:{uid}:done" */
void name_redis_beat(char out[NAME_KEY_SIZE], const char *uid); /* "sj:{uid}:beat" */
void name_field(char out[16], const struct attempt_id *id);

/* Environment of a worker. */
#define ENV_JOB_NAME        "STEREO_JOB_NAME"
#define ENV_JOB_UID         "STEREO_JOB_UID"
#define ENV_SPEC            "STEREO_SPEC"  /* the defaulted StereoJob spec, JSON */
#define ENV_INDEX           "STEREO_INDEX" /* decimal */
#define ENV_EPOCH           "STEREO_EPOCH"
#define ENV_ATTEMPT         "STEREO_ATTEMPT"
#define ENV_WORK_URI        "STEREO_WORK_URI"
#define ENV_BUILD           "STEREO_BUILD"     /* the build the job was planned with, or absent */
#define ENV_TRACK_URL       "STEREO_TRACK_URL" /* empty or absent: no tracking */
#define ENV_TRACK_PASSWORD  "STEREO_TRACK_PASSWORD"
#define ENV_TRACK_TOKEN     "STEREO_TRACK_TOKEN"     /* hex; the HMAC key of this job's records */
#define ENV_TERMINATION_LOG "STEREO_TERMINATION_LOG" /* default /dev/termination-log */
#define ENV_SCRATCH         "STEREO_SCRATCH"         /* an emptyDir */
#define ENV_BEAT_MS         "STEREO_BEAT_MS"         /* heartbeat interval; default 5000 */
#define ENV_FAIL            "STEREO_FP"              /* failpoints, test builds only */

/* Keys of an S3 Secret, as the worker finds them: one of the three prefixes and one of the endings
 * ("STEREO_OUTPUT_ACCESS_KEY_ID"). Without an access key under a prefix, AWS_* of the pod (web
 * identity, container credentials, instance metadata). */
#define ENV_SOURCE_PREFIX "STEREO_SOURCE_"
#define ENV_OUTPUT_PREFIX "STEREO_OUTPUT_"
#define ENV_WORK_PREFIX   "STEREO_WORK_"
#define ENV_S3_KEY_ID     "ACCESS_KEY_ID"     /* Secret key AWS_ACCESS_KEY_ID */
#define ENV_S3_SECRET     "SECRET_ACCESS_KEY" /* AWS_SECRET_ACCESS_KEY */
#define ENV_S3_TOKEN      "SESSION_TOKEN"     /* AWS_SESSION_TOKEN, optional, as all below */
#define ENV_S3_REGION     "REGION"            /* AWS_REGION */
#define ENV_S3_ENDPOINT   "ENDPOINT_URL"      /* AWS_ENDPOINT_URL */
#define ENV_S3_STYLE      "ADDRESSING_STYLE"  /* AWS_S3_ADDRESSING_STYLE: path, virtual, auto */
#define ENV_CA_FILE       "STEREO_CA_FILE" /* PEM, in addition to nothing: replaces the system's */
#define NAME_CLAIM_MOUNT  "/pvc"           /* pvc://CLAIM/a/b is /pvc/CLAIM/a/b in a worker */

/* The track Secret's keys. */
#define SECRET_URL      "url"
#define SECRET_PASSWORD "password"
#define SECRET_TOKEN    "token"

/* Labels and annotations. */
#define NAME_FINALIZER "stereojob.io/tracking"
/* What is ours: every pod and Secret that the operator makes. */
#define LABEL_MANAGED          "app.kubernetes.io/managed-by"
#define MANAGED_BY             "stereo-operator"
#define LABEL_JOB              "stereojob.io/job"
#define LABEL_UID              "stereojob.io/job-uid"
#define LABEL_STAGE            "stereojob.io/stage"
#define LABEL_INDEX            "stereojob.io/index"
#define ANNOTATION_EPOCH       "stereojob.io/epoch"
#define ANNOTATION_ATTEMPT     "stereojob.io/attempt"
#define ANNOTATION_FAILURES    "stereojob.io/failures"
#define ANNOTATION_INTERRUPTED "stereojob.io/interruptions"
#define ANNOTATION_MEMORY      "stereojob.io/memory-percent" /* 100, 150, 225 */
#define ANNOTATION_STORAGE     "stereojob.io/storage-percent"
#define ANNOTATION_VERDICT     "stereojob.io/verdict" /* a class name: why we delete it; overrules */
#define ANNOTATION_RETRY       "stereojob.io/retry"   /* on the StereoJob: TOKEN[:7,9-11] */
#define ANNOTATION_DISCARD     "stereojob.io/discard" /* on the StereoJob: any value */
#endif

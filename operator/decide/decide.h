/* SPDX-License-Identifier: Apache-2.0
 *
 * decide.h - the policy of a StereoJob: from what is wanted and what is seen, to what is done next
 * and what the status says. Level-triggered and pure: no clock (now comes in), no I/O, nothing
 * remembered between calls. Calling it twice on the same input gives the same answer; once the
 * actions are carried out and seen, it asks for nothing more.
 *
 *   Pending -> Planning -> Converting -> Assembling -> Completed
 *      any of these -> Suspended -> (resume: epoch + 1) -> where the facts say
 *      any of these -> Failed    -> (retry:  epoch + 1) -> where the facts say
 *      any of these -> Cancelled
 *
 * The rules are a table in decide.c, read top to bottom. Times are Unix milliseconds.
 */
#ifndef OPERATOR_DECIDE_H
#define OPERATOR_DECIDE_H

#include "common/contract/class.h"
#include "common/contract/names.h"
#include "common/contract/record.h"
#include "common/contract/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum phase {
    PHASE_PENDING,
    PHASE_PLANNING,
    PHASE_CONVERTING,
    PHASE_ASSEMBLING,
    PHASE_COMPLETED,
    PHASE_FAILED,
    PHASE_SUSPENDED,
    PHASE_CANCELLED,
};
#define PHASE_COUNT 8
const char *phase_name(enum phase phase); /* "Pending"; static */
int phase_of_name(enum phase *out, const char *name);

#define DECIDE_MAX_DEAD_LETTERS 20
#define DECIDE_TEXT             201 /* 200 characters of last words */
#define DECIDE_NODE             64

struct dead_letter {
    struct attempt_id id; /* of the last attempt */
    enum attempt_class cls;
    int64_t at_ms;
    char message[DECIDE_TEXT];
};

enum condition {                            /* each True, False or absent */
                 CONDITION_DEGRADED,        /* tracking is away */
                 CONDITION_WAITING_FOR_GPU, /* unschedulable, with the scheduler's words */
                 CONDITION_UNSCHEDULABLE,   /* the same, and it is not for want of a GPU */
                 CONDITION_IMAGE_PULL_FAILED,
                 CONDITION_INVALID_VOLUME, /* a claim that several nodes cannot share */
};
#define CONDITION_COUNT 5
const char *condition_name(enum condition condition);

/* The job's status as it is stored; small enough for one object. */
struct job_status {
    enum phase phase;
    char reason[40];   /* CamelCase, of the phase */
    char message[400]; /* for people */
    uint32_t epoch;
    char observed_retry[128]; /* the last retry annotation acted on */
    int64_t start_ms;         /* first pass; 0 = never */
    int64_t epoch_start_ms;   /* since when this epoch runs, or since when it is Suspended */
    int64_t suspended_ms;     /* not counted by activeDeadlineSeconds: all time spent suspended, and
                                 everything before the last retry of a Failed job */
    int64_t completion_ms;
    char worker_image[256]; /* of all its pods, from the first on: results of two builds do not mix;
                               "" on one machine */
    bool planned;           /* plan below is filled */
    struct record plan;     /* the plan stage's record */
    uint8_t *completed;     /* owned; plan.segments bytes, 1 = its index is done */
    uint8_t *failed;        /* owned; plan.segments bytes, 1 = dead letter */
    bool assembled;
    struct record output; /* the assemble stage's record */
    struct dead_letter dead[DECIDE_MAX_DEAD_LETTERS];
    uint32_t dead_count;
    uint32_t failed_pods, interrupted_pods; /* counted once each: attempts that ended so */
    /* Of those, the ones whose index is done or given up, or whose epoch is over; the rest is read
     * off the pods. Stored, so that no crash counts an attempt twice or never. */
    uint32_t settled_failed_pods, settled_interrupted_pods;
    uint32_t memory_percent; /* of every new pod; 0 = not raised (100); raised by OOMKilled */
    struct {
        bool set, is_true;
        int64_t since_ms;
        char reason[40], message[200];
    } conditions[CONDITION_COUNT];
};
void job_status_clear(struct job_status *status); /* frees the owned arrays, zeroes the rest */
void job_status_copy(struct job_status *to, const struct job_status *from); /* to is overwritten */

enum pod_phase { POD_PENDING, POD_RUNNING, POD_SUCCEEDED, POD_FAILED };
enum pod_waiting { POD_WAITING_NONE, POD_UNSCHEDULABLE, POD_IMAGE_PULL, POD_CONFIG_ERROR };

/* One pod of this job as observed. */
struct pod_view {
    struct attempt_id id;
    char name[NAME_POD_SIZE];
    enum pod_phase phase;
    enum pod_waiting waiting; /* while Pending */
    char waiting_message[200];
    int64_t waiting_since_ms;
    int64_t created_ms, started_ms, finished_ms; /* 0 = not yet */
    /* When its deletion was asked for (deletionTimestamp less its grace); 0 = it was not. */
    int64_t deletion_ms;
    int64_t grace_ms;
    bool has_finalizer;         /* ours */
    bool has_record;            /* its termination message is a done record with a right mac */
    struct record record;       /* valid if has_record */
    enum attempt_class cls;     /* valid when Failed (class from exit, reason, conditions), or
                                   Succeeded without a record (INTERNAL) */
    char message[DECIDE_TEXT];  /* last words */
    bool has_verdict;           /* annotation ANNOTATION_VERDICT: we judged it and deleted it for */
    enum attempt_class verdict; /* this; overrules cls, not a done record */
    /* carried by annotations: what had happened before this attempt, in this epoch */
    uint32_t failures, interruptions;
    uint32_t memory_percent, storage_percent;
    char node[DECIDE_NODE]; /* where it was bound, "" = nowhere (or its name is no label) */
    /* heartbeat, if tracking knows one of this very attempt */
    int64_t progress_ms; /* when its progress counter last moved; 0 = never */
};

/* What is true now. Arrays are borrowed from the caller. */
struct observed {
    int64_t now_ms;
    const char *uid;   /* the job's: records of another are ignored; NULL: not checked */
    bool deleted;      /* the StereoJob has a deletionTimestamp */
    const char *retry; /* annotation, or NULL */
    bool discard;
    const char *gpu; /* the resource that a converting pod asks for, "nvidia.com/gpu"; NULL: none */
    const char *volume_problem;  /* why no pod may be started on the job's claims; NULL: they fit */
    const struct pod_view *pods; /* all pods of the job, any order */
    size_t pod_count;
    /* tracking (Redis) */
    int64_t tracking_up_ms;   /* since when it answers; 0 = it is away */
    int64_t tracking_away_ms; /* since when it is away; 0 = not known (the job's start is taken) */
    const char *tracking_error; /* why it is away; NULL or "": not known */
    bool tracking_wanted;       /* false where there is none by choice */
    const struct record *done;  /* records with a right mac, any order, any stage */
    size_t done_count;
    int64_t tracking_away_grace_ms; /* how long away before Degraded says so */
    /* How long the pod of a done attempt may stay while others are busy, at least: what is urgent
     * comes before tidying up. 0: it goes at once, and all go at once. */
    int64_t tidy_ms;
};

enum action_kind { ACTION_CREATE, ACTION_DELETE, ACTION_RELEASE };

struct action {
    enum action_kind kind;
    struct attempt_id id;
    char pod[NAME_POD_SIZE]; /* DELETE and RELEASE: which; CREATE: empty (a function of id) */
    uint32_t failures, interruptions; /* CREATE: annotations of the new pod */
    uint32_t memory_percent, storage_percent;
    char avoid_node[DECIDE_NODE]; /* CREATE: rather not there, where the last attempt's GPU failed;
                                     "" = anywhere */
    bool has_verdict; /* DELETE: first write class_name(verdict) to ANNOTATION_VERDICT */
    enum attempt_class verdict;
    bool together; /* DELETE: every pod of its segment that has Succeeded goes so, and none has our
                      finalizer by then: a selector of segments and phase finds no other */
    const char *reason; /* CamelCase, static: "Stalled", "Suspended", "Counted", ... */
};

struct decision {
    struct job_status status; /* owned; what should be stored. Written BEFORE actions that depend
                                 on it: order is status, releases, deletes, creates. A pod may
                                 be released and deleted in the pass that first counts it,
                                 because nothing is done when the status write fails */
    bool status_changed;
    struct action *actions; /* owned */
    size_t action_count;
    bool expired;    /* over for longer than ttlSecondsAfterFinished: delete the StereoJob, of this
                        resourceVersion only, so that no retry is lost; not on one machine */
    int64_t wake_ms; /* look again at this time even if nothing happens; 0 = never */
};
void decision_clear(struct decision *decision);

#define DECIDE_BACKOFF_FIRST_MS        5000
#define DECIDE_BACKOFF_CAP_MS          300000
#define DECIDE_INTERRUPTIONS_FREE      3 /* within ten minutes, then backoff */
#define DECIDE_INTERRUPTIONS_LIMIT     50
#define DECIDE_CONFIG_ERROR_WAIT_MS    60000
#define DECIDE_LOST_POD_GRACE_MS       30000 /* after deletionTimestamp + grace */
#define DECIDE_INTERRUPTIONS_WINDOW_MS 600000
#define DECIDE_RETENTION_MS            3600000 /* a failed pod is kept for its log so long at most */
#define DECIDE_TIDY_LOT                100     /* pods of done attempts that go in one pass */
#define DECIDE_TIDY_STEP_MS            5000    /* those that end within it go together */
#define DECIDE_RESOURCE_STEP           150     /* percent of the last, each time */
#define DECIDE_RESOURCE_CAP            400     /* percent */

/* now's status in, the decision out (owned by the caller). Small allocations abort; there is no
 * way to fail. spec is checked and defaulted. */
void decide(struct decision *out, const struct job_spec *spec, const struct job_status *status,
            const struct observed *seen);

/* Backoff before the next attempt after `failures` counted failures (>= 1) of class cls, ms. */
int64_t decide_backoff_ms(enum attempt_class cls, uint32_t failures);
#endif

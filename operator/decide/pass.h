/* SPDX-License-Identifier: Apache-2.0
 *
 * pass.h - what one call of decide works on: the input, the status that grows, and for every
 * (stage, index) the pods that matter. A slot is one (stage, index); it is closed when its work is
 * done or given up, and then needs no pod.
 */
#ifndef OPERATOR_DECIDE_PASS_H
#define OPERATOR_DECIDE_PASS_H

#include "operator/decide/decide.h"

struct slot {
    const struct pod_view *newest; /* of this epoch, by attempt, over or not; NULL: none is seen */
    const struct pod_view *live;   /* newest that is neither over nor being deleted, any epoch */
    bool occupied;                 /* a pod of any epoch is not over: no other may be made */
};

struct pass {
    const struct job_spec *spec; /* borrowed, as was and seen */
    const struct job_status *was;
    const struct observed *seen;
    struct job_status *next;
    int64_t now_ms;
    struct slot *slots; /* owned: plan, assemble, convert 0, 1, ... (once planned) */
    uint32_t slot_count;
    uint32_t completed, failed; /* how many of next's indexes are so */
    uint32_t live_converts;     /* not over, of any index */
    bool restarted;             /* a resume or a retry began a new epoch in this pass */
    int64_t wake_ms;            /* earliest asked for; 0 = none */
};

/* Look again at at_ms, if that is still to come. */
void pass_wake(struct pass *pass, int64_t at_ms);

/* slots.c: sorts all pods into slots for next->epoch; may be called again. */
void slots_build(struct pass *pass);
void slots_clear(struct pass *pass);
/* NULL: not a slot of this job (not planned, no such index, stage clean). */
struct slot *slots_find(const struct pass *pass, enum stage stage, uint32_t index);
/* Whose slot k (0 .. slot_count - 1) is. */
void slots_name(uint32_t k, enum stage *stage, uint32_t *index);
bool slot_is_closed(const struct job_status *status, enum stage stage, uint32_t index);

/* slots.c: what a pod's view says of its life. */
bool pod_is_terminal(const struct pod_view *pod);
/* Terminal, or so long overdue (lost node) or so early (never on a node) that nothing runs. */
bool pod_is_over(const struct pod_view *pod, int64_t now_ms);
int64_t pod_lost_ms(const struct pod_view *pod); /* when a pod being deleted counts as lost */
/* When it ended, for a pod that is over; never in the future. */
int64_t pod_end_ms(const struct pod_view *pod, int64_t now_ms);

/* attempts.c: what became of a slot's attempts in this epoch. */
struct chain {
    bool ended;                       /* the newest attempt is over */
    bool fatal;                       /* and no other will follow: a dead letter */
    enum attempt_class cls;           /* its class, when ended */
    uint32_t failures, interruptions; /* the newest attempt included, when ended */
    uint32_t storage_percent;         /* for the next attempt */
    int64_t ready_ms;                 /* not before this time, when ended */
};
struct chain chain_of(const struct pass *pass, const struct slot *slot);
enum attempt_class attempt_class_of(const struct pass *pass, const struct pod_view *pod);
/* A done record that may be believed for this stage and index. */
bool attempt_record_counts(const struct pass *pass, const struct record *record);
/* The memory that every new pod of the job gets, percent. */
uint32_t attempts_memory_percent(const struct pass *pass);

/* count.c: what is done. */
void count_done(struct pass *pass);
/* Adds a slot's chain to the settled counters: its index is closed or its epoch ends. */
void count_settle(struct pass *pass, const struct slot *slot);
void count_settle_open(struct pass *pass);
void count_pods(struct pass *pass); /* failed_pods and interrupted_pods as shown */

/* letters.c: what is given up, and taken up again. */
void letters_bury(struct pass *pass);    /* dead letters of attempts that ended or wait in vain */
void letters_observe(struct pass *pass); /* resume and retry: a new epoch */
void letters_describe(const struct pass *pass, enum stage stage, char *out, size_t size);

/* judge.c: live pods that shall not go on, and conditions. */
struct judgement {
    const char *reason; /* NULL: go on */
    bool has_verdict;
    enum attempt_class verdict;
};
struct judgement judge_live(struct pass *pass, const struct pod_view *pod);
/* A pod that waits in vain: true and why, for a dead letter. */
bool judge_pending(struct pass *pass, const struct pod_view *pod, char *why, size_t size);
void judge_conditions(struct pass *pass);

/* acts.c: the actions for next->phase. */
void acts_build(struct pass *pass, struct decision *out);
#endif

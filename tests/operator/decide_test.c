/* SPDX-License-Identifier: Apache-2.0
 *
 * decide_test.c - the policy as a table: one row a rule. Every row is also called twice (same
 * answer), with its pods in reverse (same status), and on its own status (the status stands, the
 * actions that a crash left out are asked for again).
 */
#include "tests/common/check.h"
#include "tests/operator/decide_text.h"

#include "common/ranges.h"
#include "operator/decide/status.h"

#include <stdlib.h>

#define NOW INT64_C(1700000000000)

struct row {
    const char *name;
    struct job_spec spec;  /* 0 is the default: parallelism 2, stall_s 120, pod_retention 3 */
    uint32_t limit;        /* backoffLimitPerIndex + 1; 0 is the default 3 */
    struct job_status was; /* negative times are relative to NOW; started 100 s ago unless fresh */
    bool fresh;
    uint32_t n;                            /* segments; 0 = not planned */
    const char *completed, *failed, *dead; /* dead: "p" or "a" */
    struct observed seen;                  /* negative times are relative to NOW */
    const char *pods, *done;
    enum phase phase;
    const char *acts;
    const char *reason, *say;                 /* say: a part of the message */
    const char *want_completed, *want_failed; /* NULL: as before */
    const char *conditions;                   /* "Degraded+ WaitingForGPU-" */
    int64_t wake;                             /* from NOW; 0 = not checked, -1 = none */
    uint32_t epoch_up, failed_pods, interrupted_pods, memory;
    bool expired;
};

#define PLANNED .n = 3, .was = { .phase = PHASE_CONVERTING }
#define UP      .tracking_wanted = true, .tracking_up_ms = -1000000

static const struct row plan_rows[] = {
    { .name = "a new job plans",
      .fresh = true,
      .phase = PHASE_PENDING,
      .acts = "+p/0/0",
      .reason = "Accepted" },
    { .name = "a plan that waits is Pending",
      .pods = "p pend",
      .phase = PHASE_PENDING,
      .acts = "" },
    { .name = "a plan that runs is Planning",
      .pods = "p run",
      .phase = PHASE_PLANNING,
      .acts = "",
      .reason = "ReadingSource" },
    { .name = "Planning does not fall back to Pending",
      .was = { .phase = PHASE_PLANNING },
      .pods = "p pend n1 f1; p fail:Internal",
      .phase = PHASE_PLANNING,
      .acts = "~p/0/0",
      .failed_pods = 1 },
    { .name = "a plan seen by its pod starts the converts in the same pass",
      .was = { .phase = PHASE_PLANNING },
      .pods = "p ok",
      .phase = PHASE_CONVERTING,
      .acts = "~p/0/0; -p/0/0:Finished; +c0/0/0; +c1/0/0",
      .want_completed = "",
      .reason = "SegmentsPending",
      .say = "0 of 3 segments are done" },
    { .name = "a plan seen by tracking is as good",
      .pods = "p run",
      .done = "p",
      .phase = PHASE_CONVERTING,
      .acts = "+c0/0/0; +c1/0/0",
      .want_completed = "" },
    { .name = "a plan without a record failed internally",
      .pods = "p empty T-1000",
      .phase = PHASE_PLANNING,
      .acts = "+p/0/1 f1",
      .failed_pods = 1 },
    { .name = "no film: the plan's dead letter fails the job",
      .pods = "p fail:Input",
      .phase = PHASE_FAILED,
      .acts = "~p/0/0",
      .reason = "PlanFailed",
      .say = "plan: Input: last words",
      .failed_pods = 1 },
    { .name = "everything known at once: plan, segments and output",
      .done = "p c0 c1 c2 a",
      .phase = PHASE_COMPLETED,
      .acts = "",
      .want_completed = "0-2" },
};

static const struct row convert_rows[] = {
    { PLANNED, .name = "parallelism caps the live pods", .pods = "c0 run",
      .phase = PHASE_CONVERTING, .acts = "+c1/0/0" },
    { PLANNED, .name = "no more pods than segments left", .spec = { .parallelism = 9 },
      .completed = "1", .phase = PHASE_CONVERTING, .acts = "+c0/0/0; +c2/0/0" },
    { PLANNED, .name = "a pod being deleted is live for its index and for the cap",
      .pods = "c0 run D-1000", .phase = PHASE_CONVERTING, .acts = "+c1/0/0", .wake = 39000 },
    { PLANNED, .name = "a pod past its grace and 30 s is lost, its successor uncounted",
      .pods = "c0 run D-40000", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 i1; +c1/0/0",
      .interrupted_pods = 1 },
    { PLANNED, .name = "the second before it is not lost", .pods = "c0 run D-39999; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .wake = 1 },
    { PLANNED, .name = "a pod that never had a node is over once it is being deleted",
      .pods = "c0 unsched D-10; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 i1",
      .interrupted_pods = 1 },
    { PLANNED, .name = "a pod that vanished is replaced", .pods = "c1 run",
      .phase = PHASE_CONVERTING, .acts = "+c0/0/0" },
    { PLANNED, .name = "a done pod is counted, released and deleted", .pods = "c0 ok; c1 run",
      .phase = PHASE_CONVERTING, .acts = "~c0/0/0; -c0/0/0:Finished&; +c2/0/0",
      .want_completed = "0", .say = "1 of 3" },
    { PLANNED, .name = "where others are busy a done pod may stay a minute",
      .seen = { .tidy_ms = 60000 }, .pods = "c0 ok T-59000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c2/0/0", .want_completed = "0", .wake = 5000 },
    { PLANNED, .name = "then it goes", .seen = { .tidy_ms = 60000 }, .completed = "0",
      .pods = "c0 ok T-65000; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0; -c0/0/0:Finished&" },
    { PLANNED, .name = "it does not hold up who deletes it", .seen = { .tidy_ms = 60000 },
      .completed = "0", .pods = "c0 ok D-10; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0" },
    { PLANNED, .name = "what failed does not stay for it", .seen = { .tidy_ms = 60000 },
      .completed = "2", .pods = "c0 fail:Internal; c0 n1 f1 run; c1 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0", .failed_pods = 1 },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "nobody is busy when the job is over",
      .seen = { .tidy_ms = 60000 },
      .completed = "0-2",
      .pods = "c2 ok; a ok",
      .phase = PHASE_COMPLETED,
      .acts = "~c2/0/0; ~a/0/0; -c2/0/0:Finished&; -a/0/0:Finished" },
    { PLANNED, .name = "what has Succeeded and stays is not deleted with another of its segment",
      .completed = "0,1", .pods = "c0 ok; c0 n1 empty nofin; c1 ok; c2 run",
      .phase = PHASE_CONVERTING, .acts = "~c0/0/0; ~c1/0/0; -c0/0/0:Finished; -c1/0/0:Finished&" },
    { PLANNED, .name = "a pod that failed is no reason not to", .completed = "0",
      .pods = "c0 fail:Internal nofin; c0 n1 f1 ok; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/1; -c0/0/1:Finished&" },
    { PLANNED, .name = "a done record counts before its pod ends", .pods = "c0 run; c1 run",
      .done = "c0", .phase = PHASE_CONVERTING, .acts = "", .want_completed = "0" },
    { .n = 3,
      .name = "a commit of an old epoch counts",
      .was = { .phase = PHASE_CONVERTING, .epoch = 2 },
      .spec = { .parallelism = 1 },
      .pods = "c0 ok e0",
      .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0; -c0/0/0:Finished&; +c1/2/0",
      .want_completed = "0" },
    { PLANNED, .name = "an index that is not ours is no segment", .done = "c7",
      .pods = "c0 run; c1 run; c9 run", .phase = PHASE_CONVERTING, .acts = "-c9/0/0:NoSuchIndex",
      .want_completed = "" },
    { PLANNED, .name = "a record of another job is ignored", .seen = { .uid = "another" },
      .pods = "c0 run; c1 run", .done = "c0", .phase = PHASE_CONVERTING, .acts = "",
      .want_completed = "" },
    { PLANNED, .name = "a finished pod without finalizer is only deleted", .completed = "0",
      .pods = "c0 ok nofin; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "-c0/0/0:Finished&" },
    { PLANNED, .name = "parallelism fell: the newest stops, uncounted",
      .spec = { .parallelism = 1 }, .pods = "c0 run C-9000; c1 run C-8000",
      .phase = PHASE_CONVERTING, .acts = "-c1/0/0:Surplus!Interrupted" },
    { PLANNED, .name = "a surplus pod that died hard is still uncounted",
      .pods = "c0 fail:Internal v:Interrupted D-500; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 i1", .interrupted_pods = 1 },
    { PLANNED, .name = "of two live pods of one index the older stops", .pods = "c0 run; c0 run n1",
      .phase = PHASE_CONVERTING, .acts = "-c0/0/0:Duplicate" },
    { PLANNED, .name = "the last segment starts the assembly in the same pass", .completed = "0,1",
      .pods = "c2 run", .done = "c2", .phase = PHASE_ASSEMBLING, .acts = "+a/0/0",
      .want_completed = "0-2", .reason = "SegmentsConverted" },
    { PLANNED, .name = "no assembly before the last segment", .completed = "0,1", .pods = "c2 run",
      .phase = PHASE_CONVERTING, .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "the output completes the job",
      .completed = "0-2",
      .pods = "a ok",
      .phase = PHASE_COMPLETED,
      .acts = "~a/0/0; -a/0/0:Finished",
      .reason = "OutputReady" },
    { PLANNED, .name = "an output without all segments is not believed", .completed = "0,1",
      .pods = "c2 run", .done = "a", .phase = PHASE_CONVERTING, .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "a failed assembly is tried again",
      .completed = "0-2",
      .pods = "a fail:Dependency T-6000",
      .phase = PHASE_ASSEMBLING,
      .acts = "+a/0/1 f1",
      .failed_pods = 1 },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "a hopeless assembly fails the job",
      .completed = "0-2",
      .pods = "a fail:Config",
      .phase = PHASE_FAILED,
      .acts = "~a/0/0",
      .reason = "AssembleFailed",
      .say = "assemble: Config: last words",
      .failed_pods = 1 },
};

static const struct row class_rows[] = {
    { PLANNED, .name = "input is a dead letter at once", .completed = "1,2",
      .pods = "c0 fail:Input", .phase = PHASE_FAILED, .acts = "~c0/0/0", .want_failed = "0",
      .reason = "FailedIndexes", .say = "segment 0 failed; segment 0: Input: last words",
      .failed_pods = 1 },
    { PLANNED, .name = "config is a dead letter at once, the others go on",
      .pods = "c0 fail:Config; c1 run", .phase = PHASE_CONVERTING, .acts = "~c0/0/0; +c2/0/0",
      .want_failed = "0", .say = "0 of 3 segments are done, 1 failed", .failed_pods = 1 },
    { PLANNED, .name = "a container that cannot be made waits a minute", .completed = "2",
      .pods = "c0 cfgerr W-59999; c1 run", .phase = PHASE_CONVERTING, .acts = "", .wake = 1 },
    { PLANNED, .name = "then it is a dead letter and its pod goes", .completed = "2",
      .pods = "c0 cfgerr W-60000; c1 run", .phase = PHASE_CONVERTING, .acts = "-c0/0/0:DeadLetter",
      .want_failed = "0" },
    { PLANNED, .name = "dependency waits 5 s", .completed = "2",
      .pods = "c0 fail:Dependency T-4999; c1 run", .phase = PHASE_CONVERTING, .acts = "", .wake = 1,
      .failed_pods = 1 },
    { PLANNED, .name = "and is tried again", .completed = "2",
      .pods = "c0 fail:Dependency T-5000; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1",
      .failed_pods = 1 },
    { PLANNED, .name = "the third time waits 20 s", .completed = "2",
      .pods = "c0 n2 f2 fail:Dependency T-19999; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .wake = 1, .failed_pods = 3 },
    { PLANNED, .name = "the fourth failure is a dead letter",
      .pods = "c0 n3 f3 fail:Dependency; c1 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/3; +c2/0/0", .want_failed = "0", .failed_pods = 4 },
    { PLANNED, .name = "no failure is allowed with a limit of 0", .limit = 1,
      .pods = "c0 fail:Internal; c1 run", .phase = PHASE_CONVERTING, .acts = "~c0/0/0; +c2/0/0",
      .want_failed = "0", .failed_pods = 1 },
    { PLANNED, .name = "internal is tried again at once", .completed = "2",
      .pods = "c0 fail:Internal; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1",
      .failed_pods = 1 },
    { PLANNED, .name = "the second internal waits 5 s", .completed = "2",
      .pods = "c0 n1 f1 fail:Internal; c1 run", .phase = PHASE_CONVERTING, .acts = "", .wake = 4000,
      .failed_pods = 2 },
    { PLANNED, .name = "gpu is counted", .completed = "2", .pods = "c0 fail:GPU T-5000; c1 run",
      .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1", .failed_pods = 1 },
    { PLANNED, .name = "and tried on another node", .completed = "2",
      .pods = "c0 fail:GPU T-5000 @gpu-1; c1 run @gpu-1", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 f1 @gpu-1", .failed_pods = 1 },
    { PLANNED, .name = "only the last node is avoided", .completed = "2",
      .pods = "c0 fail:GPU T-50000 @gpu-1 nofin; c0 n1 f1 fail:GPU T-20000 @gpu-2; c1 run",
      .phase = PHASE_CONVERTING, .acts = "+c0/0/2 f2 @gpu-2", .failed_pods = 2 },
    { PLANNED, .name = "what is not the GPU's fault may go anywhere", .completed = "2",
      .pods = "c0 fail:Interrupted @gpu-1; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 i1",
      .interrupted_pods = 1 },
    { PLANNED, .name = "space gets half as much again, for this index",
      .pods = "c0 fail:Space T-5000", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1 z150; +c1/0/0",
      .failed_pods = 1 },
    { PLANNED, .name = "storage is capped", .completed = "2",
      .pods = "c0 fail:Space T-5000 z337; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 f1 z400", .failed_pods = 1 },
    { PLANNED, .name = "memory is raised for the whole job", .pods = "c0 fail:OOMKilled T-5000",
      .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1 m150; +c1/0/0 m150", .failed_pods = 1,
      .memory = 150 },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING, .memory_percent = 225 },
      .completed = "2",
      .name = "it never falls",
      .pods = "c0 fail:OOMKilled T-5000; c1 run",
      .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 f1 m225",
      .failed_pods = 1,
      .memory = 225 },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING, .memory_percent = 225 },
      .pods = "c1 run",
      .name = "and stays raised when no pod shows it",
      .phase = PHASE_CONVERTING,
      .acts = "+c0/0/0 m225",
      .memory = 225 },
    { PLANNED, .name = "memory is capped", .completed = "2",
      .pods = "c0 fail:OOMKilled T-5000 m337; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 f1 m400", .failed_pods = 1, .memory = 400 },
    { PLANNED, .name = "interrupted is not counted and at once", .completed = "2",
      .pods = "c0 fail:Interrupted f2; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f2 i1",
      .failed_pods = 2, .interrupted_pods = 1 },
    { PLANNED, .name = "the fourth in short waits 5 s", .completed = "2",
      .pods = "c0 fail:Interrupted n3 i3; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .wake = 4000, .interrupted_pods = 4 },
    { PLANNED, .name = "the fourth after a long life is at once", .completed = "2",
      .pods = "c0 fail:Interrupted n3 i3 C-601000 S-600000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/4 i4", .interrupted_pods = 4 },
    { PLANNED, .name = "the fiftieth still goes on", .completed = "2",
      .pods = "c0 fail:Interrupted n49 i49 T-300000 C-350000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/50 i50", .interrupted_pods = 50 },
    { PLANNED, .name = "the next is a dead letter",
      .pods = "c0 fail:Interrupted n50 i50; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/50; -c0/0/50:Finished", .want_failed = "0", .interrupted_pods = 51 },
    { PLANNED, .name = "success without a record is internal", .completed = "2",
      .pods = "c0 empty; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1",
      .failed_pods = 1 },
    { PLANNED, .name = "a commit counts though its pod failed after it",
      .pods = "c0 fail:Internal; c1 run; c2 run", .done = "c0", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0", .want_completed = "0", .failed_pods = 1 },
    { PLANNED, .name = "a node's clock ahead of ours delays nothing", .completed = "2",
      .pods = "c0 fail:Internal T3600000; c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/0/1 f1",
      .failed_pods = 1 },
    { PLANNED, .name = "a failed pod is released once its successor is seen", .completed = "2",
      .pods = "c0 fail:Internal; c0 n1 f1 run; c1 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0", .failed_pods = 1 },
    { PLANNED, .name = "an interrupted pod is not kept for its log", .completed = "2",
      .pods = "c0 fail:Interrupted; c0 n1 i1 run; c1 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0; -c0/0/0:Finished", .interrupted_pods = 1 },
    { PLANNED, .name = "the newest failed pods are kept, the rest goes",
      .spec = { .pod_retention = 1 },
      .pods = "c0 fail:Internal nofin C-3000; c1 fail:Internal nofin C-4000; c0 n1 f1 run; c1 n1 "
              "f1 run",
      .phase = PHASE_CONVERTING, .acts = "-c1/0/0:Retention", .failed_pods = 2 },
    { PLANNED, .name = "after an hour none is kept", .completed = "2",
      .pods = "c0 fail:Internal nofin T-3600000 C-3700000 S-3650000; c0 n1 f1 run; c1 run",
      .phase = PHASE_CONVERTING, .acts = "-c0/0/0:Retention", .failed_pods = 1 },
};

static const struct row judge_rows[] = {
    { PLANNED, .name = "no progress for 120 s is stalled", .seen = { UP },
      .pods = "c0 run C-300000 S-300000 P-120000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "-c0/0/0:Stalled!Stalled" },
    { PLANNED, .name = "a second less is not", .seen = { UP },
      .pods = "c0 run C-300000 S-300000 P-119000; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .wake = 1000 },
    { PLANNED, .name = "never a beat is no progress since the start", .seen = { UP },
      .pods = "c0 run C-300000 S-120000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "-c0/0/0:Stalled!Stalled" },
    { PLANNED, .name = "nobody is stalled while tracking is away",
      .seen = { .tracking_wanted = true,
                .tracking_away_ms = -5000,
                .tracking_away_grace_ms = 30000 },
      .pods = "c0 run C-300000 S-300000; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .wake = 25000 },
    { PLANNED, .name = "nor within stallSeconds after it is back",
      .seen = { .tracking_wanted = true, .tracking_up_ms = -119999 },
      .pods = "c0 run C-300000 S-300000; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .wake = 1 },
    { PLANNED, .name = "nor where there is no tracking", .pods = "c0 run C-900000 S-900000; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .wake = -1 },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "an assembly can stall too",
      .seen = { UP },
      .completed = "0-2",
      .pods = "a run S-120000",
      .phase = PHASE_ASSEMBLING,
      .acts = "-a/0/0:Stalled!Stalled" },
    { PLANNED, .name = "a stalled pod that ended is counted, whatever it said",
      .pods = "c0 fail:Interrupted v:Stalled D-9000 T-5000; c1 run", .phase = PHASE_CONVERTING,
      .acts = "+c0/0/1 f1", .failed_pods = 1 },
    { PLANNED, .name = "a stalled pod that committed after all is done",
      .pods = "c0 ok v:Stalled D-9000; c1 run; c2 run", .phase = PHASE_CONVERTING,
      .acts = "~c0/0/0", .want_completed = "0" },
    { PLANNED, .name = "a verdict without its delete is carried out",
      .pods = "c0 run v:Stalled; c1 run", .phase = PHASE_CONVERTING,
      .acts = "-c0/0/0:Stalled!Stalled" },
    { PLANNED, .name = "the last stall is a dead letter that says so", .completed = "1,2",
      .spec = { .stall_s = 77 }, .pods = "c0 n3 f3 fail:Interrupted v:Stalled D-9000",
      .phase = PHASE_FAILED, .acts = "~c0/0/3", .want_failed = "0",
      .say = "segment 0: Stalled: no progress for 77 s: last words", .failed_pods = 4 },
    { PLANNED, .name = "segmentDeadlineSeconds ends an attempt",
      .spec = { .segment_deadline_s = { true, 40 } }, .pods = "c0 run S-40000; c1 run S-39000",
      .phase = PHASE_CONVERTING, .acts = "-c0/0/0:SegmentDeadlineExceeded!Stalled", .wake = 1000 },
    { PLANNED, .name = "and its dead letter says so", .completed = "1,2", .limit = 1,
      .spec = { .segment_deadline_s = { true, 40 } },
      .pods = "c0 fail:Interrupted v:Stalled S-60000 D-19000 T-15000", .phase = PHASE_FAILED,
      .acts = "~c0/0/0", .want_failed = "0", .say = "longer than segmentDeadlineSeconds (40)",
      .failed_pods = 1 },
    { PLANNED, .name = "pendingDeadlineSeconds is a dead letter with the scheduler's words",
      .completed = "1,2", .spec = { .pending_deadline_s = { true, 50 } },
      .pods = "c0 unsched C-50000", .phase = PHASE_FAILED, .acts = "-c0/0/0:Failed",
      .want_failed = "0", .say = "pendingDeadlineSeconds (50): waiting words" },
    { PLANNED, .name = "before it, unschedulable is a condition",
      .spec = { .pending_deadline_s = { true, 50 } }, .pods = "c0 unsched C-49000; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .conditions = "Unschedulable+", .wake = 1000 },
    { PLANNED, .name = "for want of a GPU it is another", .seen = { .gpu = "nvidia.com/gpu" },
      .pods = "c0 nogpu; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .conditions = "WaitingForGPU+" },
    { PLANNED, .name = "or of nodes that are chosen for theirs",
      .seen = { .gpu = "nvidia.com/gpu" }, .pods = "c0 nosel; c1 run", .phase = PHASE_CONVERTING,
      .acts = "", .conditions = "WaitingForGPU+" },
    { PLANNED, .name = "another GPU than ours is not waited for", .seen = { .gpu = "amd.com/gpu" },
      .pods = "c0 nogpu; c1 run", .phase = PHASE_CONVERTING, .acts = "",
      .conditions = "Unschedulable+" },
    { PLANNED, .name = "nor one where none is asked for", .pods = "c0 nosel; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .conditions = "Unschedulable+" },
    { PLANNED, .name = "some wait for a GPU, others for memory",
      .seen = { .gpu = "nvidia.com/gpu" }, .pods = "c0 nogpu; c1 unsched",
      .phase = PHASE_CONVERTING, .acts = "", .conditions = "WaitingForGPU+ Unschedulable+" },
    { .was = { .phase = PHASE_PLANNING },
      .name = "planning wants no GPU",
      .seen = { .gpu = "nvidia.com/gpu" },
      .pods = "p nosel",
      .phase = PHASE_PLANNING,
      .acts = "",
      .conditions = "Unschedulable+" },
    { PLANNED, .name = "an image that cannot be pulled is a condition", .pods = "c0 pull; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .conditions = "ImagePullFailed+" },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING,
               .conditions = { [CONDITION_WAITING_FOR_GPU] = { true, true, 1, "", "" } } },
      .name = "a condition that is over is false",
      .pods = "c0 run; c1 run",
      .phase = PHASE_CONVERTING,
      .acts = "",
      .conditions = "WaitingForGPU-" },
    { PLANNED, .name = "tracking away past its grace is Degraded",
      .seen = { .tracking_wanted = true,
                .tracking_away_ms = -30000,
                .tracking_away_grace_ms = 30000 },
      .pods = "c0 run; c1 run", .phase = PHASE_CONVERTING, .acts = "", .conditions = "Degraded+" },
    { PLANNED, .name = "no tracking by choice is not Degraded", .pods = "c0 run; c1 run",
      .phase = PHASE_CONVERTING, .acts = "", .conditions = "" },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING,
               .conditions = { [CONDITION_DEGRADED] = { true, true, 1, "", "" } } },
      .name = "Degraded ends when tracking is back",
      .seen = { UP },
      .pods = "c0 run; c1 run",
      .phase = PHASE_CONVERTING,
      .acts = "",
      .conditions = "Degraded-" },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING,
               .conditions = { [CONDITION_DEGRADED] = { true, true, 1, "", "" } } },
      .name = "a restarted operator does not make Degraded flap",
      .seen = { .tracking_wanted = true, .tracking_away_ms = -1, .tracking_away_grace_ms = 30000 },
      .pods = "c0 run; c1 run",
      .phase = PHASE_CONVERTING,
      .acts = "",
      .conditions = "Degraded+" },
};

static const struct row end_rows[] = {
    { PLANNED, .name = "cancel deletes what lives and releases what ended",
      .spec = { .cancel = true }, .pods = "c0 run; c1 fail:Internal; c2 run D-1000",
      .phase = PHASE_CANCELLED, .acts = "~c1/0/0; -c0/0/0:Cancelled", .reason = "CancelledByUser",
      .failed_pods = 1 },
    { PLANNED, .name = "cancel wins over suspend", .spec = { .cancel = true, .suspend = true },
      .phase = PHASE_CANCELLED, .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_CANCELLED },
      .name = "Cancelled absorbs",
      .seen = { .retry = "again" },
      .done = "c0",
      .want_completed = "",
      .phase = PHASE_CANCELLED,
      .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_COMPLETED, .assembled = true },
      .name = "Completed absorbs",
      .spec = { .cancel = true },
      .seen = { .retry = "again", .discard = true },
      .completed = "0-2",
      .pods = "c0 run; c1 ok",
      .phase = PHASE_COMPLETED,
      .acts = "~c1/0/0; -c0/0/0:Completed; -c1/0/0:Finished&" },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING },
      .name = "an output that is there wins over cancel",
      .spec = { .cancel = true },
      .completed = "0-2",
      .done = "a",
      .phase = PHASE_COMPLETED,
      .acts = "" },
    { PLANNED, .name = "suspend deletes what lives and releases what ended",
      .spec = { .suspend = true }, .pods = "c0 run; c1 fail:Internal", .phase = PHASE_SUSPENDED,
      .acts = "~c1/0/0; -c0/0/0:Suspended", .failed_pods = 1, .reason = "SuspendedByUser" },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000, .epoch = 1 },
      .name = "commits count while suspended",
      .spec = { .suspend = true },
      .pods = "c0 ok e1 D-9000",
      .phase = PHASE_SUSPENDED,
      .acts = "~c0/1/0",
      .want_completed = "0" },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000, .epoch = 1 },
      .name = "resume is a new epoch in which failures start over",
      .pods = "c0 fail:Internal f3 n3 e1 D-9000",
      .phase = PHASE_CONVERTING,
      .acts = "~c0/1/3; +c0/2/0; +c1/2/0",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000, .epoch = 1 },
      .name = "a pod of before that still lives is taken over",
      .pods = "c0 run e1",
      .phase = PHASE_CONVERTING,
      .acts = "+c1/2/0",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000 },
      .name = "resume after the last commit assembles",
      .completed = "0-2",
      .phase = PHASE_ASSEMBLING,
      .acts = "+a/1/0",
      .epoch_up = 1 },
    { .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000 },
      .name = "resume before planning plans",
      .phase = PHASE_PENDING,
      .acts = "+p/1/0",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .epoch_start_ms = -60000, .suspended_ms = 1000 },
      .name = "time suspended is not counted by activeDeadlineSeconds",
      .spec = { .active_deadline_s = { true, 40 }, .parallelism = 1 },
      .phase = PHASE_CONVERTING,
      .acts = "+c0/1/0",
      .epoch_up = 1,
      .wake = 1000 },
    { PLANNED, .name = "activeDeadlineSeconds fails the job",
      .spec = { .active_deadline_s = { true, 100 } }, .pods = "c0 run", .phase = PHASE_FAILED,
      .acts = "-c0/0/0:Failed", .reason = "DeadlineExceeded",
      .say = "not done within activeDeadlineSeconds (100)" },
    { PLANNED, .name = "maxFailedIndexes fails the job at once", .failed = "0",
      .spec = { .max_failed_indexes = { true, 1 } }, .pods = "c1 fail:Input; c2 run",
      .phase = PHASE_FAILED, .acts = "~c1/0/0; -c2/0/0:Failed", .want_failed = "0,1",
      .reason = "MaxFailedIndexesExceeded", .failed_pods = 1, .say = "segments 0,1 failed" },
    { PLANNED, .name = "up to it the job goes on", .failed = "0",
      .spec = { .max_failed_indexes = { true, 1 } }, .pods = "c1 run; c2 run",
      .phase = PHASE_CONVERTING, .acts = "" },
    { PLANNED, .name = "a film with holes is never assembled", .failed = "0", .completed = "1",
      .pods = "c2 ok", .phase = PHASE_FAILED, .acts = "~c2/0/0; -c2/0/0:Finished&",
      .want_completed = "1,2", .reason = "FailedIndexes" },
    { PLANNED, .name = "a late commit of a dead letter fills the hole", .failed = "0",
      .completed = "1,2", .done = "c0", .phase = PHASE_ASSEMBLING, .acts = "+a/0/0",
      .want_completed = "0-2", .want_failed = "" },
    { PLANNED, .name = "deleted: everything goes", .seen = { .deleted = true },
      .pods = "c0 run; c1 ok; c2 fail:Internal nofin; x run", .phase = PHASE_CONVERTING,
      .acts = "~c1/0/0; -c0/0/0:JobDeleted; -c1/0/0:JobDeleted&; -c2/0/0:JobDeleted; "
              "-x/0/0:JobDeleted",
      .want_completed = "" },
    { .n = 3,
      .was = { .phase = PHASE_CANCELLED },
      .name = "the cleaner is left to clean",
      .pods = "x run",
      .phase = PHASE_CANCELLED,
      .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_CANCELLED },
      .name = "and goes when it is done",
      .pods = "x empty",
      .phase = PHASE_CANCELLED,
      .acts = "~x/0/0; -x/0/0:Finished" },
    { .n = 3,
      .was = { .phase = PHASE_CANCELLED },
      .name = "a lost pod does not keep our finalizer",
      .pods = "c0 run D-40000",
      .phase = PHASE_CANCELLED,
      .acts = "~c0/0/0" },
    { .n = 3,
      .was = { .phase = PHASE_CANCELLED },
      .name = "until then it may come back",
      .pods = "c0 run D-30000",
      .phase = PHASE_CANCELLED,
      .acts = "",
      .wake = 10000 },
};

#define FAILED_ONE                                                                                 \
    .n = 3, .completed = "1", .failed = "0,2",                                                     \
    .was = {                                                                                       \
        .phase = PHASE_FAILED, .reason = "FailedIndexes", .epoch = 4, .observed_retry = "old"      \
    }

static const struct row retry_rows[] = {
    { FAILED_ONE, .name = "Failed absorbs", .seen = { .retry = "old" }, .phase = PHASE_FAILED,
      .acts = "", .reason = "FailedIndexes" },
    { FAILED_ONE, .name = "Failed does not mind cancel", .spec = { .cancel = true },
      .seen = { .retry = "new" }, .phase = PHASE_FAILED, .acts = "" },
    { FAILED_ONE, .name = "retry takes up all that failed", .seen = { .retry = "new" },
      .phase = PHASE_CONVERTING, .acts = "+c0/5/0; +c2/5/0", .want_failed = "", .epoch_up = 1 },
    { FAILED_ONE, .name = "retry with ranges takes up those", .seen = { .retry = "new:2" },
      .phase = PHASE_CONVERTING, .acts = "+c2/5/0", .want_failed = "0", .epoch_up = 1 },
    { FAILED_ONE, .name = "a retry that is no ranges says so", .seen = { .retry = "new:z" },
      .phase = PHASE_FAILED, .acts = "", .say = "retry new:z ignored" },
    { FAILED_ONE, .name = "the kept pods of before do not matter", .seen = { .retry = "new" },
      .pods = "c0 fail:Input n2 e4 f3 nofin", .phase = PHASE_CONVERTING, .acts = "+c0/5/0; +c2/5/0",
      .want_failed = "", .epoch_up = 1 },
    { FAILED_ONE, .name = "retry under suspend stays Suspended", .spec = { .suspend = true },
      .seen = { .retry = "new" }, .phase = PHASE_SUSPENDED, .acts = "", .want_failed = "",
      .epoch_up = 1 },
    { FAILED_ONE, .name = "discard ends it for good", .seen = { .discard = true, .retry = "new" },
      .pods = "c0 fail:Input e4", .phase = PHASE_FAILED, .acts = "~c0/4/0", .reason = "Discarded" },
    { .n = 3,
      .failed = "0",
      .was = { .phase = PHASE_FAILED, .reason = "Discarded" },
      .name = "no retry lifts a discard",
      .seen = { .retry = "new" },
      .phase = PHASE_FAILED,
      .acts = "",
      .reason = "Discarded" },
    { PLANNED, .name = "discard with dead letters ends a running job", .failed = "0",
      .seen = { .discard = true }, .pods = "c1 run", .phase = PHASE_FAILED,
      .acts = "-c1/0/0:Failed", .reason = "Discarded" },
    { PLANNED, .name = "discard without dead letters waits for one", .seen = { .discard = true },
      .pods = "c0 run; c1 run", .phase = PHASE_CONVERTING, .acts = "" },
    { PLANNED, .name = "retry while others run takes up the dead letters", .failed = "0",
      .seen = { .retry = "new" }, .pods = "c1 run", .phase = PHASE_CONVERTING, .acts = "+c0/1/0",
      .want_failed = "", .epoch_up = 1 },
    { PLANNED, .name = "retry with nothing failed only notes itself", .seen = { .retry = "new" },
      .pods = "c0 run; c1 run", .phase = PHASE_CONVERTING, .acts = "" },
    { .was = { .phase = PHASE_FAILED, .reason = "PlanFailed" },
      .dead = "p",
      .name = "retry takes up the plan",
      .seen = { .retry = "new" },
      .phase = PHASE_PENDING,
      .acts = "+p/1/0",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_FAILED, .reason = "AssembleFailed" },
      .completed = "0-2",
      .dead = "a",
      .name = "retry takes up the assembly",
      .seen = { .retry = "new" },
      .phase = PHASE_ASSEMBLING,
      .acts = "+a/1/0",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_FAILED, .reason = "DeadlineExceeded" },
      .spec = { .active_deadline_s = { true, 30 }, .parallelism = 1 },
      .name = "a retry gets the whole activeDeadlineSeconds again",
      .seen = { .retry = "new" },
      .phase = PHASE_CONVERTING,
      .acts = "+c0/1/0",
      .epoch_up = 1,
      .wake = 30000 },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING, .settled_failed_pods = 5, .failed_pods = 6 },
      .name = "counters: what runs is added to what is settled",
      .pods = "c0 run n1 f1; c1 fail:Internal n2 f2 T-100",
      .phase = PHASE_CONVERTING,
      .acts = "+c2/0/0",
      .failed_pods = 9 },
    { .n = 3,
      .was = { .phase = PHASE_CONVERTING, .settled_failed_pods = 5, .failed_pods = 8 },
      .name = "counters: a retry in mid-job settles the epoch",
      .failed = "2",
      .seen = { .retry = "new" },
      .pods = "c0 run n1 f1; c1 fail:Internal n1 f1 T-100",
      .phase = PHASE_CONVERTING,
      .acts = "~c1/0/1; +c1/1/0",
      .want_failed = "",
      .epoch_up = 1,
      .failed_pods = 8 },
    { .fresh = true,
      .name = "a lost status goes on in the epoch of its pods",
      .done = "p",
      .pods = "c0 run e2 n1",
      .phase = PHASE_CONVERTING,
      .acts = "+c1/2/0",
      .epoch_up = 2,
      .want_completed = "" },
};

#define OVER(p, why) .n = 3, .was = { .phase = p, .reason = why, .completion_ms = -10000 }
#define TTL(seconds) .spec = { .ttl_s = { true, seconds } }

static const struct row ttl_rows[] = {
    { OVER(PHASE_COMPLETED, "OutputReady"), .name = "without a ttl it stays",
      .phase = PHASE_COMPLETED, .acts = "", .wake = -1 },
    { OVER(PHASE_COMPLETED, "OutputReady"), TTL(11), .name = "a second before",
      .phase = PHASE_COMPLETED, .acts = "", .wake = 1000 },
    { OVER(PHASE_COMPLETED, "OutputReady"), TTL(10), .name = "to the millisecond",
      .phase = PHASE_COMPLETED, .acts = "", .wake = -1, .expired = true },
    { OVER(PHASE_CANCELLED, "CancelledByUser"), TTL(10), .name = "cancelled too",
      .phase = PHASE_CANCELLED, .acts = "", .expired = true },
    { OVER(PHASE_FAILED, "FailedIndexes"), TTL(10), .name = "and failed", .phase = PHASE_FAILED,
      .acts = "", .expired = true },
    { OVER(PHASE_FAILED, "Discarded"), TTL(11), .name = "discarded, soon", .phase = PHASE_FAILED,
      .acts = "", .wake = 1000 },
    { .n = 3,
      .was = { .phase = PHASE_FAILED, .completion_ms = -10000 },
      TTL(10),
      .name = "a retry in the same moment saves it",
      .completed = "0,1",
      .failed = "2",
      .seen = { .retry = "new" },
      .phase = PHASE_CONVERTING,
      .acts = "+c2/1/0",
      .want_failed = "",
      .epoch_up = 1 },
    { .n = 3,
      .was = { .phase = PHASE_SUSPENDED, .completion_ms = -10000, .epoch_start_ms = -5000 },
      .spec = { .ttl_s = { true, 1 }, .suspend = true },
      .name = "suspended is not over",
      .phase = PHASE_SUSPENDED,
      .acts = "" },
    { .n = 3,
      .was = { .phase = PHASE_ASSEMBLING, .completion_ms = 0 },
      TTL(0),
      .name = "0 is at once",
      .completed = "0-2",
      .done = "a",
      .phase = PHASE_COMPLETED,
      .acts = "",
      .expired = true },
    { OVER(PHASE_COMPLETED, "OutputReady"), TTL(1), .name = "who is being deleted is not again",
      .seen = { .deleted = true }, .phase = PHASE_COMPLETED, .acts = "" },
    { OVER(PHASE_COMPLETED, "OutputReady"), TTL(20), .name = "the kept pods' end comes first",
      .pods = "c0 fail:Input T-3599000 nofin", .phase = PHASE_COMPLETED, .acts = "", .wake = 1000 },
};

static int64_t absolute(int64_t ms)
{
    return ms < 0 ? NOW + ms : ms;
}

static void spec_of(struct job_spec *spec, const struct row *row)
{
    *spec = row->spec;
    spec->parallelism = spec->parallelism ? spec->parallelism : 2;
    spec->stall_s = spec->stall_s ? spec->stall_s : 120;
    spec->pod_retention = spec->pod_retention ? spec->pod_retention : 3;
    spec->backoff_limit_per_index = row->limit ? row->limit - 1 : 3;
}

static void set_of(uint8_t *set, const char *text)
{
    struct err err;

    CHECK_OK(ranges_parse(set, 3, text ? text : "", &err), err);
}

static void status_of(struct job_status *status, const struct row *row)
{
    struct record plan = { .segments = 3 };

    *status = row->was;
    status->start_ms = row->fresh ? 0 : NOW - 100000;
    status->epoch_start_ms = absolute(status->epoch_start_ms);
    status->completion_ms = absolute(status->completion_ms);
    if (row->n) {
        job_status_plan(status, &plan);
        set_of(status->completed, row->completed);
        set_of(status->failed, row->failed);
    }
    for (uint32_t i = 0; row->failed && i < row->n; i++) {
        if (status->failed[i])
            status->dead[status->dead_count++] =
                (struct dead_letter){ .id = { .stage = STAGE_CONVERT, .index = i },
                                      .cls = CLASS_INPUT,
                                      .message = "old words" };
    }
    if (row->dead)
        status->dead[status->dead_count++] = (struct dead_letter){
            .id = { .stage = row->dead[0] == 'p' ? STAGE_PLAN : STAGE_ASSEMBLE }, .cls = CLASS_INPUT
        };
}

static void conditions_print(char *out, size_t size, const struct job_status *status)
{
    out[0] = '\0';
    for (unsigned i = 0; i < CONDITION_COUNT; i++) {
        size_t used = strlen(out);

        if (status->conditions[i].set)
            snprintf(out + used, size - used, "%s%s%c", used ? " " : "",
                     condition_name((enum condition)i), status->conditions[i].is_true ? '+' : '-');
    }
}

static void check_ranges(const char *row, const uint8_t *set, const char *want)
{
    char *got = ranges_format(set, 3);

    CHECK_STR(row, got, want);
    free(got);
}

static void check_status(const struct row *row, const struct job_status *was,
                         const struct job_status *got)
{
    char conditions[200];

    CHECK_INT(row->name, got->phase, row->phase);
    CHECK_INT(row->name, got->epoch, was->epoch + row->epoch_up);
    if (row->reason)
        CHECK_STR(row->name, got->reason, row->reason);
    if (row->say)
        CHECK_HAS(row->name, got->message, row->say);
    if (row->want_completed || row->completed)
        check_ranges(row->name, got->completed,
                     row->want_completed ? row->want_completed : row->completed);
    if (row->want_failed || row->failed)
        check_ranges(row->name, got->failed, row->want_failed ? row->want_failed : row->failed);
    if (row->failed_pods || !was->failed_pods)
        CHECK_INT(row->name, got->failed_pods, row->failed_pods);
    CHECK_INT(row->name, got->interrupted_pods, row->interrupted_pods);
    CHECK_INT(row->name, got->memory_percent, row->memory);
    conditions_print(conditions, sizeof(conditions), got);
    if (row->conditions)
        CHECK_STR(row->name, conditions, row->conditions);
}

/* The same answer again; and the same actions on the status that was written, if all is lost
 * after the write. */
static void check_again(const struct row *row, const struct job_spec *spec,
                        const struct observed *seen, const struct job_status *was,
                        const struct decision *first, const char *acts)
{
    struct decision again;
    char text[1000];

    decide(&again, spec, was, seen);
    assert_true(job_status_equal(&first->status, &again.status));
    text_actions(text, sizeof(text), &again);
    CHECK_STR(row->name, text, acts);
    CHECK_INT(row->name, again.wake_ms, first->wake_ms);
    CHECK_INT(row->name, again.expired, first->expired);
    decision_clear(&again);

    decide(&again, spec, &first->status, seen);
    CHECK_INT(row->name, again.status_changed, false);
    text_actions(text, sizeof(text), &again);
    CHECK_STR(row->name, text, acts);
    decision_clear(&again);
}

static void check_reverse(const struct row *row, const struct job_spec *spec,
                          const struct observed *seen, const struct job_status *was,
                          const struct decision *first)
{
    struct pod_view reverse[TEXT_MAX_PODS];
    struct observed other = *seen;
    struct decision again;

    for (size_t i = 0; i < seen->pod_count; i++)
        reverse[i] = seen->pods[seen->pod_count - 1 - i];
    other.pods = reverse;
    decide(&again, spec, was, &other);
    if (!job_status_equal(&first->status, &again.status))
        fail_msg("[%s] another status when the pods come in reverse", row->name);
    CHECK_INT(row->name, again.action_count, first->action_count);
    decision_clear(&again);
}

static void check_row(const struct row *row)
{
    struct pod_view pods[TEXT_MAX_PODS];
    struct record done[TEXT_MAX_PODS];
    struct observed seen = row->seen;
    struct job_spec spec;
    struct job_status was;
    struct decision got;
    char acts[1000];

    spec_of(&spec, row);
    status_of(&was, row);
    seen.now_ms = NOW;
    seen.tracking_up_ms = absolute(seen.tracking_up_ms);
    seen.tracking_away_ms = absolute(seen.tracking_away_ms);
    seen.pods = pods;
    seen.pod_count = text_pods(pods, row->pods, NOW);
    seen.done = done;
    seen.done_count = text_done(done, row->done, 3);

    decide(&got, &spec, &was, &seen);
    text_actions(acts, sizeof(acts), &got);
    CHECK_STR(row->name, acts, row->acts);
    check_status(row, &was, &got.status);
    if (row->wake)
        CHECK_INT(row->name, got.wake_ms, row->wake < 0 ? 0 : NOW + row->wake);
    CHECK_INT(row->name, got.expired, row->expired);
    CHECK_INT(row->name, got.status_changed, !job_status_equal(&was, &got.status));
    check_again(row, &spec, &seen, &was, &got, acts);
    check_reverse(row, &spec, &seen, &was, &got);
    decision_clear(&got);
    job_status_clear(&was);
}

#define TABLE(name)                                                                                \
    static void name##_follow_their_table(void **state)                                            \
    {                                                                                              \
        (void)state;                                                                               \
        for (size_t i = 0; i < COUNT(name##_rows); i++)                                            \
            check_row(&name##_rows[i]);                                                            \
    }
TABLE(plan)
TABLE(convert)
TABLE(class)
TABLE(judge)
TABLE(end)
TABLE(retry)
TABLE(ttl)

static void backoff_doubles_to_its_cap(void **state)
{
    static const struct {
        enum attempt_class cls;
        uint32_t failures;
        int64_t want_ms;
    } rows[] = {
        { CLASS_DEPENDENCY, 1, 5000 },
        { CLASS_DEPENDENCY, 2, 10000 },
        { CLASS_DEPENDENCY, 6, 160000 },
        { CLASS_DEPENDENCY, 7, 300000 },
        { CLASS_DEPENDENCY, UINT32_MAX, 300000 },
        { CLASS_INTERNAL, 1, 0 },
        { CLASS_INTERNAL, 2, 5000 },
        { CLASS_INTERNAL, 3, 10000 },
        { CLASS_GPU, 1, 5000 },
        { CLASS_SPACE, 1, 5000 },
        { CLASS_OOM_KILLED, 1, 5000 },
        { CLASS_STALLED, 1, 5000 },
        { CLASS_CONFIG, 1, 0 },
        { CLASS_INPUT, 1, 0 },
        { CLASS_DONE, 1, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        CHECK_INT(class_name(rows[i].cls), decide_backoff_ms(rows[i].cls, rows[i].failures),
                  rows[i].want_ms);
}

/* However many are done, a pass is short; the rest follows at once. */
static void what_is_done_goes_in_lots(void **state)
{
    enum { SEGMENTS = DECIDE_TIDY_LOT + 50 };
    struct pod_view *pods = calloc(SEGMENTS, sizeof(*pods));
    const struct job_spec spec = { .parallelism = 2 };
    struct job_status was = { .phase = PHASE_COMPLETED, .planned = true, .assembled = true };
    struct observed seen = { .now_ms = NOW, .pods = pods, .pod_count = SEGMENTS, .tidy_ms = 60000 };
    struct decision got;

    (void)state;
    was.plan.segments = SEGMENTS;
    was.completed = malloc(SEGMENTS);
    was.failed = calloc(SEGMENTS, 1);
    memset(was.completed, 1, SEGMENTS);
    for (uint32_t i = 0; i < SEGMENTS; i++)
        pods[i] = (struct pod_view){ .id = { STAGE_CONVERT, i, 0, 0 },
                                     .phase = POD_SUCCEEDED,
                                     .finished_ms = NOW - 1000,
                                     .has_finalizer = true,
                                     .has_record = true,
                                     .record = { .id = { STAGE_CONVERT, i, 0, 0 } } };
    decide(&got, &spec, &was, &seen);
    assert_int_equal(got.action_count, 2 * DECIDE_TIDY_LOT);
    assert_int_equal(got.wake_ms, NOW + 1);
    decision_clear(&got);
    seen.tidy_ms = 0;
    decide(&got, &spec, &was, &seen);
    assert_int_equal(got.action_count, 2 * SEGMENTS);
    decision_clear(&got);
    job_status_clear(&was);
    free(pods);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_done_goes_in_lots),  cmocka_unit_test(plan_follow_their_table),
        cmocka_unit_test(convert_follow_their_table), cmocka_unit_test(class_follow_their_table),
        cmocka_unit_test(judge_follow_their_table),   cmocka_unit_test(end_follow_their_table),
        cmocka_unit_test(retry_follow_their_table),   cmocka_unit_test(ttl_follow_their_table),
        cmocka_unit_test(backoff_doubles_to_its_cap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

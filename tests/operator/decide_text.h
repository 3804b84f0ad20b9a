/* SPDX-License-Identifier: Apache-2.0
 *
 * decide_text.h - pods and actions of a decide test as short text, so that a rule is one row.
 *
 * Pods are separated by ';'. The first word is the slot: p, a (assemble), x (clean) or c<index>.
 * Then in any order, times in ms relative to now:
 *   run pend unsched nogpu nosel pull cfgerr ok (with a record) empty (no record) fail:<Class>
 *   e<epoch> n<attempt> f<failures> i<interruptions> m<memory %> z<storage %> v:<Class> (verdict)
 *   C<created> S<started> T<finished> D<deletion> W<waiting since> P<progress> G<grace>  nofin
 *   @<node>
 *
 * Actions: "~c0/1/2" releases the pod of c0, epoch 1, attempt 2; "-c0/1/2:Reason!Class" deletes
 * (with a verdict); "+c0/1/2 f1 i2 m150 z150" creates (what is 0, or 100 %, is left out),
 * "@node" rather not there.
 */
#ifndef TESTS_OPERATOR_DECIDE_TEXT_H
#define TESTS_OPERATOR_DECIDE_TEXT_H

#include "operator/decide/decide.h"

#define TEXT_MAX_PODS 16

/* Returns how many; aborts on a word it does not know. */
size_t text_pods(struct pod_view pods[TEXT_MAX_PODS], const char *text, int64_t now_ms);
/* "p a c0 c1": done records of epoch 0; segments is the plan's. */
size_t text_done(struct record done[TEXT_MAX_PODS], const char *text, uint32_t segments);
void text_actions(char *out, size_t size, const struct decision *decision);
#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * s3_sources.h - inside of common/s3: the places that temporary keys come from. What to ask is read
 * from the environment once; each fetch asks anew. Errors: ERR_DEPENDENCY (no answer, 5xx),
 * ERR_CONFIG (denied, an address that may not be asked). No message holds a token or a secret.
 */
#ifndef COMMON_S3_SOURCES_H
#define COMMON_S3_SOURCES_H

#include "common/err.h"
#include "common/s3_credentials.h"

#include <stdbool.h>

struct s3_source;

/* The first that the environment names. ERR_CONFIG when there is none. */
int s3_source_open(struct s3_source **out, struct err *err);
void s3_source_free(struct s3_source *source);
AUTO_DEFINE(s3_source, struct s3_source *, s3_source_free)
/* One round of questions, each asked up to three times. Caller clears. */
int s3_source_fetch(const struct s3_source *source, struct s3_keys *out, struct err *err);

/* May keys be asked for at this URL, with a token? https anywhere, http only on this host or at the
 * two addresses that container platforms use. Pure. */
bool s3_source_may_ask(const char *url);
#endif

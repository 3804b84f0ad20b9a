/* SPDX-License-Identifier: Apache-2.0
 *
 * uri.h - inside contract: the scheme of a URI. Pure.
 */
#ifndef CONTRACT_URI_H
#define CONTRACT_URI_H

#define URI_SCHEME_SIZE 32

/* "s3" of "s3://bucket/x", "file" of "file:/x", "" of a path. Lower case, cut to fit. */
void uri_scheme(char out[URI_SCHEME_SIZE], const char *uri);
#endif

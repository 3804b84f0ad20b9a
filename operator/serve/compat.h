/* SPDX-License-Identifier: Apache-2.0
 *
 * compat.h - inside of operator/serve: what differs between libwebsockets 4.1 and 4.3, and numbers
 * that it has no names for.
 */
#ifndef OPERATOR_SERVE_COMPAT_H
#define OPERATOR_SERVE_COMPAT_H

#include <libwebsockets.h>

/* What lws_http_get_uri_and_method returns. */
enum { COMPAT_METHOD_GET = 0, COMPAT_METHOD_HEAD = 7 };

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/kube/microtime.h"

#include "common/clock.h"

#include <stdio.h>
#include <string.h>

void kube_microtime(char out[KUBE_MICROTIME_SIZE], int64_t unix_ms)
{
    size_t len;

    clock_format(out, KUBE_MICROTIME_SIZE, unix_ms);
    len = strlen(out);
    (void)snprintf(out + len - 1, KUBE_MICROTIME_SIZE - len + 1, ".%03d000Z",
                   (int)(unix_ms % 1000));
}

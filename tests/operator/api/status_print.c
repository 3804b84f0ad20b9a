/* SPDX-License-Identifier: Apache-2.0
 *
 * status_print - the fullest status that the operator could write, on stdout.
 */
#include "tests/operator/api/full_status.h"

#include <stdio.h>

int main(void)
{
    AUTO(cJSON) cJSON *status = full_status();
    AUTO_FREE char *text = json_print(status);

    printf("%s\n", text);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * stereo-crdgen - prints crds/stereojob.io_stereojobs.yaml.
 */
#include "common/mem.h"
#include "common/yaml.h"
#include "operator/api/crd.h"

#include <stdio.h>

int main(void)
{
    AUTO(cJSON) cJSON *crd = crd_build();
    AUTO_FREE char *text = yaml_print(crd);

    printf("# Printed by stereo-crdgen from common/contract/fields_table.c: `make crds`.\n%s",
           text);
    return fflush(stdout) == 0 ? 0 : 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/program.h"

#include <string.h>

static const char *name = "stereo";

void program_name_set(const char *argv0)
{
    const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
    const char *base = slash ? slash + 1 : argv0;

    name = base && strcmp(base, "kubectl-stereo") == 0 ? "kubectl stereo" : "stereo";
}

const char *program_name(void)
{
    return name;
}

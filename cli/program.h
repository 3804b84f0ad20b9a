/* SPDX-License-Identifier: Apache-2.0
 *
 * program.h - how this program was called: "stereo", or "kubectl stereo" when kubectl runs it as
 * its plugin kubectl-stereo. Usage lines say so; nothing else depends on it.
 */
#ifndef CLI_PROGRAM_H
#define CLI_PROGRAM_H

void program_name_set(const char *argv0); /* before the first usage line; may be NULL */
const char *program_name(void);           /* static */
#endif

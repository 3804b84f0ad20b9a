/* SPDX-License-Identifier: Apache-2.0
 *
 * quote.h - a command as a shell takes it, for "type this to go on".
 */
#ifndef CLI_QUOTE_H
#define CLI_QUOTE_H

/* "stereo convert 'my film.mp4' out.mp4". Caller frees. */
char *quote_command(const char *program, int argc, char *const *argv);
#endif

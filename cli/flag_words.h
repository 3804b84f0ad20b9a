/* SPDX-License-Identifier: Apache-2.0
 *
 * flag_words.h - who gave options is told of options: messages name fields of the manifest, as
 * "spec.encode.crf: ...", which a command line says as "--crf". Pure.
 */
#ifndef CLI_FLAG_WORDS_H
#define CLI_FLAG_WORDS_H

/* text with every field that the command line has a word for put as that word. Caller frees. */
char *flag_words(const char *text);
#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/s3/fixture.h"

#include "common/file.h"
#include "common/s3_call.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static void run_script(const struct fixture *fixture, const char *script, int in, int out)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s", FIXTURE_SCRIPTS, script);
    (void)dup2(in, STDIN_FILENO);
    (void)dup2(out, STDOUT_FILENO);
    (void)execl(path, path, fixture->dir, (char *)NULL);
    _exit(127);
}

int fixture_start(struct fixture *fixture, const char *script)
{
    int in[2], out[2], status, rc = -1;
    char line[256] = "";
    FILE *file;

    *fixture = (struct fixture){ .hold = -1 };
    (void)snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/s3_fixture.XXXXXX");
    if (!mkdtemp(fixture->dir) || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return -1;
    fixture->pid = fork();
    if (fixture->pid == 0)
        run_script(fixture, script, in[0], out[1]);
    (void)close(in[0]);
    (void)close(out[1]);
    fixture->hold = in[1];
    file = fdopen(out[0], "r");
    if (file && fgets(line, sizeof(line), file) &&
        sscanf(line, "%63s %63s %63s", fixture->endpoint, fixture->access, fixture->secret) == 3)
        rc = 0;
    if (file)
        (void)fclose(file);
    if (rc == 0)
        return 0;
    if (waitpid(fixture->pid, &status, 0) == fixture->pid && WIFEXITED(status) &&
        WEXITSTATUS(status) == FIXTURE_SKIP)
        rc = FIXTURE_SKIP;
    fixture->pid = 0;
    fixture_stop(fixture);
    return rc;
}

void fixture_stop(struct fixture *fixture)
{
    struct err err;

    if (fixture->hold >= 0)
        (void)close(fixture->hold);
    fixture->hold = -1;
    if (fixture->pid > 0)
        (void)waitpid(fixture->pid, NULL, 0);
    fixture->pid = 0;
    (void)file_remove_tree(fixture->dir, &err);
}

struct s3 *fixture_open(const struct fixture *fixture, const char *bucket,
                        struct s3_credentials **credentials)
{
    struct s3_opts opts = { .bucket = bucket, .endpoint = fixture->endpoint, .pause_ms = 20 };
    struct s3 *s3 = NULL;
    struct err err = { 0 };

    if (s3_credentials_open(credentials, fixture->access, fixture->secret, NULL, &err) == 0) {
        opts.credentials = *credentials;
        if (s3_open(&s3, &opts, &err) == 0)
            return s3;
    }
    (void)fprintf(stderr, "fixture: %s\n", err.msg);
    abort();
}

int fixture_make_bucket(const struct fixture *fixture, const char *bucket, struct err *err)
{
    AUTO(s3_credentials) struct s3_credentials *credentials = NULL;
    AUTO(s3) struct s3 *s3 = fixture_open(fixture, bucket, &credentials);
    AUTO_RESPONSE struct http_response response = { 0 };
    struct s3_call call = { .method = "PUT" };

    return s3_call(s3, &call, &response, err);
}

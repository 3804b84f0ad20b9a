/* SPDX-License-Identifier: Apache-2.0
 *
 * torture.c - a library to be preloaded: the k-th call of one kind fails, once, as it might on a
 * bad day. Settings come from the environment and hold for the program named by TORTURE_NAME alone.
 *
 * TORTURE_COUNT=FILE: nothing fails; at the end FILE has a line "KIND CALLS" for each kind.
 *
 * TORTURE=KIND:K:WHAT[+]: WHAT is an errno (ENOMEM, EIO, ENOSPC, ...), "short", which does half of
 * a read or write, or "kill", SIGKILL instead of the call. With + the K-th and every one after it;
 * then what goes to stdout and stderr is spared.
 *
 * TORTURE_TRACE: what fails also says who called, on stderr.
 *
 * TORTURE_CLOCK=MS:SECONDS: the wall clock jumps by SECONDS, MS after the start.
 *
 * Kinds: own (allocations of the program's own code), lib (of the libraries), open, read, write,
 * sync, name (rename, link, unlink, mkdir), net, map, thread. A forked child goes on counting.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SHORT (-1)
#define KILL  (-2)

enum kind { OWN, LIB, OPEN, READ, WRITE, SYNC, NAME, NET, MAP, THREAD, KINDS };

static const char *const kinds[KINDS] = { "own",  "lib",  "open", "read", "write",
                                          "sync", "name", "net",  "map",  "thread" };

static const struct {
    const char *name;
    int number;
} errors[] = {
    { "ENOMEM", ENOMEM }, { "EIO", EIO },           { "ENOSPC", ENOSPC },
    { "EMFILE", EMFILE }, { "EINTR", EINTR },       { "ECONNRESET", ECONNRESET },
    { "EAGAIN", EAGAIN }, { "EDQUOT", EDQUOT },     { "ECONNREFUSED", ECONNREFUSED },
    { "EROFS", EROFS },   { "ENETDOWN", ENETDOWN }, { "short", SHORT },
    { "kill", KILL },
};

/* Written before main, then only read. */
static bool active;
static int wanted = -1; /* a kind */
static int number;      /* an errno, SHORT or KILL */
static unsigned long at;
static bool again, trace;
static const char *count_path;
static pid_t owner;
static uintptr_t code_start, code_end; /* of the program itself */
static int64_t jump_at_ns, jump_s;

static atomic_ulong calls[KINDS];

/* What the next library, or the C library, does: found when it is first asked for. */
#define REAL(name)                                                                                 \
    static __typeof__(name) *real;                                                                 \
    if (!real)                                                                                     \
    real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static void print_trace(void)
{
    void *frames[40];

    active = false; /* it allocates */
    backtrace_symbols_fd(frames, backtrace(frames, 40), STDERR_FILENO);
    active = true;
}

static bool hit(enum kind kind)
{
    unsigned long call;

    if (!active)
        return false;
    call = atomic_fetch_add(&calls[kind], 1) + 1;
    if ((int)kind != wanted || (call != at && (!again || call < at)))
        return false;
    if (number == KILL)
        (void)kill(getpid(), SIGKILL);
    if (trace)
        print_trace();
    return true;
}

/* True: the call fails, and errno says how. */
static bool fails(enum kind kind)
{
    if (!hit(kind))
        return false;
    errno = number == SHORT ? EIO : number;
    return true;
}

/* As fails, for what is never cut short or, but for slow devices, interrupted. */
static bool fails_whole(enum kind kind)
{
    if (!hit(kind) || number == SHORT || number == EINTR)
        return false;
    errno = number;
    return true;
}

/* As fails; a short one goes on with less. */
static bool fails_or_short(enum kind kind, size_t *len)
{
    if (!hit(kind))
        return false;
    if (number == SHORT) {
        *len = *len > 1 ? *len / 2 : *len;
        return false;
    }
    errno = number;
    return true;
}

static void refuse(const char *text)
{
    (void)fprintf(stderr, "TORTURE: '%s' is not KIND:K:WHAT[+]\n", text);
    _exit(99);
}

static int find_error(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strlen(errors[i].name) == len && strncmp(errors[i].name, name, len) == 0)
            return errors[i].number;
    }
    return 0;
}

static void parse(const char *text)
{
    const char *colon = strchr(text, ':');
    char *end;
    size_t len;

    for (int i = 0; colon && i < KINDS; i++) {
        if (strlen(kinds[i]) == (size_t)(colon - text) &&
            strncmp(kinds[i], text, (size_t)(colon - text)) == 0)
            wanted = i;
    }
    if (wanted < 0)
        refuse(text);
    at = strtoul(colon + 1, &end, 10);
    if (at == 0 || *end != ':')
        refuse(text);
    len = strlen(++end);
    again = len > 0 && end[len - 1] == '+';
    number = find_error(end, again ? len - 1 : len);
    if (!number)
        refuse(text);
}

static void parse_clock(const char *text)
{
    struct timespec now;
    char *end;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    jump_at_ns =
        now.tv_sec * INT64_C(1000000000) + now.tv_nsec + strtol(text, &end, 10) * INT64_C(1000000);
    if (*end != ':')
        refuse(text);
    jump_s = strtol(end + 1, NULL, 10);
}

/* The first object is the program. */
static int find_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];

        if (part->p_type == PT_LOAD && (part->p_flags & PF_X)) {
            code_start = info->dlpi_addr + part->p_vaddr;
            code_end = code_start + part->p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *only = getenv("TORTURE_NAME"), *text = getenv("TORTURE");
    const char *jump = getenv("TORTURE_CLOCK");
    char name[17] = "";

    (void)prctl(PR_GET_NAME, name);
    if (!only || strncmp(only, name, 15) != 0)
        return;
    (void)dl_iterate_phdr(find_code, NULL);
    count_path = getenv("TORTURE_COUNT");
    owner = getpid();
    trace = getenv("TORTURE_TRACE") != NULL;
    if (text)
        parse(text);
    if (jump)
        parse_clock(jump);
    active = true;
}

__attribute__((destructor)) static void end(void)
{
    FILE *file;

    if (!active || !count_path || getpid() != owner)
        return;
    active = false;
    file = fopen(count_path, "we");
    for (int i = 0; file && i < KINDS; i++)
        (void)fprintf(file, "%s %lu\n", kinds[i], atomic_load(&calls[i]));
    if (file)
        (void)fclose(file);
}

/* Memory ------------------------------------------------------------------------------------------
 */

static bool alloc_fails(const void *caller)
{
    uintptr_t from = (uintptr_t)caller;

    return fails(from >= code_start && from < code_end ? OWN : LIB);
}
#define ALLOC_FAILS() alloc_fails(__builtin_return_address(0))

/* dlsym may itself allocate before the real ones are known. */
static char early[16384];
static size_t early_used;

static void *early_alloc(size_t size)
{
    char *p = early + early_used;

    early_used += (size + 15) & ~(size_t)15;
    if (early_used > sizeof(early))
        _exit(99);
    return p;
}

static bool is_early(const void *p)
{
    return (const char *)p >= early && (const char *)p < early + sizeof(early);
}

static struct {
    void *(*malloc)(size_t);
    void *(*calloc)(size_t, size_t);
    void *(*realloc)(void *, size_t);
    void *(*aligned_alloc)(size_t, size_t);
    void *(*memalign)(size_t, size_t);
    int (*posix_memalign)(void **, size_t, size_t);
    void (*free)(void *);
} memory;

/* By the first allocation, when there are no threads yet; false: we are in the middle of it. */
static bool find_memory(void)
{
    static bool begun;

    if (!begun) {
        begun = true;
        memory.free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
        memory.posix_memalign =
            (int (*)(void **, size_t, size_t))dlsym(RTLD_NEXT, "posix_memalign");
        memory.memalign = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "memalign");
        memory.aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
        memory.realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
        memory.calloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "calloc");
        memory.malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    }
    return memory.malloc != NULL;
}

void *malloc(size_t size)
{
    if (!find_memory())
        return early_alloc(size);
    return ALLOC_FAILS() ? NULL : memory.malloc(size);
}

void *calloc(size_t count, size_t size)
{
    if (!find_memory())
        return early_alloc(count * size); /* static: zero */
    return ALLOC_FAILS() ? NULL : memory.calloc(count, size);
}

void *realloc(void *p, size_t size)
{
    if (!find_memory() || is_early(p))
        _exit(99);
    return size && ALLOC_FAILS() ? NULL : memory.realloc(p, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    if (!find_memory())
        _exit(99);
    return ALLOC_FAILS() ? errno : memory.posix_memalign(out, align, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    if (!find_memory())
        _exit(99);
    return ALLOC_FAILS() ? NULL : memory.aligned_alloc(align, size);
}

void *memalign(size_t align, size_t size)
{
    if (!find_memory())
        _exit(99);
    return ALLOC_FAILS() ? NULL : memory.memalign(align, size);
}

void free(void *p)
{
    if (find_memory() && !is_early(p))
        memory.free(p);
}

/* Files -------------------------------------------------------------------------------------------
 */

#define MODE_OF(flags)                                                                             \
    mode_t mode = 0;                                                                               \
    if ((flags) & (O_CREAT | __O_TMPFILE)) {                                                       \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode = va_arg(ap, mode_t);                                                                 \
        va_end(ap);                                                                                \
    }

int open(const char *path, int flags, ...)
{
    MODE_OF(flags)
    REAL(open);
    return fails(OPEN) ? -1 : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE_OF(flags)
    REAL(open64);
    return fails(OPEN) ? -1 : real(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags)
    REAL(openat);
    return fails(OPEN) ? -1 : real(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
    MODE_OF(flags)
    REAL(openat64);
    return fails(OPEN) ? -1 : real(dir, path, flags, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    REAL(fopen);
    return fails(OPEN) ? NULL : real(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    REAL(fopen64);
    return fails(OPEN) ? NULL : real(path, mode);
}

ssize_t read(int fd, void *data, size_t len)
{
    REAL(read);
    return fails_or_short(READ, &len) ? -1 : real(fd, data, len);
}

ssize_t pread(int fd, void *data, size_t len, off_t offset)
{
    REAL(pread);
    return fails_or_short(READ, &len) ? -1 : real(fd, data, len, offset);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t offset)
{
    REAL(pread64);
    return fails_or_short(READ, &len) ? -1 : real(fd, data, len, offset);
}

ssize_t write(int fd, const void *data, size_t len)
{
    REAL(write);
    if (again && fd <= STDERR_FILENO)
        return real(fd, data, len);
    return fails_or_short(WRITE, &len) ? -1 : real(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
    REAL(pwrite);
    return fails_or_short(WRITE, &len) ? -1 : real(fd, data, len, offset);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    REAL(pwrite64);
    return fails_or_short(WRITE, &len) ? -1 : real(fd, data, len, offset);
}

int ftruncate(int fd, off_t len)
{
    REAL(ftruncate);
    return fails_whole(WRITE) ? -1 : real(fd, len);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
    REAL(fallocate);
    return fails_whole(WRITE) ? -1 : real(fd, mode, offset, len);
}

int fsync(int fd)
{
    REAL(fsync);
    return fails(SYNC) ? -1 : real(fd);
}

int fdatasync(int fd)
{
    REAL(fdatasync);
    return fails(SYNC) ? -1 : real(fd);
}

int rename(const char *from, const char *to)
{
    REAL(rename);
    return fails(NAME) ? -1 : real(from, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    REAL(renameat2);
    return fails(NAME) ? -1 : real(from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to)
{
    REAL(link);
    return fails(NAME) ? -1 : real(from, to);
}

int linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
    REAL(linkat);
    return fails(NAME) ? -1 : real(from_dir, from, to_dir, to, flags);
}

int unlink(const char *path)
{
    REAL(unlink);
    return fails(NAME) ? -1 : real(path);
}

int unlinkat(int dir, const char *path, int flags)
{
    REAL(unlinkat);
    return fails(NAME) ? -1 : real(dir, path, flags);
}

int rmdir(const char *path)
{
    REAL(rmdir);
    return fails(NAME) ? -1 : real(path);
}

int mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);
    return fails(NAME) ? -1 : real(path, mode);
}

/* Network -----------------------------------------------------------------------------------------
 */

int socket(int family, int type, int protocol)
{
    REAL(socket);
    return fails(NET) ? -1 : real(family, type, protocol);
}

int connect(int fd, const struct sockaddr *address, socklen_t len)
{
    REAL(connect);
    return fails(NET) ? -1 : real(fd, address, len);
}

ssize_t send(int fd, const void *data, size_t len, int flags)
{
    REAL(send);
    return fails_or_short(NET, &len) ? -1 : real(fd, data, len, flags);
}

ssize_t recv(int fd, void *data, size_t len, int flags)
{
    REAL(recv);
    return fails_or_short(NET, &len) ? -1 : real(fd, data, len, flags);
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
    REAL(sendto);
    return fails_or_short(NET, &len) ? -1 : real(fd, data, len, flags, to, to_len);
}

ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from,
                 socklen_t *from_len)
{
    REAL(recvfrom);
    return fails_or_short(NET, &len) ? -1 : real(fd, data, len, flags, from, from_len);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(sendmsg);
    return fails_whole(NET) ? -1 : real(fd, message, flags);
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    REAL(recvmsg);
    return fails_whole(NET) ? -1 : real(fd, message, flags);
}

/* The rest ----------------------------------------------------------------------------------------
 */

void *mmap(void *at_address, size_t len, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap);
    return fails(MAP) ? MAP_FAILED : real(at_address, len, protection, flags, fd, offset);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                   void *ctx)
{
    REAL(pthread_create);
    return fails(THREAD) ? errno : real(thread, attributes, run, ctx);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    struct timespec now;
    int rc;

    REAL(clock_gettime);
    rc = real(clock, out);
    if (rc < 0 || clock != CLOCK_REALTIME || !jump_s || real(CLOCK_MONOTONIC, &now) < 0)
        return rc;
    if (now.tv_sec * INT64_C(1000000000) + now.tv_nsec >= jump_at_ns)
        out->tv_sec += jump_s;
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now = { 0, 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

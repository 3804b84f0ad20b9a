/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what is left, as a classic BPF program. Whoever adds a call: what could bytes that
 * have taken over this process do with it?
 */
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCH    AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define MAX_CODE 512
#define REFUSE   (SECCOMP_RET_ERRNO | EPERM)
#define UNKNOWN  (SECCOMP_RET_ERRNO | ENOSYS)
#define KILL     SECCOMP_RET_KILL_PROCESS
#define ALLOW    SECCOMP_RET_ALLOW

#ifdef ARCH
/* The first are the most frequent. */
static const int allowed[] = {
    SYS_futex,
    SYS_read,
    SYS_write,
    SYS_recvmsg,
    SYS_sendmsg,
    SYS_recvfrom,
    SYS_sendto,
    SYS_munmap,
    SYS_madvise,
    SYS_mremap,
    SYS_brk,
    SYS_clock_gettime,
    SYS_sched_yield,
    SYS_close,
    SYS_ppoll,
    SYS_readv,
    SYS_writev,
    SYS_clock_nanosleep,
    SYS_nanosleep,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_getpid,
    SYS_gettid,
    SYS_sched_getaffinity,
    SYS_sysinfo,
    SYS_membarrier,
    SYS_rseq,
    SYS_set_robust_list,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_sigaltstack,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_time
    SYS_time,
#endif
};

/* Nothing that decodes a film asks for these: it is not itself any more. */
static const int deadly[] = {
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kill,
    SYS_tkill,
    SYS_unshare,
    SYS_setns,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_kexec_load,
    SYS_reboot,
    425, /* io_uring_setup, the same everywhere */
    434, /* pidfd_open */
    438, /* pidfd_getfd */
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};

struct program {
    struct sock_filter code[MAX_CODE];
    unsigned short len;
};

static void emit(struct program *program, unsigned short code, uint32_t k, uint8_t yes, uint8_t no)
{
    if (program->len < MAX_CODE)
        program->code[program->len++] = (struct sock_filter){ code, yes, no, k };
}

static void answer(struct program *program, uint32_t action)
{
    emit(program, BPF_RET | BPF_K, action, 0, 0);
}

static void load(struct program *program, size_t offset)
{
    emit(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void on_call(struct program *program, int call, uint32_t action)
{
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
    answer(program, action);
}

/* The low half of an argument (both machines are little-endian) against value: by all bits of it
 * (BPF_JEQ), or by any (BPF_JSET). */
static void on_argument(struct program *program, int call, int argument, unsigned short test,
                        uint32_t value, uint32_t yes, uint32_t no)
{
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
    load(program, offsetof(struct seccomp_data, args) + 8 * (size_t)argument);
    emit(program, (unsigned short)(BPF_JMP | test | BPF_K), value, 0, 1);
    answer(program, yes);
    answer(program, no);
}

static void build(struct program *program)
{
    load(program, offsetof(struct seccomp_data, arch));
    emit(program, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
    answer(program, KILL);
    load(program, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
    emit(program, BPF_JMP | BPF_JSET | BPF_K, X32_BIT, 0, 1);
    answer(program, KILL);
#endif
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        on_call(program, allowed[i], ALLOW);
    on_argument(program, SYS_mmap, 2, BPF_JSET, PROT_EXEC, REFUSE, ALLOW);
    on_argument(program, SYS_mprotect, 2, BPF_JSET, PROT_EXEC, REFUSE, ALLOW);
    on_argument(program, SYS_clone, 0, BPF_JSET, CLONE_THREAD, ALLOW, KILL);
    on_argument(program, SYS_tgkill, 0, BPF_JEQ, (uint32_t)getpid(), ALLOW, KILL);
    on_argument(program, SYS_prctl, 0, BPF_JEQ, PR_SET_NAME, ALLOW, REFUSE);
    on_call(program, SYS_clone3, UNKNOWN); /* its arguments cannot be seen: libc takes clone */
    for (size_t i = 0; i < sizeof(deadly) / sizeof(deadly[0]); i++)
        on_call(program, deadly[i], KILL);
    answer(program, REFUSE);
}

/* Old kernels slow a filtered process down against speculation; it has no secret to lose but the
 * film itself. Those older still do not know the flag. */
bool sandbox_seccomp(void)
{
    static const unsigned flags[] = { SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_SPEC_ALLOW,
                                      SECCOMP_FILTER_FLAG_TSYNC };
    struct program program = { .len = 0 };
    struct sock_fprog fprog;
    bool done = false;

    build(&program);
    fprog = (struct sock_fprog){ .len = program.len, .filter = program.code };
    for (size_t i = 0; i < 2 && !done && program.len < MAX_CODE; i++)
        done = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], &fprog) == 0;
    return done;
}
#else
bool sandbox_seccomp(void)
{
    return false; /* no list for this machine */
}
#endif

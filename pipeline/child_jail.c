#include "pipeline/child_jail.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1  // they map terabytes, trace themselves and start processes
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

// Limits -----------------------------------------------------------------------------------------
static bool limit(int resource, const char *name, rlim_t value, struct sr_err *err)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0)
        return sr_fail_errno(err, errno, "limit of %s", name);
    const struct rlimit wanted = { value, now.rlim_max < value ? now.rlim_max : value };
    if (now.rlim_max < value)
        return true;  // it is lower than that already
    return setrlimit((__rlimit_resource_t)resource, &wanted) == 0 ||
           sr_fail_errno(err, errno, "limit of %s", name);
}

// RLIMIT_DATA counts what is writable and private, used or not: stacks of threads (8 MiB each) and
// what the allocator holds back are in it. The parent watches what is really used.
static bool limit_memory(uint64_t bytes, struct sr_err *err)
{
    const uint64_t aside = (uint64_t)512 << 20;
    return IS_SANITIZED || bytes == 0 || limit(RLIMIT_DATA, "memory", bytes + aside, err);
}

bool child_jail_cpu(int64_t cpu_s, struct sr_err *err)
{
    struct rlimit now;
    struct rusage usage;
    if (getrlimit(RLIMIT_CPU, &now) != 0 || getrusage(RUSAGE_SELF, &usage) != 0)
        return sr_fail_errno(err, errno, "limit of processor time");
    const rlim_t used = (rlim_t)usage.ru_utime.tv_sec + (rlim_t)usage.ru_stime.tv_sec + 1;
    now.rlim_cur = cpu_s > 0 ? used + (rlim_t)cpu_s : now.rlim_max;
    if (now.rlim_cur > now.rlim_max)
        now.rlim_cur = now.rlim_max;
    return setrlimit(RLIMIT_CPU, &now) == 0 || sr_fail_errno(err, errno, "limit of processor time");
}

// The filter -------------------------------------------------------------------------------------
#if defined(__x86_64__)
#define JAIL_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define JAIL_ARCH AUDIT_ARCH_AARCH64
#endif

#ifdef JAIL_ARCH
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define GIVE(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE GIVE(SECCOMP_RET_ERRNO | EPERM)
// If the call is `number`, the next statement, else the one behind it.
#define ON(number) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(number), 0, 1)
#define DENY(name) ON(__NR_##name), REFUSE
// Low half of an argument; the machine is little-endian.
#define LOAD_ARG(i) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[i]))

static bool filter_calls(void)
{
    const uint32_t self = (uint32_t)getpid();
    // What is not named is allowed: libraries differ in what they need, and the danger is in the
    // network, in other processes and in the kernel's rarer corners.
    struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, JAIL_ARCH, 1, 0),
        GIVE(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
#ifdef __x86_64__
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),  // the x32 calls
        REFUSE,
#endif
        DENY(socket),
        DENY(connect),
        DENY(bind),
        DENY(listen),
        DENY(accept),
        DENY(accept4),
        DENY(io_uring_setup),
        DENY(execve),
        DENY(execveat),
        DENY(kill),
        DENY(tkill),
        DENY(rt_sigqueueinfo),
        DENY(rt_tgsigqueueinfo),
        DENY(pidfd_send_signal),
        DENY(pidfd_getfd),
        DENY(process_vm_readv),
        DENY(process_vm_writev),
        DENY(keyctl),
        DENY(add_key),
        DENY(request_key),
        DENY(bpf),
        DENY(perf_event_open),
        DENY(userfaultfd),
        DENY(mount),
        DENY(umount2),
        DENY(pivot_root),
        DENY(chroot),
        DENY(setns),
        DENY(unshare),
        DENY(init_module),
        DENY(finit_module),
        DENY(delete_module),
        DENY(kexec_load),
        DENY(reboot),
        DENY(swapon),
        DENY(swapoff),
        DENY(open_by_handle_at),
        DENY(acct),
        DENY(setsid),
        DENY(setpgid),
#if !IS_SANITIZED
        DENY(ptrace),
#ifdef __x86_64__
        DENY(fork),
        DENY(vfork),
#endif
        // Its flags are in memory, where a filter cannot look: the C library then uses clone.
        ON(__NR_clone3),
        GIVE(SECCOMP_RET_ERRNO | ENOSYS),
        // Threads, but no processes.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 4),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),
        GIVE(SECCOMP_RET_ALLOW),
        REFUSE,
#endif
        // A signal to itself (abort), to nobody else.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_tgkill, 0, 4),
        LOAD_ARG(0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, self, 0, 1),
        GIVE(SECCOMP_RET_ALLOW),
        REFUSE,
        GIVE(SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool filter_calls(void)
{
    return false;
}
#endif

bool child_jail_enter(const struct child_jail *jail, bool *ret_filtered, struct sr_err *err)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return sr_fail_errno(err, errno, "prctl");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return sr_fail_errno(err, errno, "prctl");
    if (!limit(RLIMIT_CORE, "core files", 0, err) || !limit_memory(jail->memory_bytes, err) ||
        (jail->files_max > 0 && !limit(RLIMIT_NOFILE, "files", jail->files_max, err)))
        return false;
    *ret_filtered = filter_calls();
    return true;
}

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare every constant and structure of abi/ with the headers of Linux and glibc for riscv64.

Each header set is compiled on its own by the cross compiler, and the values are
read from the assembly it prints, so nothing is run. Exit status: 0 when all
agree, 1 on a mismatch or on a constant that no reference defines and that is
not listed in UNCHECKED, 2 when the tools are missing.
"""
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CC = ['riscv64-linux-gnu-gcc', '-S', '-O1', '-w', '-fmax-errors=0', '-I' + ROOT, '-x', 'c', '-',
      '-o', '-']

GLIBC = '''errno.h fcntl.h stdio.h unistd.h sys/file.h sys/stat.h dirent.h sys/mman.h signal.h sched.h
time.h sys/time.h poll.h sys/select.h sys/ioctl.h sys/resource.h sys/wait.h sys/auxv.h elf.h sys/uio.h
sys/statvfs.h sys/statfs.h sys/epoll.h sys/eventfd.h sys/signalfd.h sys/timerfd.h sys/random.h
sys/mount.h sys/ptrace.h sys/sysinfo.h sys/times.h sys/utsname.h ucontext.h asm/ptrace.h
linux/close_range.h linux/limits.h sys/socket.h sys/un.h
sys/inotify.h sys/shm.h sys/sem.h sys/msg.h mqueue.h sys/procfs.h'''.split()

LINUX = '''linux/stat.h asm/ioctls.h asm/termbits.h linux/termios.h linux/tty.h linux/fs.h
linux/random.h linux/sched.h linux/sched/types.h linux/futex.h linux/magic.h linux/prctl.h
linux/reboot.h linux/membarrier.h linux/rseq.h linux/capability.h linux/securebits.h linux/ptrace.h asm/signal.h linux/signal.h
asm/siginfo.h asm/sigcontext.h asm/ucontext.h asm/hwcap.h asm/auxvec.h linux/auxvec.h linux/mman.h linux/memfd.h
linux/limits.h linux/elf.h linux/errno.h asm/unistd.h linux/wait.h linux/fcntl.h asm/stat.h
asm/statfs.h linux/times.h linux/utsname.h linux/sysinfo.h linux/resource.h linux/uio.h
linux/eventpoll.h linux/time.h linux/poll.h linux/mount.h linux/time_types.h linux/loop.h linux/xattr.h linux/timerfd.h
asm/sockios.h linux/sockios.h linux/un.h linux/personality.h
linux/audit.h linux/openat2.h linux/ipc.h linux/shm.h linux/sem.h linux/msg.h linux/mqueue.h'''.split()

# Constants of our own, of newer kernels than the reference, or private to Linux.
UNCHECKED = set('''
PAGEMAP_PFN_BITS PAGEMAP_EXCLUSIVE PAGEMAP_FILE PAGEMAP_PRESENT
SYS_TABLE_SIZE SYS_riscv_hwprobe SYS_cachestat SYS_fchmodat2 SYS_map_shadow_stack SYS_futex_wake
SYS_futex_wait SYS_futex_requeue SYS_statmount SYS_listmount SYS_lsm_get_self_attr
SYS_lsm_set_self_attr SYS_lsm_list_modules SYS_mseal SYS_RISCV_FLUSH_ICACHE_LOCAL
ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ERESTART_RESTARTBLOCK
COMPAT_HWCAP_ISA_V MAX_RW_COUNT MAX_ARG_STRLEN SYMLOOP_MAX HOST_NAME_MAX LINK_MAX IOV_MAX
UTSNAME_LENGTH TASK_COMM_LEN XV6FS_MAGIC MQUEUE_MAGIC PIPEFS_MAGIC ANON_INODE_FS_MAGIC ST_VALID S_IRWXUGO
S_IALLUGO SCM_MAX_FD RUSAGE_BOTH CLK_TCK PR_RISCV_V_SET_CONTROL PR_RISCV_V_GET_CONTROL MS_NOSYMFOLLOW PERSONALITY_QUERY
F_DUPFD_QUERY F_SEAL_EXEC MFD_EXEC MFD_NOEXEC_SEAL MEMBARRIER_CMD_GET_REGISTRATIONS
'''.split())
UNCHECKED_PREFIX = 'RISCV_HWPROBE_'

# Where glibc names another thing than the kernel, the kernel's value is the ABI.
KERNEL_ONLY = {'O_LARGEFILE', 'NCCS', 'SIGRTMIN', 'SIGRTMAX', '_NSIG', 'RLIM_INFINITY', 'F_GETLK',
               'F_SETLK', 'F_SETLKW', 'MINSIGSTKSZ', 'SIGSTKSZ', 'ARG_MAX', 'linux_dirent64.sizeof'}

# Ours, the reference (set: type), and member pairs as "ours" or "ours=theirs".
STRUCTS = [
    ('linux_stat', 'L struct stat', '''st_dev st_ino st_mode st_nlink st_uid st_gid st_rdev st_size
     st_blksize st_blocks st_atime st_atime_nsec st_mtime st_mtime_nsec st_ctime st_ctime_nsec'''),
    ('statx', 'L struct statx', '''stx_mask stx_blksize stx_attributes stx_nlink stx_uid stx_gid
     stx_mode stx_ino stx_size stx_blocks stx_attributes_mask stx_atime stx_btime stx_ctime stx_mtime
     stx_rdev_major stx_rdev_minor stx_dev_major stx_dev_minor stx_mnt_id stx_dio_mem_align
     stx_dio_offset_align'''),
    ('linux_dirent64', 'G struct dirent64', 'd_ino d_off d_reclen d_type d_name'),
    ('sockaddr_un', 'G struct sockaddr_un', 'sun_family sun_path'),
    ('linger', 'G struct linger', 'l_onoff l_linger'),
    ('ucred', 'G struct ucred', 'pid uid gid'),
    ('msghdr', 'G struct msghdr', '''msg_name msg_namelen msg_iov msg_iovlen msg_control
     msg_controllen msg_flags'''),
    ('mmsghdr', 'G struct mmsghdr', 'msg_hdr msg_len'),
    ('cmsghdr', 'G struct cmsghdr', 'cmsg_len cmsg_level cmsg_type'),
    ('flock', 'G struct flock', 'l_type l_whence l_start l_len l_pid'),
    ('f_owner_ex', 'G struct f_owner_ex', 'type pid'),
    ('sigstack', 'L stack_t', 'ss_sp ss_flags ss_size'),
    ('k_sigaction', 'L struct sigaction', 'handler=sa_handler flags=sa_flags mask=sa_mask'),
    ('siginfo', 'L siginfo_t', '''si_signo si_errno si_code si_pid si_uid si_status si_value si_utime
     si_stime si_timerid=si_tid si_overrun si_addr si_addr_lsb si_band si_fd si_call_addr si_syscall
     si_arch'''),
    ('sigevent', 'L struct sigevent', '''sigev_value sigev_signo sigev_notify
     sigev_tid=sigev_notify_thread_id'''),
    ('ucontext', 'L struct ucontext', 'uc_flags uc_link uc_stack uc_sigmask uc_mcontext'),
    ('mcontext', 'L struct sigcontext', 'gregs=sc_regs fpregs=sc_fpregs'),
    ('clone_args', 'L struct clone_args', '''flags pidfd child_tid parent_tid exit_signal stack
     stack_size tls set_tid set_tid_size cgroup'''),
    ('sched_attr', 'L struct sched_attr', '''size sched_policy sched_flags sched_nice sched_priority
     sched_runtime sched_deadline sched_period sched_util_min sched_util_max'''),
    ('timespec', 'G struct timespec', 'tv_sec tv_nsec'),
    ('timeval', 'G struct timeval', 'tv_sec tv_usec'),
    ('timezone', 'G struct timezone', 'tz_minuteswest tz_dsttime'),
    ('itimerval', 'G struct itimerval', 'it_interval it_value'),
    ('itimerspec', 'G struct itimerspec', 'it_interval it_value'),
    ('tms', 'G struct tms', 'tms_utime tms_stime tms_cutime tms_cstime'),
    ('pollfd', 'G struct pollfd', 'fd events revents'),
    ('winsize', 'L struct winsize', 'ws_row ws_col ws_xpixel ws_ypixel'),
    ('termios', 'L struct termios', 'c_iflag c_oflag c_cflag c_lflag c_line c_cc'),
    ('termios2', 'L struct termios2', 'c_iflag c_oflag c_cflag c_lflag c_line c_cc c_ispeed c_ospeed'),
    ('rlimit64', 'G struct rlimit64', 'rlim_cur rlim_max'),
    ('rusage', 'G struct rusage', '''ru_utime ru_stime ru_maxrss ru_ixrss ru_idrss ru_isrss ru_minflt
     ru_majflt ru_nswap ru_inblock ru_oublock ru_msgsnd ru_msgrcv ru_nsignals ru_nvcsw ru_nivcsw'''),
    ('iovec', 'G struct iovec', 'iov_base iov_len'),
    ('utsname', 'G struct utsname', 'sysname nodename release version machine domainname'),
    ('sysinfo', 'L struct sysinfo', '''uptime loads totalram freeram sharedram bufferram totalswap
     freeswap procs totalhigh freehigh mem_unit'''),
    ('robust_list_head', 'L struct robust_list_head', 'list futex_offset list_op_pending'),
    ('statfs64', 'L struct statfs64', '''f_type f_bsize f_blocks f_bfree f_bavail f_files f_ffree
     f_fsid f_namelen f_frsize f_flags f_spare'''),
    ('signalfd_siginfo', 'G struct signalfd_siginfo', '''ssi_signo ssi_errno ssi_code ssi_pid ssi_uid
     ssi_fd ssi_tid ssi_band ssi_overrun ssi_trapno ssi_status ssi_int ssi_ptr ssi_utime ssi_stime
     ssi_addr ssi_addr_lsb ssi_syscall ssi_call_addr ssi_arch'''),
    ('epoll_event', 'G struct epoll_event', 'events data'),
    ('inotify_event', 'G struct inotify_event', 'wd mask cookie len'),
    ('mq_attr', 'G struct mq_attr', 'mq_flags mq_maxmsg mq_msgsize mq_curmsgs'),
    ('rseq', 'L struct rseq', 'cpu_id_start cpu_id rseq_cs flags'),
    ('rseq_cs', 'L struct rseq_cs', 'version flags start_ip post_commit_offset abort_ip'),
    ('cap_user_header', 'L struct __user_cap_header_struct', 'version pid'),
    ('cap_user_data', 'L struct __user_cap_data_struct', 'effective permitted inheritable'),
    ('elf_prstatus', 'G struct elf_prstatus', '''pr_info pr_cursig pr_sigpend pr_sighold pr_pid pr_ppid
     pr_pgrp pr_sid pr_utime pr_stime pr_cutime pr_cstime pr_reg pr_fpvalid'''),
    ('elf_prpsinfo', 'G struct elf_prpsinfo', '''pr_state pr_sname pr_zomb pr_nice pr_flag pr_uid pr_gid
     pr_pid pr_ppid pr_pgrp pr_sid pr_fname pr_psargs'''),
    ('user_regs_struct', 'L struct user_regs_struct', '''pc ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4
     a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6'''),
]

# Encodings that inline functions compute: the expression and its value.
ENCODINGS = {
    'makedev(1, 3)': 0x103,
    'makedev(254, 256)': 0x10fe00,
    'makedev(4095, 0xfffff)': 0xffffffff,
    'dev_major(makedev(254, 0x12345))': 254,
    'dev_minor(makedev(254, 0x12345))': 0x12345,
    'wait_status_exited(259)': 0x300,
    'wait_status_signaled(11, 1)': 0x8b,
    'wait_status_stopped(19)': 0x137f,
    'WEXITSTATUS(wait_status_exited(7))': 7,
    'WIFSIGNALED(wait_status_signaled(9, 0))': 1,
    'WIFSIGNALED(wait_status_stopped(19))': 0,
    'WIFSTOPPED(wait_status_stopped(19))': 1,
    'WSTOPSIG(wait_status_stopped(19))': 19,
    'WIFCONTINUED(wait_status_continued())': 1,
}


def compile_text(text):
    try:
        return subprocess.run(CC, input=text, capture_output=True, text=True)
    except FileNotFoundError:
        print('abi-check: riscv64-linux-gnu-gcc is missing', file=sys.stderr)
        sys.exit(2)


def evaluate(includes, exprs):
    """Return {key: value} of the constant expressions that compile after the includes."""
    prefix = '#define _GNU_SOURCE\n' + ''.join(f'#include <{h}>\n' for h in includes)
    probe = compile_text(prefix)
    if probe.returncode:
        print('abi-check: the headers do not compile\n' + probe.stderr, file=sys.stderr)
        sys.exit(2)
    first = prefix.count('\n') + 1
    keys = list(exprs)
    while keys:
        text = prefix + ''.join(
            f'void probe_{i}(void) {{ __asm__ volatile("@{k}=%0" :: "i"((long long)({exprs[k]}))); }}\n'
            for i, k in enumerate(keys))
        run = compile_text(text)
        if run.returncode == 0:
            return {m[1]: int(m[2]) for m in re.finditer(r'@([\w.]+)=(-?\d+)', run.stdout)}
        bad = {int(n) - first for n in re.findall(r'<stdin>:(\d+):\d+: error:', run.stderr)}
        if not any(0 <= b < len(keys) for b in bad):
            print('abi-check: cannot evaluate\n' + run.stderr, file=sys.stderr)
            sys.exit(2)
        keys = [k for i, k in enumerate(keys) if i not in bad]
    return {}


def struct_exprs(which):
    """Return {key: expression}: which is 'ours' or the letter of a reference set."""
    exprs = {}
    for name, reference, members in STRUCTS:
        letter, theirs = reference.split(' ', 1)
        if which not in ('ours', letter):
            continue
        kind = f'struct {name}' if which == 'ours' else theirs
        exprs[f'{name}.sizeof'] = f'sizeof({kind})'
        for member in members.split():
            our, _, their = member.partition('=')
            field = our if which == 'ours' else their or our
            exprs[f'{name}.{our}'] = f'__builtin_offsetof({kind}, {field})'
    return exprs


def compare(kind, ours, references):
    """Print every difference; return how many values were compared and how many were wrong."""
    checked = wrong = 0
    for key, value in sorted(ours.items()):
        found = 0
        for name, values in references:
            if key not in values or (name == 'glibc' and key in KERNEL_ONLY):
                continue
            found = 1
            if (values[key] ^ value) & 0xffffffffffffffff and not (
                    -1 << 31 <= values[key] < 0 and values[key] & 0xffffffff == value):
                print(f'{key}: ours {value:#x}, {name} {values[key]:#x}')
                wrong += 1
        checked += found
        if not found and key not in UNCHECKED | KERNEL_ONLY and not key.startswith(UNCHECKED_PREFIX):
            print(f'{key}: no reference defines this {kind}')
            wrong += 1
    return checked, wrong


def main():
    headers = sorted(os.path.relpath(p, ROOT) for p in glob.glob(ROOT + '/abi/*.h'))
    names = []
    for header in headers:
        with open(os.path.join(ROOT, header), encoding='utf-8') as file:
            names += re.findall(r'^#define (\w+)[ \t]+\S', file.read(), re.M)
    exprs = {n: n for n in names}
    del exprs['MAP_FAILED']
    ours = evaluate(headers, {**exprs, **struct_exprs('ours')})
    lost = [k for k in {**exprs, **struct_exprs('ours')} if k not in ours]
    for key in lost:
        print(f'{key}: abi/ does not define it as a constant')
    system_calls = {n: '__NR_' + n[4:] for n in exprs if n.startswith('SYS_') and n != 'SYS_SECCOMP'}
    linux = evaluate(LINUX, {**exprs, **system_calls, **struct_exprs('L')})
    glibc = evaluate(GLIBC, {**exprs, **struct_exprs('G')})
    coded = evaluate(headers, {f'code.{i}': e for i, e in enumerate(ENCODINGS)})
    for i, (expr, value) in enumerate(ENCODINGS.items()):
        if coded.get(f'code.{i}') != value:
            print(f'{expr}: {coded.get(f"code.{i}")}, expected {value}')
            lost.append(expr)
    checked, wrong = compare('constant or member', ours, [('linux', linux), ('glibc', glibc)])
    print(f'abi-check: {checked} values compared with a reference, {wrong + len(lost)} wrong')
    return 1 if wrong or lost else 0


if __name__ == '__main__':
    sys.exit(main())

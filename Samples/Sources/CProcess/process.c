/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "process.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* syscall() is variadic, which Swift cannot call; glibc has had wrappers only since 2.36. */

int cprocess_open(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int cprocess_send_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }

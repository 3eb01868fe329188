#include <dbus/dbus.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>

/* The flags are anonymous enums that Swift imports as Int, and epoll's event is a packed union: calls of our own keep the casts out of Swift. */
static inline int cdbus_new_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
static inline int cdbus_new_epoll(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int cdbus_new_timer(void) { return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK); }

/* Nanoseconds of CLOCK_BOOTTIME; positive. */
static inline int cdbus_set_timer(int timer, int64_t deadline) {
    struct itimerspec at = {.it_value = {.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000}};
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static inline int cdbus_set_events(int epoll, int operation, int descriptor, uint32_t events, uint64_t id) {
    struct epoll_event event = {.events = events, .data = {.u64 = id}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

enum { CDBUS_MOST_EVENTS = 64 };

static inline int cdbus_wait(int epoll, int timeout, uint64_t *ids, uint32_t *events) {
    struct epoll_event happened[CDBUS_MOST_EVENTS];
    int count = epoll_wait(epoll, happened, CDBUS_MOST_EVENTS, timeout);
    for (int i = 0; i < count; i++) {
        ids[i] = happened[i].data.u64;
        events[i] = happened[i].events;
    }
    return count;
}

/* pthread_setname_np needs _GNU_SOURCE and prctl is variadic: neither imports. */
static inline void cdbus_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* syscall is variadic. A descriptor that becomes readable when the process ends; -1 with errno otherwise. */
static inline int cdbus_open_process(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

/* fcntl is variadic. */
#include <fcntl.h>
static inline int cdbus_duplicate(int descriptor) { return fcntl(descriptor, F_DUPFD_CLOEXEC, 0); }

/* ppoll needs _GNU_SOURCE. Whether there is something to read within so many nanoseconds; 0 when there is not. */
#include <poll.h>
extern int ppoll(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *);
static inline int cdbus_wait_readable(int descriptor, int64_t nanoseconds) {
    struct pollfd set = {.fd = descriptor, .events = POLLIN};
    if (nanoseconds < 0) nanoseconds = 0;
    struct timespec limit = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    return ppoll(&set, 1, &limit, NULL);
}

/* glibc's own, in no header that Swift imports. */
#include <malloc.h>
static inline void cdbus_give_memory_back(void) { malloc_trim(0); }

/* Since glibc 2.34 and Linux 5.9; by syscall also where glibc is older. From now on the calling thread has a table of descriptors of its own, in which
   `kept` is the only one (-1: none). 0; or -1 with errno, and then nothing has changed. */
static inline int cdbus_leave_files(int kept) {
    enum { unshare = 1 << 1 };
    if (syscall(SYS_close_range, (unsigned)(kept + 1), ~0u, unshare) != 0) return -1;
    if (kept > 0) syscall(SYS_close_range, 0u, (unsigned)(kept - 1), 0u);
    return 0;
}

/* getpriority's and setpriority's first argument is an enum in C++ and with glibc's extensions only. Of the calling thread alone. */
#include <sys/resource.h>
static inline void cdbus_go_last(void) { setpriority(PRIO_PROCESS, 0, 19); }

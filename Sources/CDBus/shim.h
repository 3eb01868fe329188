#include <dbus/dbus.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/* eventfd's flags are an anonymous enum that Swift imports as Int; one call keeps the casts out of Swift. */
static inline int cdbus_new_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/* pthread_setname_np needs _GNU_SOURCE and prctl is variadic: neither imports. */
static inline void cdbus_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* syscall is variadic. A descriptor that becomes readable when the process ends; -1 with errno otherwise. */
static inline int cdbus_open_process(int pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

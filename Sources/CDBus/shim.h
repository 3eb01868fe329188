#include <dbus/dbus.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

/* eventfd's flags are an anonymous enum that Swift imports as Int; one call keeps the casts out of Swift. */
static inline int cdbus_new_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/* pthread_setname_np needs _GNU_SOURCE and prctl is variadic: neither imports. */
static inline void cdbus_name_thread(const char *name) { prctl(PR_SET_NAME, name); }

// What ThreadSanitizer does not see of Swift on Linux, told to it. Tests/Scripts/sanitize loads this into every process before all else.
//
// The contended half of a Mutex is in libSynchronization, which is built without the sanitizer, and leaves the handing over to the kernel:
// whatever such a lock guards would be reported as a race. Each function here stands before the library's of that name.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context)) void *
#define EXPORTED(name) __asm__(name) __attribute__((visibility("default")))

// Of the program, if it is built with the sanitizer: shells and buses are not.
extern void __tsan_acquire(void *) __attribute__((weak));
extern void __tsan_release(void *) __attribute__((weak));

static void acquire(void *object) {
    if (__tsan_acquire) __tsan_acquire(object);
}

static void release(void *object) {
    if (__tsan_release) __tsan_release(object);
}

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
SWIFT void lock_slow(uint32_t state, SELF self) EXPORTED(LOCK_SLOW);
SWIFT void lock_slow(uint32_t state, SELF self) {
    typedef SWIFT void function(uint32_t, SELF);
    ((function *)dlsym(RTLD_NEXT, LOCK_SLOW))(state, self);
    acquire(self);
}

// The kernel hands a contended lock on.
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"
SWIFT void unlock_slow(SELF self) EXPORTED(UNLOCK_SLOW);
SWIFT void unlock_slow(SELF self) {
    typedef SWIFT void function(SELF);
    release(self);
    ((function *)dlsym(RTLD_NEXT, UNLOCK_SLOW))(self);
}

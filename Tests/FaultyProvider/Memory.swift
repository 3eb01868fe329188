import Glibc

/// What this process may have.
enum Memory {
    struct Failure: Error {
        var what: String
        var code: Int32
    }

    /// Lets the process have so many bytes of address space more than it has now; nil: as many as there are.
    static func limit(_ bytes: Int?) throws {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { throw Failure(what: "getrlimit", code: errno) }
        if let bytes { limit.rlim_cur = min(limit.rlim_max, rlim_t(try size() + bytes)) } else { limit.rlim_cur = limit.rlim_max }
        guard setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { throw Failure(what: "setrlimit", code: errno) }
    }

    /// The address space that it has, in bytes.
    private static func size() throws -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { throw Failure(what: "fopen /proc/self/statm", code: errno) }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: 64)
        guard fgets(&text, Int32(text.count), file) != nil else { throw Failure(what: "fgets", code: errno) }
        return strtol(text, nil, 10) * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Memory that is used, so that the compiler cannot leave it out; nil, with `errno`, where there is none.
    @inline(never)
    static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        guard let memory = malloc(bytes) else { return nil }
        memset(memory, 1, min(bytes, 4096))
        return memory
    }
}

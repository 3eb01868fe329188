import CIM
import Glibc

/// What the errors of the system (errno) mean to a client of CIM: the one table, by their numbers and by the names that sd-bus gives them.
extension WBEMStatus {
    private static let systemErrors: [(number: Int32, name: String, status: WBEMStatus)] = [
        (EACCES, "EACCES", .accessDenied), (EDQUOT, "EDQUOT", .outOfDiskSpace), (EEXIST, "EEXIST", .alreadyExists),
        (EINVAL, "EINVAL", .invalidParameter), (ENODEV, "ENODEV", .notFound), (ENOENT, "ENOENT", .notFound),
        (ENOMEM, "ENOMEM", .outOfMemory), (ENOSPC, "ENOSPC", .outOfDiskSpace), (ENOSYS, "ENOSYS", .notSupported),
        (ENOTSUP, "ENOTSUP", .notSupported), (EOPNOTSUPP, "EOPNOTSUPP", .notSupported), (ENXIO, "ENXIO", .notFound),
        (EPERM, "EPERM", .accessDenied), (EROFS, "EROFS", .readOnly), (ESRCH, "ESRCH", .notFound), (ETIMEDOUT, "ETIMEDOUT", .timedOut),
    ]

    /// What an error number says to the client of a provider that met it; nil where it says only that something failed.
    public init?(systemError number: Int32) {
        guard let entry = Self.systemErrors.first(where: { $0.number == number }) else { return nil }
        self = entry.status
    }

    /// Which resource of the system is used up: OutOfMemory or OutOfDiskSpace; nil for any other error. For system calls that a program makes
    /// for itself, whose other errors are its own affair.
    public static func shortage(systemError number: Int32) -> WBEMStatus? {
        let status = WBEMStatus(systemError: number)
        return status == .outOfMemory || status == .outOfDiskSpace ? status : nil
    }

    /// By the names of sd-bus, `System.Error.ENOENT`.
    static let bySystemErrorName: [String: WBEMStatus] = Dictionary(
        uniqueKeysWithValues: systemErrors.map { ("System.Error." + $0.name, $0.status) })
}

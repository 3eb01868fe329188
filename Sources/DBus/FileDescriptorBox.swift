import Glibc

/// A file descriptor that closes itself with its last reference. Two boxes are equal when they are the same box.
public final class FileDescriptorBox: Hashable, Sendable {
    /// The number, valid while the box lives. Do not close it.
    public let rawValue: Int32

    /// Takes the descriptor over: the box closes it.
    public init(owning rawValue: Int32) { self.rawValue = rawValue }

    /// Nil when the descriptor cannot be duplicated (closed, or the process is out of them); `errno` says which.
    public init?(duplicating rawValue: Int32) {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 3)
        if copy < 0 { return nil }
        self.rawValue = copy
    }

    deinit { Glibc.close(rawValue) }

    public static func == (a: FileDescriptorBox, b: FileDescriptorBox) -> Bool { a === b }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

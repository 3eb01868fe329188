import CIM
import Glibc
import Synchronization

/// Held while a process has a repository open: an exclusive lock on a file beside it, which ends with the process.
final class RepositoryLock: Sendable {
    /// -1 once released.
    private let descriptor: Mutex<Int32>

    /// - Throws: BackupRestoreWinmgmtRunning when another process, or this one, holds it; ConnectionFailed.
    init(_ path: String) throws(CIMError) {
        // Where others may write the directory, what lies there may lead anywhere.
        let descriptor = Glibc.open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw RepositoryFile.systemError("lock", path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let error = errno
            close(descriptor)
            guard error == EWOULDBLOCK else {
                errno = error
                throw RepositoryFile.systemError("lock", path)
            }
            throw CIMError(
                .backupRestoreWinmgmtRunning, "repository \(path) is in use by another broker: end that one, or give another directory")
        }
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Lets others open the repository. Nothing happens the second time.
    func release() {
        descriptor.withLock { descriptor in
            if descriptor >= 0 {
                // Closing alone is not enough while a child process that is being started still has a copy.
                flock(descriptor, LOCK_UN)
                close(descriptor)
            }
            descriptor = -1
        }
    }
}

import CIM
import CSQLite
import Glibc
import Testing

@testable import CIMRepository

/// R15: what SQLite and the system say of memory and of room.
@Suite struct ShortageTests {
    @Test("R15: SQLite without memory is OutOfMemory, also while it reads or writes; a full disk is OutOfDiskSpace, and no memory")
    func sqlite() {
        for (code, status) in [
            (SQLITE_NOMEM, .outOfMemory), (SQLiteError.ioNoMemory, .outOfMemory), (SQLITE_FULL, .outOfDiskSpace),
            (SQLITE_IOERR, .connectionFailed), (SQLITE_IOERR | 1 << 8, .connectionFailed), (SQLITE_CORRUPT, .criticalError),
        ] as [(Int32, WBEMStatus)] {
            let error = RepositoryFile.error(SQLiteError(code), place: "/tmp/x")
            #expect(error.status == status, "\(code): \(error)")
            #expect(error.message.contains("/tmp/x"))
        }
    }

    @Test("R15: what the system says when a repository is opened or made: ENOMEM is OutOfMemory, ENOSPC is OutOfDiskSpace")
    func system() {
        for (code, status) in [
            (ENOMEM, .outOfMemory), (ENOSPC, .outOfDiskSpace), (EDQUOT, .outOfDiskSpace), (EACCES, .connectionFailed),
        ] as [(Int32, WBEMStatus)] {
            errno = code
            let error = RepositoryFile.systemError("open", "/tmp/x")
            #expect(error.status == status && error.message.contains("/tmp/x"), "\(error)")
        }
    }
}

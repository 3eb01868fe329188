import CIMBusBroker
import Glibc

/// The directory that `--state` names.
enum StateDirectory {
    /// Makes it, for the broker's user alone, where it is not there, and those above it. One that is there must be the broker's user's, and
    /// nobody else may write it: whoever may could put another repository in its place.
    static func make(_ path: String) throws(CIMBusError) {
        for (index, byte) in path.utf8.enumerated() where byte == UInt8(ascii: "/") && index > 0 {
            // What is wrong is seen at the last of them.
            _ = mkdir(String(decoding: path.utf8.prefix(index), as: UTF8.self), 0o755)
        }
        guard mkdir(path, 0o700) != 0 else { return }
        let error = errno
        var information = stat()
        // Whether what is there can be used is said when the repository is opened.
        if error == EEXIST, stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR {
            guard information.st_uid == geteuid() else {
                throw CIMBusError(
                    .noRepository,
                    "the state directory \(path) belongs to uid \(information.st_uid), and the broker runs as uid \(geteuid()); run it as that user, or give another directory"
                )
            }
            guard information.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
                throw CIMBusError(.noRepository, "the state directory \(path) may be written by others; chmod go-w \(path)")
            }
            return
        }
        let reason = error == EEXIST ? "it is no directory" : String(cString: strerror(error))
        throw CIMBusError(
            .noRepository, "the state directory \(path) cannot be made: \(reason); give a directory that this user may make or write")
    }
}

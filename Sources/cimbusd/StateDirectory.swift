import CIMBusBroker
import Glibc

/// The directory that `--state` names.
enum StateDirectory {
    /// Makes it, for the broker's user alone, where it is not there. The one above it must be.
    static func make(_ path: String) throws(CIMBusError) {
        guard mkdir(path, 0o700) != 0 else { return }
        let error = errno
        var information = stat()
        // Whether what is there can be used is said when the repository is opened.
        if error == EEXIST, stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR { return }
        let reason = error == EEXIST ? "it is no directory" : String(cString: strerror(error))
        let advice =
            error == ENOENT ? "make the directory above it first, or give another" : "give a directory that this user may make or write"
        throw CIMBusError(.noRepository, "the state directory \(path) cannot be made: \(reason); \(advice)")
    }
}

import ArgumentParser
import CIMBusClient
import Glibc

struct Metrics: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows what the broker counts, in the format of OpenMetrics.",
        discussion: """
            With --textfile it writes a file for node_exporter's textfile collector, of which a reader never sees a part. How much each user has \
            of what is bounded is there for root, and for whoever has the right ReadSecurity of root.
            """)

    @Option(help: ArgumentHelp("Write them to this file instead of standard output.", valueName: "path")) var textfile: String?
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let text = try await options.broker(session).metrics()
        guard let textfile else { return try output.write(text) }
        try Self.replace(textfile, text)
    }

    /// Writes a file beside it, and gives that its name: whoever reads the file sees the old text or the new one.
    private static func replace(_ path: String, _ text: String) throws {
        let new = "\(path).\(getpid())"
        func failed(_ what: String) -> ValidationError {
            ValidationError("cannot \(what) \(new): \(String(cString: strerror(errno))); give a path in a folder that this user may write")
        }
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard descriptor >= 0 else { throw failed("make") }
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failed("write")
                close(descriptor)
                unlink(new)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        // node_exporter has another user, whatever the mask of this one.
        fchmod(descriptor, 0o644)
        close(descriptor)
        guard rename(new, path) == 0 else {
            let error = failed("rename")
            unlink(new)
            throw error
        }
    }
}

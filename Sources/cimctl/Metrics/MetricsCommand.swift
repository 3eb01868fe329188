import ArgumentParser
import CIMBusClient
import CIMBusWire
import Glibc

struct Metrics: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows what the broker counts, and numbers of instances, in the format of OpenMetrics.",
        discussion: """
            With --textfile it writes a file for node_exporter's textfile collector, of which a reader never sees a part. How much each user has \
            of what is bounded is there for root, and for whoever has the right ReadSecurity of root.

            Files say which numbers of which instances are gauges: /usr/share/cimbus/metrics.d/*.conf, /etc/cimbus/metrics.d/*.conf and \
            ~/.config/cimbus/metrics.d/*.conf; a later section replaces an earlier one of its name. This one makes cim_filesystem_size_bytes and \
            cim_filesystem_available_space, with the label name:

              [filesystem]
              Help=Of the file systems that are mounted.
              Class=Linux_MountedFileSystem
              Values=Size as size_bytes, AvailableSpace
              Labels=Name
              Where=FileSystemType <> 'proc'
              Rows=200

            Values are numbers, and booleans as 0 or 1. Without Labels= the keys of the class are the labels; without Rows= a gauge has 1000 \
            instances. All of them are asked at the same time, with the rights of the user, and all of it takes --timeout at most (10 seconds). \
            What is missing then, or does not fit, is said on standard error, the gauge has cimbus_query_complete 0, and the exit status is 1; what \
            is there is written all the same.
            """)

    @Option(help: ArgumentHelp("Write them to this file instead of standard output.", valueName: "path")) var textfile: String?
    @OptionGroup var options: CommandOptions

    /// As long as Prometheus waits for an answer, where nobody says otherwise.
    private static let defaultTimeout = Duration.seconds(10)

    func run(_ session: Session, _ output: inout Output) async throws {
        let deadline = options.timeLimit(orElse: Self.defaultTimeout).map { ContinuousClock.now + $0 }
        var broker = options.broker(session)
        if let deadline { broker.timeout = min(broker.timeout, ContinuousClock.now.duration(to: deadline)) }
        let gauges = Gauges.installed()
        // A broker that does not say what it counts is asked for nothing more.
        async let asked = GaugeScrape(session, until: deadline).readings(of: gauges.all)
        let own = try await broker.metrics()
        let readings = await asked
        var text = MetricsText(.common)
        readings.write(to: &text)
        let whole = own.removingEnd + text.finish()
        if let textfile { try Self.replace(textfile, whole) } else { try output.write(whole) }
        try complain(gauges.faults + readings.compactMap(\.fault), &output)
    }

    private func complain(_ faults: [ConfigurationFault], _ output: inout Output) throws {
        if faults.isEmpty { return }
        let name = output.hostName ?? "cimctl"
        for fault in faults.prefix(Gauges.most) { try output.note("\(name): \(FailureReport.printable(fault.text))\n") }
        throw Reported(status: .failed)
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

extension String {
    /// Metrics without their last line, behind which nothing may stand.
    fileprivate var removingEnd: String { hasSuffix("# EOF\n") ? String(dropLast("# EOF\n".count)) : self }
}

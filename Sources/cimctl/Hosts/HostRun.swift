import CIMBusClient
import Glibc

/// One command on many hosts, so many of them at a time. A host that fails is one line of error, and the others go on.
struct HostRun {
    private let options: CommandOptions

    /// Each once.
    private let names: [String]

    init(_ options: CommandOptions) {
        self.options = options
        names = options.hostNames
    }

    /// Throws ``Reported`` when a host did.
    func perform<Work: Command>(_ command: Work, _ output: inout Output) async throws {
        Self.makeRoom(for: min(options.parallel, names.count))
        let merge = HostMerge(command.style)
        let shared = UncheckedCommand(command)
        let run = UncheckedCommand(self)
        var failures: Set<ExitStatus> = []
        await withTaskGroup(of: ExitStatus.self) { group in
            var waiting = names[...]
            func startNext() {
                guard let host = waiting.popFirst() else { return }
                group.addTask(executorPreference: commandThread) { await run.value.one(host, shared.value, merge) }
            }
            for _ in 0..<options.parallel { startNext() }
            for await status in group {
                if status != .done { failures.insert(status) }
                startNext()
            }
        }
        try merge.end()
        if let first = failures.first { throw Reported(status: failures.count == 1 ? first : .failed) }
    }

    /// A shell's limit of descriptors is for programs that have few. Each host takes three, and one while ssh starts.
    private static func makeRoom(for hosts: Int) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        let wanted = UInt(64 + 4 * hosts)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < wanted else { return }
        limit.rlim_cur = min(limit.rlim_max, wanted)
        _ = setrlimit(resource, &limit)
    }

    private func one<Work: Command>(_ host: String, _ command: Work, _ merge: HostMerge) async -> ExitStatus {
        let limit = options.timeLimit
        var output = Output(command.style, of: merge.share(of: host))
        let link: HostLink
        do throws(CIMError) {
            link = try HostLink(host, far: options.busAddress, isOneOfMany: names.count > 1, limit: limit)
        } catch {
            return complain(error, host, command, merge)
        }
        // For a host, the time counts from here, whatever ssh and the operation do with it.
        let isEndless = Work.isEndless || options.watch != nil
        let clock = limit.map { limit in
            Task {
                try await Task.sleep(for: limit)
                link.expire()
            }
        }
        defer { clock?.cancel() }
        do {
            let session = try await Session.connect(to: link.address, namespace: options.namespaceName)
            if isEndless { clock?.cancel() }
            try await command.repeatedly(session, &output)
            await session.close()
            link.end()
            return .done
        } catch is Output.NobodyReads {
            link.end()
            return .done
        } catch {
            link.end(failed: true)
            try? output.flush()
            return complain(link.cause(of: error, limit), host, command, merge)
        }
    }

    private func complain<Work: Command>(_ error: any Error, _ host: String, _ command: Work, _ merge: HostMerge) -> ExitStatus {
        switch Outcome(error) {
        case .done: return .done
        case .reported(let status): return status
        case .mistaken(let message):
            let words = UsageReport.text(message, for: Work.self, isJSON: command.style.format.isJSON)
            merge.complain(command.style.format.isJSON ? words : "\(host): \(FailureReport.printable(message))\n")
            return .usage
        case .failed(let error):
            let advice = (error.cause as? Advice)?.text ?? command.advice(after: error.status)
            let report = FailureReport(error, on: command.busAddress, advice: advice)
            var place = command.place
            place.host = host
            merge.complain(command.style.format.isJSON ? report.json(place) : report.line(of: host))
            return ExitStatus(error)
        }
    }
}

import CIM

extension MI {
    /// A report of an operation before its end.
    enum Report: Sendable {
        case progress(OperationProgress)
        case message(MessageChannel, String)
        case error(CIMError)

        /// A status with an object is a message, or, when the object's status is an error, an error that does not end the operation.
        init(_ progress: OperationProgress) {
            guard let object = progress.object else {
                self = .progress(progress)
                return
            }
            let status = WBEMStatus(rawValue: object["StatusCode"]?.uint64Value.flatMap { UInt32(exactly: $0) } ?? 0)
            guard status.isSuccess else {
                self = .error(CIMError(status, parameter: progress.text ?? "", object: object))
                return
            }
            let words = object["Description"]?.stringValue ?? progress.text ?? status.meaning
            self = .message(status == .noError ? .verbose : .warning, words)
        }

        /// A success with a reservation, in the provider's words where it has any.
        init(reservation final: FinalStatus) {
            let words = final.object?["Description"]?.stringValue ?? final.status.meaning
            self = .message(.warning, "\(final.status.name ?? final.status.hex): \(words)")
        }
    }

    /// Takes reports to the callbacks, in order, one at a time, off the connection's thread.
    final class Reporter: Sendable {
        /// When more reports than this are unread, the callback stands still, and the oldest reports are dropped.
        private static let mostWaiting = 256

        private let activity: String
        private let callbacks: OperationCallbacks
        private let errorMode: CallbackMode
        private let channels: Set<MessageChannel>
        private let reports: AsyncStream<Report>
        private let input: AsyncStream<Report>.Continuation
        private let isDrained = Signal<Void>()

        init(_ activity: String, _ callbacks: OperationCallbacks, _ options: OperationOptions) {
            self.activity = activity
            self.callbacks = callbacks
            errorMode = options.errorMode
            channels = options.channels
            (reports, input) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.mostWaiting))
        }

        func report(_ report: Report) { input.yield(report) }

        /// From now on nothing is reported.
        func finish() { input.finish() }

        /// Waits until every report was delivered. To be called once, before the last result is given.
        func drain() async {
            finish()
            await isDrained.value()
        }

        func start(_ control: OperationControl) {
            Task { [self] in
                var standing: Response?
                for await report in reports {
                    await control.turn.take()
                    switch report {
                    case .progress(let progress): callbacks.writeProgress?(control, ProgressReport(activity, progress))
                    case .message(let channel, let text): if channels.contains(channel) { callbacks.writeMessage?(control, channel, text) }
                    case .error(let error): await deliver(error, &standing, control)
                    }
                    control.turn.giveBack()
                }
                isDrained.send(())
            }
        }

        private func deliver(_ error: CIMError, _ standing: inout Response?, _ control: OperationControl) async {
            guard errorMode != .ignore, let writeError = callbacks.writeError else { return }
            guard errorMode == .inquire, standing == nil else { return writeError(control, error.errorDetails, nil) }
            let given = Signal<Response>()
            writeError(control, error.errorDetails, Answer(given, default: .yes))
            let response = await given.value()
            if response.isForAll { standing = response }
            if !response.isYes { control.cancel() }
        }
    }
}

extension MI.ProgressReport {
    init(_ activity: String, _ progress: OperationProgress) {
        self.activity = activity
        statusDescription = progress.text
        percentComplete = progress.total == 0 ? nil : min(100, UInt32(progress.current) * 100 / UInt32(progress.total))
    }
}

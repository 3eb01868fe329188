import CIM
import CIMBusWire
import DBus

extension MI {
    /// A request to the broker, and how its answers are read.
    struct Call<Element: Sendable>: Sendable {
        typealias Reading = @Sendable (inout InstanceDecoder, Message) async throws(CIMError) -> [Element]
        typealias Ending = @Sendable (FinalStatus) async throws(CIMError) -> Element?

        /// Sends the request. The answer comes to the sink.
        var send: @Sendable (ClientSink) -> Void
        /// Whether the operation has started only when the broker reports so; else it has at once.
        var startsWhenReported = false
        /// Whether the operation has at most one object, which comes with the last result.
        var isSingle = false
        /// The class of objects that do not name their class.
        var expectedClass = ""
        var read: Reading
        /// The element that follows from the final status alone, where no object came.
        var last: Ending = { _ in nil }
    }

    /// Gives the results of an operation, one by one, the last with `moreResults` false. By one task at a time.
    struct ResultSource<Element: Sendable>: Sendable {
        private let sink: ClientSink
        private let reporter: Reporter?
        private let call: Call<Element>?
        private var decoder: InstanceDecoder
        private var isStartDue: Bool
        private var batch: [Element] = []
        private var index = 0

        /// - Parameter call: nil when the request was refused here, and the sink has ended.
        init(_ sink: ClientSink, _ call: Call<Element>?, reporter: Reporter?, reportsStart: Bool) {
            self.sink = sink
            self.call = call
            self.reporter = reporter
            decoder = InstanceDecoder(expectedClass: call?.expectedClass ?? "")
            isStartDue = reportsStart && call != nil
        }

        mutating func next() async -> OperationResult<Element> {
            if isStartDue {
                isStartDue = false
                if await hasStarted() { return OperationResult(moreResults: true) }
            }
            do throws(CIMError) {
                while true {
                    if let element = waiting() { return OperationResult(value: element, moreResults: true) }
                    switch await sink.take() {
                    case .batch(let message): try await read(message)
                    case .ended(let ending): return await last(.success(try await value(of: try ending.get())))
                    case .nothing: break
                    }
                }
            } catch {
                // What cannot be read ends the operation for the broker, too.
                sink.cancel()
                return await last(.failure(error))
            }
        }

        /// Whether the operation starts; else its end is there.
        private func hasStarted() async -> Bool {
            guard call?.startsWhenReported == true else { return true }
            return await withTaskCancellationHandler {
                do throws(CIMError) {
                    try await sink.reported()
                    return true
                } catch {
                    return false
                }
            } onCancel: { [sink] in
                sink.cancel()
            }
        }

        /// The next element that was read and may be given. After a cancel none is.
        private mutating func waiting() -> Element? {
            guard call?.isSingle == false, index < batch.count, !sink.isCancelled else { return nil }
            defer { index += 1 }
            return batch[index]
        }

        private mutating func read(_ message: Message) async throws(CIMError) {
            guard let call else { return }
            // One object is all that a single result has; more would be the broker's fault.
            if call.isSingle, !batch.isEmpty { return }
            batch = try await call.read(&decoder, message)
            index = 0
        }

        private func value(of final: FinalStatus) async throws(CIMError) -> Element? {
            if final.status != .noError { reporter?.report(Report(reservation: final)) }
            guard let call, call.isSingle else { return nil }
            if let element = batch.first { return element }
            return try await call.last(final)
        }

        /// Everything that was reported comes before the end.
        private func last(_ ending: Result<Element?, CIMError>) async -> OperationResult<Element> {
            if call != nil { await reporter?.drain() }
            switch ending {
            case .success(let value): return OperationResult(value: value, moreResults: false)
            case .failure(let error): return OperationResult(moreResults: false, error: error)
            }
        }
    }
}

import CIM
import CIMBusWire
import DBus

/// An operation under way, whatever its form.
public struct RawOpenOperation: Sendable {
    let client: RawClient
    let operation: RawOperation
    public let form: CallForm
    /// The broker's object for it; nil in the synchronous form.
    public let path: ObjectPath?
    /// The client's sink in the asynchronous form.
    public let sink: RawSink?
    let reply: Task<[DBusValue], any Error>?

    /// Waits for the end, pulling what there is to pull.
    public func result(within duration: Duration = .seconds(10)) async throws -> OperationResult {
        switch form {
        case .async:
            guard let sink else { throw ProcessError(description: "no sink") }
            return try await sink.result(within: duration)
        case .sync:
            return try await withDeadline(duration, "the reply to \(operation.member)") { try await synchronous() }
        case .semisync:
            return try await withDeadline(duration, "the result of \(operation.member)") { try await pulled() }
        }
    }

    private func synchronous() async throws -> OperationResult {
        guard let reply else { throw ProcessError(description: "no reply") }
        do {
            let values = try await reply.value
            var result = OperationResult(status: .noError)
            switch operation {
            case .get, .invoke: result.objects = [values.first?.stringDictionary ?? [:]]
            case .enumerate, .query, .events, .classes: result.objects = (values.first?.elements ?? []).compactMap(\.stringDictionary)
            case .put: result.parameter = values.first?.text ?? ""
            case .delete, .putClass, .deleteClass: break
            }
            return result
        } catch let error as DBusError {
            let failure = CIMError(error)
            guard case .errorReply(let name) = error.code, name.text.hasPrefix(Contract.errorPrefix) else { throw error }
            return OperationResult(
                status: failure.status, details: error.details.first?.stringDictionary ?? [:], message: failure.message)
        }
    }

    private func pulled() async throws -> OperationResult {
        guard let path else { throw ProcessError(description: "no operation") }
        var result = OperationResult(status: .sTimedOut)
        if operation.isEnumeration {
            while result.status == .sTimedOut || result.status == .noError {
                let (status, objects) = try await next(timeout: 5_000, count: 1_000)
                result.status = status
                result.objects += objects
            }
            if result.status == .sFalse { result.status = .noError }
        } else {
            var values: [DBusValue] = []
            repeat {
                values = try await client.call(path, Contract.callResult, "GetCallStatus", [.int32(5_000)])
            } while (values[0].integer() as UInt32?) == WBEMStatus.sTimedOut.rawValue
            result.status = WBEMStatus(rawValue: values[1].integer() ?? 0)
            if result.status.isSuccess {
                switch operation {
                case .get, .invoke:
                    let values = try await client.call(path, Contract.callResult, "GetResultObject", [.int32(0)])
                    result.objects = [values[1].stringDictionary ?? [:]]
                case .put:
                    let values = try await client.call(path, Contract.callResult, "GetResultString", [.int32(0)])
                    result.parameter = values[1].text ?? ""
                default: break
                }
            }
        }
        if !result.status.isSuccess {
            result.details = try await client.property(path, Contract.operation, "ExtendedStatus").stringDictionary ?? [:]
            result.message = result.details["Description"]?.text ?? ""
        }
        return result
    }

    /// `Enumerator.Next`.
    public func next(timeout: Int32, count: UInt32) async throws -> (WBEMStatus, [[String: DBusValue]]) {
        guard let path else { throw ProcessError(description: "no operation") }
        let values = try await client.call(path, Contract.enumerator, "Next", [.int32(timeout), .uint32(count)])
        return (WBEMStatus(rawValue: values[0].integer() ?? .max), (values[1].elements ?? []).compactMap(\.stringDictionary))
    }

    /// `Enumerator.Skip`.
    public func skip(timeout: Int32, count: UInt32) async throws -> WBEMStatus {
        guard let path else { throw ProcessError(description: "no operation") }
        let values = try await client.call(path, Contract.enumerator, "Skip", [.int32(timeout), .uint32(count)])
        return WBEMStatus(rawValue: values[0].integer() ?? .max)
    }
}

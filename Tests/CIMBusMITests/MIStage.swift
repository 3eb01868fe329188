import CIM
import CIMBusClient
import SDKTestKit
import WireTestKit

/// A stage with a session of MI.
struct MIStage: Sendable {
    let stage: Stage
    let application: MI.Application
    let session: MI.Session

    static func start(_ provider: ThingProvider = ThingProvider()) async throws -> MIStage {
        let stage = try await Stage.start(provider)
        let application = MI.Application(id: "tests")
        return MIStage(stage: stage, application: application, session: try await application.newSession(on: stage))
    }

    private init(stage: Stage, application: MI.Application, session: MI.Session) {
        self.stage = stage
        self.application = application
        self.session = session
    }
}

extension MI.Application {
    func newSession(on stage: Stage) async throws -> MI.Session {
        try await newSession(to: .address(stage.bus.address), logger: quiet)
    }
}

/// What came of an operation.
struct MIResults: Sendable {
    var instances: [CIMInstance] = []
    /// Of every result, in order.
    var moreResults: [Bool] = []
    var last: MI.OperationResult<CIMInstance>?

    var numbers: [Int] { instances.map { Int($0["Number"]?.int64Value ?? -1) } }
    var code: MI.ResultCode? { last?.resultCode }
    var category: MI.ErrorCategory? {
        (last?.errorDetails?["error_Category"]?.uint64Value).flatMap { UInt16(exactly: $0) }.flatMap { MI.ErrorCategory(rawValue: $0) }
    }
    /// One last result, and it is the last.
    var isWellFormed: Bool { moreResults.last == false && moreResults.dropLast().allSatisfy { $0 } }

    mutating func add(_ result: MI.OperationResult<CIMInstance>) {
        if let instance = result.instance { instances.append(instance) }
        moreResults.append(result.moreResults)
        if !result.moreResults { last = result }
    }
}

/// Pulls until `moreResults` is false.
func pullAll(_ operation: MI.InstanceOperation) async throws -> MIResults {
    try await soon("the last result") {
        var results = MIResults()
        while results.last == nil { results.add(try await operation.getInstance()) }
        return results
    }
}

/// The results that a callback got.
final class MIRecord: Sendable {
    let results = Recorder<MI.OperationResult<CIMInstance>>()

    var callback: @Sendable (MI.OperationControl, MI.OperationResult<CIMInstance>) -> Void {
        { [results] _, result in results.record(result) }
    }

    /// Waits for the last.
    func all() async throws -> MIResults {
        try await results.wait("the last result") { $0.last?.moreResults == false }
        return now
    }

    var now: MIResults {
        var collected = MIResults()
        for result in results.all { collected.add(result) }
        return collected
    }
}

/// How a call of this API failed.
func miFailure(_ body: @escaping @Sendable () async throws -> Void) async throws -> MI.ResultCode? {
    try await soon("a failure") {
        do {
            try await body()
            return nil
        } catch let error as CIMError {
            return error.resultCode
        }
    }
}

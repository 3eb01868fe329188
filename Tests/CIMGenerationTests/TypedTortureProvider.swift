import CIM
import CIMBusProvider
import Synchronization
import WireTestKit

/// Keeps instances of the classes of Torture.mof, in the types that were generated.
final class TypedTortureProvider: Torture_TypesProvider, Torture_SpecialProvider, Torture_SingleProvider {
    private let kept = Mutex<[Torture_Types.Keys: Torture_Types]>([:])
    private let single = Mutex(Torture_Single())
    let supportsPartialPut = false

    init(_ values: [Torture_Types] = []) { kept.withLock { kept in for value in values { kept[value.keys] = value } } }

    func instances(into rows: inout TypedRows<Torture_Types>, context: RequestContext) async throws {
        for value in kept.withLock({ $0.values.sorted { $0.name < $1.name } }) { try await rows.append(value) }
    }

    func get(_ reference: Reference<Torture_Types>, context: RequestContext) async throws -> Torture_Types? {
        let keys = try reference.keys()
        return kept.withLock { $0[keys] }
    }

    func put(_ object: Torture_Types, context: RequestContext) async throws -> Reference<Torture_Types>? {
        try kept.withLock { kept throws(CIMError) in
            if kept[object.keys] == nil, context.putMode == .updateOnly { throw CIMError(.notFound, "nothing is there to update") }
            if kept[object.keys] != nil, context.putMode == .createOnly { throw CIMError(.alreadyExists, "it is there already") }
            kept[object.keys] = object
        }
        return nil
    }

    func delete(_ reference: Reference<Torture_Types>, context: RequestContext) async throws {
        let keys = try reference.keys()
        guard kept.withLock({ $0.removeValue(forKey: keys) }) != nil else { throw CIMError(.notFound, "nothing is there to delete") }
    }

    func requestState(
        _ reference: Reference<Torture_Types>, wanted: Torture_Base.RequestStateWanted, timeout: CIMDateTime?, context: RequestContext
    ) async throws -> Torture_Base.RequestStateResult {
        Torture_Base.RequestStateResult(
            returnValue: wanted == .on ? .completed : .init(rawValue: 17), job: timeout == nil ? nil : Reference(reference.path))
    }

    func strike(_ reference: Reference<Torture_Types>, times: UInt32, context: RequestContext) async throws -> UInt32 { times &+ 1 }

    func nothing(_ reference: Reference<Torture_Types>, context: RequestContext) async throws {}

    func give(_ reference: Reference<Torture_Types>, both: [UInt64], context: RequestContext) async throws -> Torture_Types.GiveResult {
        Torture_Types.GiveResult(text: try reference.keys().name, both: both.reversed())
    }

    func find(
        _ type: Torture_Types.Type, name: String, near: Reference<Torture_Types>?, context: RequestContext
    ) async throws -> Torture_Types.FindResult {
        let found = kept.withLock { $0.keys.filter { $0.name == name } }
        guard let first = found.first else { throw CIMError(.notFound, "there is none") }
        return Torture_Types.FindResult(returnValue: Reference(first), count: UInt32(clamping: found.count))
    }

    // MARK: - The subclass, of which there is one

    static let special = Torture_Special(name: "special", number: 9, text: "below", mode: .last, since: "ever")

    func instances(into rows: inout TypedRows<Torture_Special>, context: RequestContext) async throws {
        try await rows.append(Self.special)
    }

    func get(_ reference: Reference<Torture_Special>, context: RequestContext) async throws -> Torture_Special? {
        try reference.keys() == Self.special.keys ? Self.special : nil
    }

    func put(_ object: Torture_Special, context: RequestContext) async throws -> Reference<Torture_Special>? { nil }

    func requestState(
        _ reference: Reference<Torture_Special>, wanted: Torture_Base.RequestStateWanted, timeout: CIMDateTime?, context: RequestContext
    ) async throws -> Torture_Base.RequestStateResult {
        try await requestState(reference.superclass, wanted: wanted, timeout: timeout, context: context)
    }

    func strike(_ reference: Reference<Torture_Special>, times: UInt32, context: RequestContext) async throws -> UInt32 { times &* 2 }
    func nothing(_ reference: Reference<Torture_Special>, context: RequestContext) async throws {}

    func give(_ reference: Reference<Torture_Special>, both: [UInt64], context: RequestContext) async throws -> Torture_Types.GiveResult {
        try await give(reference.superclass, both: both, context: context)
    }

    func find(
        _ type: Torture_Special.Type, name: String, near: Reference<Torture_Types>?, context: RequestContext
    ) async throws -> Torture_Types.FindResult { throw CIMError(.notFound, "there is none") }

    // MARK: - The singleton, with objects in it

    func instances(into rows: inout TypedRows<Torture_Single>, context: RequestContext) async throws {
        try await rows.append(single.withLock { $0 })
    }

    func get(_ reference: Reference<Torture_Single>, context: RequestContext) async throws -> Torture_Single? { single.withLock { $0 } }

    func put(_ object: Torture_Single, context: RequestContext) async throws -> Reference<Torture_Single>? {
        single.withLock { $0 = object }
        return nil
    }
}

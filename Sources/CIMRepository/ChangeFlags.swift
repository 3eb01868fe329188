import CIM

/// How a put treats what is there already (SEMANTICS A.2.2). The empty set is CREATE_OR_UPDATE, compatible.
public struct ChangeFlags: OptionSet, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// It must exist, else NotFound.
    public static let updateOnly = ChangeFlags(rawValue: 0x1)

    /// It must not exist, else AlreadyExists.
    public static let createOnly = ChangeFlags(rawValue: 0x2)

    /// A class with subclasses may change if all of them still resolve.
    public static let safeMode = ChangeFlags(rawValue: 0x20)

    /// As `safeMode`, and a subclass's qualifier that conflicts with the change is deleted.
    public static let forceMode = ChangeFlags(rawValue: 0x40)

    /// What a put may carry. Anything else in a caller's flags is not for the repository.
    public static let all: ChangeFlags = [.updateOnly, .createOnly, .safeMode, .forceMode]

    /// Throws InvalidParameter for flags that contradict each other.
    func check() throws(CIMError) {
        if isSuperset(of: [.updateOnly, .createOnly]) {
            throw CIMError(.invalidParameter, "UPDATE_ONLY and CREATE_ONLY contradict each other: give one")
        }
        if isSuperset(of: [.safeMode, .forceMode]) {
            throw CIMError(.invalidParameter, "UPDATE_SAFE_MODE and UPDATE_FORCE_MODE contradict each other: give one")
        }
    }

    /// Throws AlreadyExists or NotFound when the thing being put is there and should not be, or the other way round.
    func check(exists: Bool, _ what: @autoclosure () -> String) throws(CIMError) {
        if exists, contains(.createOnly) { throw CIMError(.alreadyExists, "\(what()) is there already, and CREATE_ONLY was asked for") }
        if !exists, contains(.updateOnly) { throw CIMError(.notFound, "\(what()) is not there, and UPDATE_ONLY was asked for") }
    }
}

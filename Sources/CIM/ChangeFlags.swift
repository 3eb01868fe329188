/// How a put treats an object that is there already (Semantics A.2.2). The numbers are those of WBEM_CHANGE_FLAG_TYPE. The empty set is
/// CREATE_OR_UPDATE, UPDATE_COMPATIBLE.
public struct ChangeFlags: OptionSet, Hashable, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// It must exist, else NotFound.
    public static let updateOnly = ChangeFlags(rawValue: 0x1)

    /// It must not exist, else AlreadyExists.
    public static let createOnly = ChangeFlags(rawValue: 0x2)

    /// A class with subclasses may change if all of them still resolve.
    public static let safeUpdate = ChangeFlags(rawValue: 0x20)

    /// As `safeUpdate`; and a qualifier of a subclass that conflicts with the change is deleted.
    public static let forceUpdate = ChangeFlags(rawValue: 0x40)

    /// The flags that a put may carry. Any other flag of a caller is not for the repository.
    public static let all: ChangeFlags = [.updateOnly, .createOnly, .safeUpdate, .forceUpdate]

    /// Which two flags contradict each other; nil when none do.
    package var contradiction: String? {
        if isSuperset(of: [.updateOnly, .createOnly]) { return "UPDATE_ONLY and CREATE_ONLY contradict each other" }
        if isSuperset(of: [.safeUpdate, .forceUpdate]) { return "UPDATE_SAFE_MODE and UPDATE_FORCE_MODE contradict each other" }
        return nil
    }

    /// Throws InvalidParameter for flags that contradict each other.
    package func check() throws(CIMError) {
        if let contradiction { throw CIMError(.invalidParameter, "\(contradiction): give one") }
    }

    /// Throws AlreadyExists or NotFound when the thing being put is there and should not be, or the other way round.
    package func check(exists: Bool, _ what: @autoclosure () -> String) throws(CIMError) {
        if exists, contains(.createOnly) { throw CIMError(.alreadyExists, "\(what()) is there already, and CREATE_ONLY was asked for") }
        if !exists, contains(.updateOnly) { throw CIMError(.notFound, "\(what()) is not there, and UPDATE_ONLY was asked for") }
    }
}

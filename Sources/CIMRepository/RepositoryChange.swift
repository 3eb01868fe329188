import CIM
import CIMMOF

/// One change of what is stored. A list of them is one unit: see ``Repository/commit(_:)``.
public enum RepositoryChange: Hashable, Sendable {
    /// Creates a qualifier type, or replaces the one of that name.
    case putQualifierType(CIMQualifierType, in: CIMNamespaceName)
    case deleteQualifierType(String, in: CIMNamespaceName)

    /// Creates or changes a class: as declared, or resolved. See ``Schema/putClass(_:in:flags:hasInstances:)``.
    case putClass(CIMClass, in: CIMNamespaceName, flags: ChangeFlags = [])

    /// Deletes a class, all its subclasses and their static instances. When it is not there, that is an error only if it must exist.
    case deleteClass(String, in: CIMNamespaceName, mustExist: Bool = true)

    /// Creates or replaces a static instance, its qualifiers, too; one of `__NAMESPACE` creates the namespace. With `only`, these properties
    /// alone are written, beside the keys: what else an instance has that is there stays, and a new one has its class's defaults.
    case putInstance(CIMInstance, in: CIMNamespaceName, flags: ChangeFlags = [], only: [String]? = nil)

    /// Deletes a static instance; one of `__NAMESPACE` with everything in it and below.
    case deleteInstance(CIMObjectPath, in: CIMNamespaceName, mustExist: Bool = true)
    case createNamespace(CIMNamespaceName, flags: ChangeFlags = [])

    /// Deletes a namespace with everything in it and below.
    case deleteNamespace(CIMNamespaceName)

    /// Changes nothing: an instance of a MOF text that is the value of another one.
    case nothing
}

/// Which of several changes failed. It is the cause of the error that ``Repository/commit(_:)`` throws, and says only where the failure is.
/// The `CIMError` around it says whose fault the failure is.
public struct FailedChange: Error, Sendable {
    /// The position in the list, from 0.
    public var index: Int

    /// The place in a MOF text, where it is known better than by the declaration.
    public var place: MOFError?

    /// What the error was caused by.
    public var reason: (any Error & Sendable)?
}

extension CIMError {
    /// The position, in the list given to ``Repository/commit(_:)``, of the change that failed; nil when the failure is of none.
    public var failedChange: Int? { (cause as? FailedChange)?.index }

    /// Its place in the MOF text that asked for the change, where it is known better than by the declaration.
    public var failedPlace: MOFError? { (cause as? FailedChange)?.place }

    /// What caused it, wherever it happened.
    public var reason: (any Error & Sendable)? { if let change = cause as? FailedChange { change.reason } else { cause } }

    /// The same error, said of the change at this position. A `MOFError` that caused it stays its place.
    public func failed(at index: Int) -> CIMError {
        var copy = self
        copy.cause = FailedChange(index: index, place: cause as? MOFError ?? failedPlace, reason: reason)
        return copy
    }

    /// The same error, said of something in particular.
    func of(_ place: String) -> CIMError {
        var copy = self
        copy.message = "\(place): \(message)"
        return copy
    }
}

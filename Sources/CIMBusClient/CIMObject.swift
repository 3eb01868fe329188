import CIM

/// What a query gives: instances, and for a schema query (`SELECT * FROM meta_class`) classes.
public enum CIMObject: Hashable, Sendable {
    case instance(CIMInstance)
    case `class`(CIMClass)

    public var className: String {
        switch self {
        case .instance(let instance): instance.className
        case .class(let declaration): declaration.name
        }
    }
}

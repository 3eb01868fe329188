import CIM
import CIMMOF

/// What is shown of a class whose mapping is tried: its first objects, as MOF without what is NULL, and how many there are.
public struct MappingSample: Sendable {
    /// Of each class so many objects are shown.
    public static let mostObjects = 3

    private let className: String
    private var first: [CIMInstance] = []
    private var count = 0

    public init(of className: String) { self.className = className }

    public mutating func take(_ instance: CIMInstance) {
        count += 1
        guard first.count < Self.mostObjects else { return }
        var shown = instance
        shown.properties.removeAll { $0.value.isNull }
        first.append(shown)
    }

    /// - Parameter failure: what ended the reading; nil: there are no more objects.
    public func text(failure: CIMError? = nil) -> String {
        first.map { MOFWriter.write($0) + "\n" }.joined() + "// \(className): \(failure.map { "\($0)" } ?? "\(count) objects")\n\n"
    }
}

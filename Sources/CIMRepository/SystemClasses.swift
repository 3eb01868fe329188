import CIM
import CIMMOF

/// The classes that exist in every namespace, and those that `root` has beside them, compiled from MOF when first asked for.
enum SystemClasses {
    /// A new namespace, with nothing but its system classes. They are compiled once, and shared by all namespaces.
    ///
    /// - Throws: CriticalError with the MOF error: a fault of CIMBus, which a test rules out.
    static func namespace(_ name: CIMNamespaceName) throws(CIMError) -> Schema.Namespace {
        try (name == .root ? root : name.text == "root/subscription" ? subscription : everywhere).get()
    }

    private static let everywhere = Result { () throws(CIMError) in
        try compile([providersMOF, statusMOF, eventsMOF, monitoringMOF], into: Schema.Namespace())
    }

    private static let root = Result { () throws(CIMError) in try compile([rootMOF, consumersMOF], into: everywhere.get()) }

    private static let subscription = Result { () throws(CIMError) in try compile([consumersMOF], into: everywhere.get()) }

    private static func compile(_ texts: [String], into namespace: Schema.Namespace) throws(CIMError) -> Schema.Namespace {
        var namespace = namespace
        for text in texts {
            let unit: MOFUnit
            do throws(MOFError) {
                unit = try MOFParser.parse(text, file: "the system's MOF")
            } catch {
                throw CIMError(.criticalError, "\(error)", cause: error)
            }
            for declared in unit.classes {
                let parent = declared.superclass.flatMap { namespace.classes[CIMName($0)] }
                namespace.insert(try StoredClass(declared, parent: parent, isSystem: true))
            }
        }
        return namespace
    }
}

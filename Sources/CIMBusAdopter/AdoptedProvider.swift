import CIM
import CIMAdoption
import CIMBusProvider
import CIMBusWire
import CIMQuery
import DBus

/// The classes of the mappings as a provider.
public struct AdoptedProvider: InstanceProvider, QueryProvider, MethodProvider {
    let classes: AdoptedClasses
    let services: any ServiceCalling
    let misfits: Misfits
    let authority: ChangeAuthority
    private let prepared: ServiceReader

    public init(_ classes: AdoptedClasses, services: any ServiceCalling, misfits: Misfits, authority: ChangeAuthority) {
        self.classes = classes
        self.services = services
        self.misfits = misfits
        self.authority = authority
        prepared = ServiceReader(services, classes, misfits)
    }

    /// A partial put writes the properties that it names.
    public var supportsPartialPut: Bool { true }

    func adopted(_ name: String) throws(CIMError) -> AdoptedClass {
        guard let adopted = classes[name] else { throw CIMError(.invalidClass, "class \(name) is in no mapping of D-Bus services") }
        return adopted
    }

    var reader: ServiceReader { prepared.now }

    private func request(_ context: RequestContext, _ query: ProviderQuery? = nil) -> ServiceReader.Request {
        var names: [String]?
        switch context.requestedProperties {
        case .all: names = nil
        case .keys: names = []
        case .named(let wanted): names = wanted
        }
        return ServiceReader.Request(names: names, query: query, deadline: context.deadline)
    }

    public func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        try await reader.objects(of: try adopted(className), request(context), ObjectReceiver { try await sink.indicate($0) })
    }

    public func execQuery(_ query: String, language: String, context: RequestContext, into sink: ObjectSink) async throws {
        guard let asked = context.query else { throw CIMError(.invalidQuery, "\"\(query.prefix(200))\" names no class") }
        try await reader.objects(
            of: try adopted(asked.className.text), request(context, asked), ObjectReceiver { try await sink.indicate($0) })
    }

    public func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        guard let instance = try await reader.object(of: try adopted(path.className), keys: path.keys, request(context)) else {
            throw CIMError(.notFound, "there is no \(path.relativePath)")
        }
        return instance
    }
}

import CIM
import CIMBusWire
import DBus

/// Reads objects with their classes' types. Knows the layouts it was given; says which one is missing.
struct NestedReader: Sendable {
    /// The class of an object that nobody has given the layout of yet, or whose layout it did not fit.
    enum Need: Error {
        case layout(String)
        case newerLayout(String, ObjectFault)
    }

    /// For objects that do not say theirs.
    let expectedClass: String
    private var layouts: [CIMName: ObjectLayout] = [:]
    /// Objects of one class come in a row.
    private var last: (name: String, layout: ObjectLayout)?

    init(expectedClass: String) { self.expectedClass = expectedClass }

    mutating func learn(_ layout: ObjectLayout, of name: String) {
        layouts[CIMName(name)] = layout
        last = nil
    }

    /// An `aa{sv}`. Throws ``Need``, and what decoding throws.
    mutating func readInstances(_ reader: inout BodyReader) throws -> [CIMInstance] {
        let end = try reader.enterArray(elementAlignment: 4)
        var instances: [CIMInstance] = []
        while !reader.isAtEnd(of: end) { instances.append(try readInstance(&reader)) }
        try reader.leaveArray(end)
        return instances
    }

    /// An `a{sv}`, with its path where its keys allow one.
    mutating func readInstance(_ reader: inout BodyReader) throws -> CIMInstance {
        let layout = try layout(named: Self.className(at: reader) ?? expectedClass)
        var instance: CIMInstance
        do {
            instance = try reader.readInstance(layout)
        } catch let fault as ObjectFault {
            throw Need.newerLayout(layout.className, fault)
        }
        if let declaration = layout.declaration { instance.path = try? instance.path(in: declaration) }
        return instance
    }

    private mutating func layout(named name: String) throws(Need) -> ObjectLayout {
        if let last, last.name == name { return last.layout }
        guard let layout = layouts[CIMName(name)] else { throw .layout(name) }
        last = (name, layout)
        return layout
    }

    private static func className(at start: BodyReader) throws -> String? {
        var reader = start
        let end = try reader.enterArray(elementAlignment: 8)
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let isClass = try reader.readStringBytes().elementsEqual(SystemProperty.className.utf8)
            let types = try reader.readSignatureBytes()
            if isClass, types.count == 1, types[0] == UInt8(ascii: "s") { return try reader.readString() }
            try reader.skip(types: types)
        }
        return nil
    }
}

extension RequestContext {
    /// Reads with whatever classes it takes, each asked for once; a class that an object did not fit is asked for anew, once.
    func read<Value>(
        _ nested: inout NestedReader, in namespace: CIMNamespaceName, _ body: (inout NestedReader) throws -> Value
    ) async throws(CIMError) -> Value {
        var refreshed: Set<CIMName> = []
        while true {
            let need: NestedReader.Need
            do {
                return try body(&nested)
            } catch let error as NestedReader.Need {
                need = error
            } catch {
                throw CIMError(.transportFailure, "the broker's answer cannot be read: \(error)")
            }
            switch need {
            case .layout(let name): nested.learn(try await layout(of: name, in: namespace), of: name)
            case .newerLayout(let name, let fault):
                guard refreshed.insert(CIMName(name)).inserted else { throw CIMError(thrown: fault) }
                nested.learn(try await layout(of: name, in: namespace, refreshing: true), of: name)
            }
        }
    }

    /// The layout of a class; the broker is asked once for each, with the context of the call (R117).
    func layout(of name: String, in namespace: CIMNamespaceName, refreshing: Bool = false) async throws(CIMError) -> ObjectLayout {
        guard let schema = call.host.schema() else { throw CIMError(.transportFailure, "the broker is gone") }
        if !refreshing, let layout = schema.known(name, in: namespace) { return layout }
        var reader = try await self.call("GetObject", [.string(name), .int32(0), forwardedContext], in: namespace).reader
        do {
            return schema.keep(try reader.readClass(), named: name, in: namespace)
        } catch {
            throw CIMError(.transportFailure, "class \(name) cannot be read: \(error)")
        }
    }
}

import CIM
import DBus

/// Reads instances with their classes' types. Knows the layouts it was given; says which one is missing.
package struct InstanceDecoder: Sendable {
    /// The class the caller asked for, for objects that do not say theirs.
    package let expectedClass: String
    private var layouts: [CIMName: KeyedLayout] = [:]
    /// Objects of one class come in a row: its name as bytes, and its layout.
    private var last: (name: [UInt8], layout: KeyedLayout)?

    /// What is thrown where an object turns out to be a class; nil: nobody looks.
    private let refusalOfClasses: CIMError?

    package init(expectedClass: String, refusingClasses refusal: CIMError? = nil) {
        self.expectedClass = expectedClass
        refusalOfClasses = refusal
    }

    /// The class of an object that nobody has given the layout of yet, or whose layout it did not fit.
    package enum Need: Error {
        case layout(String)
        case newerLayout(String, ObjectFault)
    }

    package mutating func learn(_ layout: ObjectLayout, of name: String) {
        layouts[CIMName(name)] = KeyedLayout(layout)
        last = nil
    }

    /// Reads with whatever classes it takes: each is fetched once, and one that an object did not fit is fetched anew, once.
    ///
    /// Throws what `fetch` and `body` throw, and the fault of an object that does not fit the newest of its class either.
    package mutating func read<Value>(
        fetching fetch: (_ className: String, _ isRefreshing: Bool) async throws -> ObjectLayout,
        _ body: (inout InstanceDecoder) throws -> Value
    ) async throws -> Value {
        var refreshed: Set<CIMName> = []
        while true {
            let need: Need
            do { return try body(&self) } catch let error as Need { need = error }
            switch need {
            case .layout(let name): learn(try await fetch(name, false), of: name)
            case .newerLayout(let name, let fault):
                guard refreshed.insert(CIMName(name)).inserted else { throw fault }
                learn(try await fetch(name, true), of: name)
            }
        }
    }

    /// All instances of an `aa{sv}`. Throws ``Need``, and what decoding throws.
    package mutating func readInstances(_ reader: inout BodyReader) throws -> [CIMInstance] {
        let end = try reader.enterArray(elementAlignment: 4)
        var instances: [CIMInstance] = []
        instances.reserveCapacity(64)
        while !reader.isAtEnd(of: end) { instances.append(try readInstance(&reader)) }
        try reader.leaveArray(end)
        return instances
    }

    /// One `a{sv}`.
    package mutating func readInstance(_ reader: inout BodyReader) throws -> CIMInstance {
        if let refusalOfClasses, try reader.isClass(isBrokers: true) { throw refusalOfClasses }
        let layout = try layout(for: reader)
        var instance: CIMInstance
        do {
            instance = try reader.readInstance(layout.layout, keepingSystemProperties: true)
        } catch let fault as ObjectFault {
            throw Need.newerLayout(layout.layout.className, fault)
        }
        // The broker leaves the path out: it follows from the keys. Of a query that lists it, and not the keys, it comes.
        instance.path = layout.path(of: instance) ?? instance.path ?? Self.relativePath(of: instance)
        return instance
    }

    private static func relativePath(of instance: CIMInstance) -> CIMObjectPath? {
        instance[SystemProperty.relativePath]?.stringValue.flatMap { try? CIMObjectPath(parsing: $0) }
    }

    private mutating func layout(for start: BodyReader) throws -> KeyedLayout {
        var reader = start
        let end = try reader.enterArray(elementAlignment: 8)
        guard let name = try reader.className(before: end) else { return try found(expectedClass, bytes: []) }
        if let last, name.elementsEqual(last.name) { return last.layout }
        return try found(String(decoding: name, as: UTF8.self), bytes: Array(name))
    }

    private mutating func found(_ name: String, bytes: [UInt8]) throws -> KeyedLayout {
        guard let layout = layouts[CIMName(name)] else { throw Need.layout(name) }
        if !bytes.isEmpty { last = (bytes, layout) }
        return layout
    }
}

/// A layout, and its class's keys looked up once: what a path is made of.
private struct KeyedLayout: Sendable {
    let layout: ObjectLayout
    private let keys: [String]
    private let isSingleton: Bool

    init(_ layout: ObjectLayout) {
        self.layout = layout
        keys = layout.declaration?.keyNames ?? []
        isSingleton = layout.declaration?.isSingleton ?? false
    }

    /// The relative path; nil where a key is NULL, or is a text no path can hold. The values have their class's types already.
    func path(of instance: CIMInstance) -> CIMObjectPath? {
        if isSingleton { return CIMObjectPath(className: layout.className, keys: .singleton) }
        guard !keys.isEmpty else { return nil }
        var values: [CIMObjectPath.Key] = []
        values.reserveCapacity(keys.count)
        for name in keys {
            guard let value = instance[name], let key = CIMObjectPath.KeyValue(value) else { return nil }
            if case .string(let text) = key, text.utf8.contains(where: { $0 < 0x20 }) { return nil }
            values.append(CIMObjectPath.Key(name: name, value: key))
        }
        return CIMObjectPath(className: layout.className, keys: .keys(values))
    }
}

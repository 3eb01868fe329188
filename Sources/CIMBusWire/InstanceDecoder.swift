import CIM
import DBus

/// Reads instances with their classes' types. Knows the layouts it was given; says which one is missing.
package struct InstanceDecoder: Sendable {
    /// The class the caller asked for, for objects that do not say theirs.
    package let expectedClass: String
    private var layouts: [CIMName: ObjectLayout] = [:]
    /// Objects of one class come in a row.
    private var last: ObjectLayout?

    /// Those of the packed batch that came last.
    var columns: PackedColumns?

    /// What is thrown where an object turns out to be a class; nil: nobody looks.
    private let refusalOfClasses: CIMError?

    package init(expectedClass: String, refusingClasses refusal: CIMError? = nil) {
        self.expectedClass = expectedClass
        refusalOfClasses = refusal
    }

    /// The class of an object that nobody has given the layout of yet, or whose layout it did not fit. Nobody's fault: the class was not asked for
    /// yet, or it has changed since. What does not fit the newest layout either is an ``ObjectFault``.
    package enum Need: Error {
        case layout(String)
        case newerLayout(String, ObjectFault)
    }

    package mutating func learn(_ layout: ObjectLayout, of name: String) {
        layouts[CIMName(name)] = layout
        last = nil
    }

    /// Objects are likely to be of this class; those that are need not be asked about.
    package mutating func expect(_ layout: ObjectLayout) { last = layout }

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
            instance = try reader.readInstance(layout, keepingSystemProperties: true)
        } catch let fault as ObjectFault {
            throw Need.newerLayout(layout.className, fault)
        }
        // The broker leaves the path out: it follows from the keys. Of a query that lists it, and not the keys, it comes.
        instance.path = layout.path(of: instance) ?? instance.path ?? Self.relativePath(of: instance)
        return instance
    }

    /// The class that rows say they are of.
    func layout(ofRows batch: PackedBatch) throws -> ObjectLayout {
        guard let layout = layouts[CIMName(batch.columns.className)] else { throw Need.layout(batch.columns.className) }
        return layout
    }

    private static func relativePath(of instance: CIMInstance) -> CIMObjectPath? {
        instance[SystemProperty.relativePath.rawValue]?.stringValue.flatMap { try? CIMObjectPath(parsing: $0) }
    }

    private mutating func layout(for start: BodyReader) throws -> ObjectLayout {
        var reader = start
        let end = try reader.enterArray(elementAlignment: 8)
        // As the broker writes it: the class comes first.
        if let last, reader.hasHostByteOrder, last.classEntry.withUnsafeBytes({ reader.skip(ifNext: $0) }) { return last }
        guard let name = try reader.className(before: end) else { return try layout(named: expectedClass) }
        let found = try layout(named: String(decoding: name, as: UTF8.self))
        last = found
        return found
    }

    private func layout(named name: String) throws -> ObjectLayout {
        guard let layout = layouts[CIMName(name)] else { throw Need.layout(name) }
        return layout
    }
}

extension ObjectLayout {
    /// The relative path; nil where a key is NULL, or is a text no path can hold. The values have their class's types already.
    func path(of instance: CIMInstance) -> CIMObjectPath? {
        if isSingleton { return CIMObjectPath(className: className, keys: .singleton) }
        guard !keys.isEmpty else { return nil }
        var values: [CIMObjectPath.Key] = []
        values.reserveCapacity(keys.count)
        for index in keys {
            let name = slots[index].name
            guard let value = instance[name], let key = CIMObjectPath.KeyValue(value) else { return nil }
            if case .string(let text) = key, text.utf8.contains(where: { $0 < 0x20 }) { return nil }
            values.append(CIMObjectPath.Key(name: name, value: key))
        }
        return CIMObjectPath(className: className, keys: .keys(values))
    }
}

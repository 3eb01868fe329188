import CIM
import DBus

extension BodyReader {
    /// An `a{sv}` as an instance of the class behind `layout`, with the class's types and spellings. Properties the class does not have
    /// keep the type of the wire; an embedded object is read without its class.
    /// Throws ``ObjectFault`` and ``DBusDecodingError``.
    /// - Parameter keepingSystemProperties: whether system properties other than the class become properties of the instance.
    public mutating func readInstance(_ layout: ObjectLayout, keepingSystemProperties: Bool = false) throws -> CIMInstance {
        let end = try enterArray(elementAlignment: 8)
        var instance = CIMInstance(className: layout.className, reservingCapacity: layout.slots.count)
        var likely = 0
        if hasHostByteOrder {
            // As the broker writes them: the class first, then properties in the class's order, spelling and types.
            _ = layout.classEntry.withUnsafeBytes { skip(ifNext: $0) }
        }
        while !isAtEnd(of: end) {
            try enterDictEntry()
            if hasHostByteOrder, let index = layout.match(&self, from: likely) {
                likely = index + 1
                let slot = layout.slots[index]
                instance.append(name: slot.name, value: try readValue(of: slot))
                continue
            }
            let name = try readStringBytes()
            if SystemProperty.isName(name) {
                try readSystemProperty(name, into: &instance, layout, keeping: keepingSystemProperties)
            } else if let index = layout.slot(named: name, likely: likely) {
                likely = index + 1
                let slot = layout.slots[index]
                instance.append(name: slot.name, value: try fit(try readVariant(), slot))
            } else {
                let name = String(decoding: name, as: UTF8.self)
                instance.append(name: name, value: try readVariant())
            }
        }
        try leaveArray(end)
        return instance
    }

    private mutating func readSystemProperty(
        _ name: UnsafeRawBufferPointer, into instance: inout CIMInstance, _ layout: ObjectLayout, keeping isKept: Bool
    ) throws {
        if ObjectLayout.equal(name, SystemProperty.className.rawValue) {
            guard let className = try readVariant().stringValue else { throw ObjectFault("__CLASS is not a string") }
            instance.className = className
        } else if ObjectLayout.equal(name, SystemProperty.path.rawValue) {
            let path = try readVariant()
            instance.path = path.stringValue.flatMap { try? CIMObjectPath(parsing: $0) }
            if isKept { instance.append(name: SystemProperty.path.rawValue, value: path) }
        } else if let list = FeatureList.qualifierList(named: name) {
            try instance.take(try readVariant(), as: list) { name in layout.slot(named: name).map { layout.slots[$0].name } }
        } else if isKept {
            let name = String(decoding: name, as: UTF8.self)
            instance.append(name: name, value: try readVariant())
        } else {
            let types = try readSignatureBytes()
            try skip(types: types)
        }
    }

    /// A value whose type on the wire is the slot's.
    mutating func readValue(of slot: ObjectLayout.Slot) throws -> CIMValue {
        if slot.type.isArray { return try fit(try readArray(of: slot.type.base), slot) }
        let value = try readScalar(slot.wire.kind)
        return slot.wire.shown == slot.type.base ? value : try fit(value, slot)
    }

    private func fit(_ value: CIMValue, _ slot: ObjectLayout.Slot) throws -> CIMValue {
        guard let converted = value.converted(to: slot.type) else {
            throw ObjectFault("property \(slot.name) is \(slot.type); the value does not fit")
        }
        return converted
    }
}

extension ObjectLayout {
    /// The layout a client decodes with: it knows the types, and needs no system properties to write.
    public convenience init(decoding declaration: CIMClass) {
        self.init(declaration, namespace: .cimv2, server: ".")
    }
}

import CIM
import DBus

/// What was meant by a value of another type than the class's.
extension ObjectChecker {
    /// A value in its class's type; nil where it does not fit and is lost.
    mutating func fitted(_ reader: inout BodyReader, _ slot: ObjectLayout.Slot, in layout: ObjectLayout) throws -> CIMValue? {
        let start = reader
        do {
            let value = try reader.readUnsettledVariant()
            guard let converted = try convert(value, to: slot.type, depth: 1) else { throw Self.misfit(value) }
            if case .parameters = expectation, slot.type.base == .reference { try checkReferences(converted, slot) }
            return converted
        } catch let fault as ObjectFault where fault.kind == .misfit {
            let fault = Self.fault(of: slot.name, slot.type, layout.className, fault)
            guard losesMisfits, !slot.isKey else { throw fault }
            lost.add("\(layout.className).\(slot.name)", fault)
            reader = start
            let types = try reader.readSignatureBytes()
            try reader.skip(types: types)
            return nil
        }
    }

    private static func misfit(_ value: CIMValue) -> ObjectFault {
        ObjectFault("\(value.type?.description ?? "") \(value.briefDescription) does not fit")
    }

    private static func fault(of property: String, _ type: CIMTypeReference, _ className: String, _ reason: ObjectFault) -> ObjectFault {
        ObjectFault("property \(property) of \(className) is \(type); \(reason.description)", kind: reason.kind)
    }

    /// A parameter that refers to a class takes paths of its instances, and of those of classes below (Semantics C.5).
    private func checkReferences(_ value: CIMValue, _ slot: ObjectLayout.Slot) throws(ObjectFault) {
        guard let className = slot.type.className, let location = base.location ?? lookup(className)?.location else { return }
        for case .reference(let path) in value.arrayValue ?? [value] {
            guard path.fitsReference(to: className, in: location, classes: Self.classes(lookup, in: location)) else {
                throw ObjectFault(
                    "parameter \(slot.name) takes the path of an instance of \(className), not \(CIMValue.reference(path).briefDescription)"
                )
            }
        }
    }

    /// A reference in its one form, in which everybody gets it; any other value as it is.
    func canonical(_ value: CIMValue) -> CIMValue {
        guard let location = base.location else { return value }
        return value.withCanonicalReferences(in: location, classes: Self.classes(lookup, in: location))
    }

    private static func classes(_ lookup: @escaping Lookup, in location: CIMLocation) -> CIMObjectPath.ClassFinder {
        { name, namespace in namespace == location.namespace ? lookup(name)?.declaration : nil }
    }

    /// A value in the type its class gives it; embedded objects are checked against their own class, if it is known. Nil for a misfit.
    private mutating func convert(_ value: CIMValue, to type: CIMTypeReference, depth: Int) throws -> CIMValue? {
        guard type.isArray else {
            guard type.base == .object else { return value.read(asScalar: type.base).map { canonical($0) } }
            guard case .object(let object) = value else { return nil }
            return .object(try embedded(object, type.className, depth))
        }
        let elements: [CIMValue]
        switch value {
        case .array(let base, let values):
            if base == type.base, base != .object, values.allSatisfy({ $0.scalarType == base }) { return canonical(value) }
            elements = values
        // An empty list is an empty dictionary to who has one kind of both.
        case .object(let object) where object.className.isEmpty && object.properties.isEmpty: elements = []
        default: return nil
        }
        var converted: [CIMValue] = []
        converted.reserveCapacity(elements.count)
        let element = CIMTypeReference(type.base, className: type.className)
        for value in elements {
            guard let value = try convert(value, to: element, depth: depth) else { return nil }
            converted.append(value)
        }
        return .array(of: type.base, converted)
    }

    private mutating func embedded(_ object: CIMInstance, _ className: String?, _ depth: Int) throws -> CIMInstance {
        guard depth <= Nesting.objects else { throw ObjectFault("objects nest more than \(Nesting.objects) deep", kind: .tooDeep) }
        let name = object.className.isEmpty ? className ?? "" : object.className
        guard let declaration = lookup(name)?.declaration else {
            if className != nil { throw ObjectFault("the embedded object's class \(name) does not exist") }
            guard case .object(let settled) = try CIMValue.object(object).settled() else { return object }
            return settled
        }
        if let className, !declaration.isSameOrDerived(from: className) {
            throw ObjectFault("an embedded object of class \(name), which is not \(className)")
        }
        var checked = CIMInstance(className: declaration.name, reservingCapacity: object.properties.count)
        checked.path = object.path
        for property in object.properties {
            guard let declared = declaration.property(named: property.name) else {
                throw ObjectFault("\(declaration.name) has no property \(property.name)")
            }
            do {
                guard let value = try convert(property.value, to: declared.type, depth: depth + 1) else {
                    throw Self.misfit(property.value)
                }
                checked.append(name: declared.name, value: value)
            } catch let fault as ObjectFault where fault.kind == .misfit {
                let fault = Self.fault(of: declared.name, declared.type, declaration.name, fault)
                guard losesMisfits else { throw fault }
                lost.add("\(declaration.name).\(declared.name)", fault)
            }
        }
        return checked
    }
}

/// Values of objects that did not fit their properties, and became NULL: real systems send dates that are none, and one such value must not
/// cost all objects of an enumeration.
public struct LostValues: Sendable {
    /// How many there were.
    public private(set) var count = 0
    /// What was wrong with the first of each property, which is named with its class.
    public private(set) var reasons: [(property: String, reason: String)] = []

    public var isEmpty: Bool { count == 0 }

    mutating func add(_ property: String, _ fault: ObjectFault) {
        count += 1
        guard !reasons.contains(where: { $0.property == property }) else { return }
        reasons.append((property, fault.description))
    }
}

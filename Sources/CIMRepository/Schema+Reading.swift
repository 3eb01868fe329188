import CIM

extension Schema {
    /// Everything that is stored but instances, checked and resolved.
    ///
    /// - Throws: CriticalError when a record is not what was written, or a class does not resolve.
    init(reading storage: Storage) throws(CIMError) {
        try self.init()
        var transaction = Transaction(storage, schema: self)
        for text in try storage.namespaces() {
            guard let name = CIMNamespaceName(text), name.text == text else { throw storage.corrupt("it has a namespace '\(text)'") }
            namespaces[name] = try Schema.read(name, storage)
        }
        transaction = Transaction(storage, schema: self)
        for name in namespaces.keys { try transaction.readDefinitions(of: name) }
        self = transaction.schema
    }

    private enum Step {
        case insert(CIMClass)
        case forget(StoredClass)
    }

    private static func read(_ name: CIMNamespaceName, _ storage: Storage) throws(CIMError) -> Namespace {
        var place = try SystemClasses.namespace(name)
        try storage.forEach(in: name.text, table: .qualifierType) { key, record throws(CIMError) in
            do throws(RecordError) {
                let type = try RecordReader.readQualifierType(record)
                place.qualifierTypes[CIMName(type.name)] = type
            } catch {
                throw storage.corrupt("qualifier type \(key) of \(name) (\(error))")
            }
        }
        var known: Set<String> = []
        var waiting: [CIMName: [CIMClass]] = [:]
        var ready: [CIMClass] = []
        try storage.forEach(in: name.text, table: .class) { key, record throws(CIMError) in
            do throws(RecordError) {
                let declared = try RecordReader.readClass(record, known: &known)
                if let parent = declared.superclass, place.classes[CIMName(parent)] == nil {
                    waiting[CIMName(parent), default: []].append(declared)
                } else {
                    ready.append(declared)
                }
            } catch {
                throw storage.corrupt("class \(key) of \(name) (\(error))")
            }
        }
        // Each below its superclass: what one inherits is needed until those below it are there.
        var steps = ready.map(Step.insert)
        while let step = steps.popLast() {
            switch step {
            case .insert(let declared):
                do throws(CIMError) {
                    let stored = try StoredClass(declared, parent: declared.superclass.flatMap { place.classes[CIMName($0)] })
                    place.insert(stored)
                    steps.append(.forget(stored))
                } catch {
                    throw storage.corrupt("class \(declared.name) of \(name) does not resolve (\(error.message))")
                }
                steps += (waiting.removeValue(forKey: CIMName(declared.name)) ?? []).map(Step.insert)
            case .forget(let stored): stored.forget()
            }
        }
        if let orphan = waiting.values.first?.first {
            throw storage.corrupt("class \(orphan.name) of \(name) has no superclass \(orphan.superclass ?? "")")
        }
        return place
    }
}

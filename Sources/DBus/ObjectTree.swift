/// The objects of one connection, and who answers a call to them. Touched on the loop only. A class, so that what it calls may change it.
final class ObjectTree {
    private var objects: [String: ExportedObject] = [:]
    private var subtrees: [String: ObjectSubtree] = [:]
    /// The method of an object that was called last: the next call is mostly to the same.
    private var last: (path: String, interface: String, member: String, method: ExportedInterface.MethodEntry)?

    func removeAll() {
        objects = [:]
        subtrees = [:]
        last = nil
    }

    /// False when there is an object at the path already.
    func add(_ object: ExportedObject, at path: ObjectPath) -> Bool {
        if objects[path.text] != nil { return false }
        objects[path.text] = object
        return true
    }

    func remove(at path: ObjectPath) -> ExportedObject? {
        last = nil
        return objects.removeValue(forKey: path.text)
    }

    func add(_ subtree: ObjectSubtree, at path: ObjectPath) -> Bool {
        if subtrees[path.text] != nil { return false }
        subtrees[path.text] = subtree
        return true
    }

    func removeSubtree(at path: ObjectPath) { subtrees[path.text] = nil }

    // MARK: Lookup

    func object(at path: ObjectPath, for sender: String?) -> ExportedObject? {
        objects[path.text] ?? subtree(for: path)?.object(path, sender)
    }

    /// The nearest subtree at or above a path.
    private func subtree(for path: ObjectPath) -> ObjectSubtree? { nearest(above: path)?.value }

    private func nearest(above path: ObjectPath) -> (key: String, value: ObjectSubtree)? {
        var nearest: (key: String, value: ObjectSubtree)?
        for entry in subtrees where ObjectPath.isPath(path.text, equalToOrBelow: entry.key) {
            if entry.key.utf8.count >= nearest?.key.utf8.count ?? 0 { nearest = entry }
        }
        return nearest
    }

    /// The path elements directly below a path.
    func childNames(of path: ObjectPath, for sender: String?) -> Set<String> {
        var names: Set<String> = []
        let prefix = path.text == "/" ? "/" : path.text + "/"
        for other in objects.keys { Self.insertChild(of: prefix, other, &names) }
        for other in subtrees.keys { Self.insertChild(of: prefix, other, &names) }
        if let subtree = subtree(for: path) { names.formUnion(subtree.childNames(path, sender)) }
        return names
    }

    private static func insertChild(of prefix: String, _ other: String, _ names: inout Set<String>) {
        guard other.utf8.count > prefix.utf8.count, other.utf8.starts(with: prefix.utf8) else { return }
        let rest = other.utf8.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: "/") }
        names.insert(String(Substring(rest)))
    }

    /// Everything below a path that object managers list.
    func managedObjects(below path: ObjectPath, for sender: String?) -> [(ObjectPath, ExportedObject)] {
        var found: [(ObjectPath, ExportedObject)] = []
        func add(_ other: ObjectPath, _ object: ExportedObject) {
            if object.isManaged, other != path, other.isEqual(toOrBelow: path) { found.append((other, object)) }
        }
        for (text, object) in objects {
            let other = ObjectPath(verified: text)
            if subtree(for: other)?.isManaged ?? true { add(other, object) }
        }
        for (text, subtree) in subtrees where subtree.isManaged {
            var pending = [ObjectPath(verified: text)]
            while let next = pending.popLast() {
                if objects[next.text] == nil, let object = subtree.object(next, sender) { add(next, object) }
                for name in subtree.childNames(next, sender) {
                    guard let child = try? ObjectPath((next.text == "/" ? "/" : next.text + "/") + name) else { continue }
                    if nearest(above: child)?.key == text { pending.append(child) }
                }
            }
        }
        return found.sorted { $0.0 < $1.0 }
    }

    /// The nearest object manager above a path.
    func manager(above path: ObjectPath) -> ObjectPath? {
        var candidate = path.parent
        while let path = candidate {
            if let object = object(at: path, for: nil), object.isObjectManager { return path }
            candidate = path.parent
        }
        return nil
    }

    // MARK: Answering

    func answer(_ call: MethodCall, on link: Link) {
        let message = call.message
        if let last, last.member == message.member, last.path == message.path, last.interface == message.interface {
            return Self.invoke(last.method, call)
        }
        let interface = call.interface
        if interface == InterfaceName.peer.text { return StandardAnswers.peer(call) }
        let path = call.path
        guard path.text.utf8.count <= Self.longestPath else {
            _ = call.fail(.unknownObject, "no object has a path of more than \(Self.longestPath) bytes")
            return
        }
        guard let object = object(at: path, for: call.sender) else { return answerWithoutObject(call, at: path) }
        if let interface, let exported = object.interface(interface) {
            guard let method = exported.methods[call.member] else { return Self.unknownMethod(call) }
            if objects[path.text] != nil { last = (path.text, interface, call.member, method) }
            return Self.invoke(method, call)
        }
        switch interface {
        case InterfaceName.introspectable.text: StandardAnswers.introspect(call, object, childNames(of: path, for: call.sender))
        case InterfaceName.properties.text: StandardAnswers.properties(call, object, on: link)
        case InterfaceName.objectManager.text where object.isObjectManager:
            StandardAnswers.managedObjects(call, managedObjects(below: path, for: call.sender))
        case .some(let interface): call.fail(.unknownInterface, "no interface \(interface) at \(path)")
        case nil:
            for exported in object.interfaces {
                if let method = exported.methods[call.member] { return Self.invoke(method, call) }
            }
            if call.member == "Introspect" { return StandardAnswers.introspect(call, object, childNames(of: path, for: call.sender)) }
            Self.unknownMethod(call)
        }
    }

    /// Nothing is looked up by a longer one.
    private static let longestPath = 4096

    /// Paths between the root and an object are there for those who browse.
    private func answerWithoutObject(_ call: MethodCall, at path: ObjectPath) {
        let children = childNames(of: path, for: call.sender)
        guard !children.isEmpty || path.text == "/" else { _ = call.fail(.unknownObject, "no object at \(path)"); return }
        switch call.interface {
        case InterfaceName.introspectable.text: StandardAnswers.introspect(call, nil, children)
        case nil where call.member == "Introspect": StandardAnswers.introspect(call, nil, children)
        default: call.fail(.unknownObject, "no object at \(path)")
        }
    }

    private static func unknownMethod(_ call: MethodCall) {
        call.fail(.unknownMethod, "no method \(call.member) in \(call.interface ?? "any interface") at \(call.path)")
    }

    private static func invoke(_ method: ExportedInterface.MethodEntry, _ call: MethodCall) {
        if call.message.hasSignature(method.inputSignature) { return perform(method, call) }
        let signature = call.message.signature
        guard let argumentReader = method.argumentReader else {
            _ = call.fail(.invalidArguments, "\(call.member) takes (\(method.inputSignature)), not (\(signature))")
            return
        }
        do throws(DBusError) {
            perform(method, call.reading(try argumentReader(call.message, method.description)))
        } catch {
            call.fail(error)
        }
    }

    private static func perform(_ method: ExportedInterface.MethodEntry, _ call: MethodCall) {
        switch method.implementation {
        case .immediate(let body): body(call)
        case .task(let body):
            // Who leads the loop may do so within a task of its own, of which this one shall know nothing.
            Task.detached {
                do {
                    try await body(call)
                } catch let error as DBusError {
                    call.fail(error)
                } catch {
                    call.fail(.failed, "\(error)")
                }
            }
        case nil: call.fail(.notSupported, "\(call.member) is described but not implemented")
        }
    }
}

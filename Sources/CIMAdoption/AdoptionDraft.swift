import CIM
import DBus

/// A mapping of a service, drafted from what the service says of itself.
public struct AdoptionDraft: Sendable {
    /// One object of the service.
    public struct Object: Sendable {
        public var path: ObjectPath
        public var description: ObjectDescription
        /// Some of its values, from which the classes of references are guessed.
        public var samples: [PropertyPlace: DBusValue]

        public init(path: ObjectPath, description: ObjectDescription, samples: [PropertyPlace: DBusValue] = [:]) {
            self.path = path
            self.description = description
            self.samples = samples
        }
    }

    let service: BusName
    let objects: [Object]
    let prefix: String
    let bus: ClassContext.Bus

    /// - Parameter prefix: that of the classes' names, without the `_`.
    public init(_ service: BusName, _ objects: [Object], prefix: String, bus: ClassContext.Bus = .own) {
        self.service = service
        self.objects = objects
        self.prefix = prefix
        self.bus = bus
    }

    /// The classes as MOF. Empty where the service has no interface of its own.
    public var text: String {
        let drafts = classes
        let signals = signals(drafts)
        if drafts.isEmpty, signals.isEmpty { return "" }
        var text = """
            // A mapping of \(service), drafted from its introspection by cimctl adopt.
            // What is guessed says so. Docs/AdoptingAService.md says what the texts mean.


            """
        for draft in drafts { text += self.text(of: draft, drafts) }
        for draft in drafts { text += associations(of: draft, drafts) }
        for signal in signals { text += self.text(of: signal) }
        return text
    }

    /// A signal of an interface.
    struct SignalDraft {
        var name: String
        var interface: InterfaceName
        var signal: InterfaceDescription.Signal
        /// The one object that sends it; nil: any.
        var path: ObjectPath?
        /// The class of the objects that send it, where they can be told apart.
        var sender: String?
    }

    private func signals(_ drafts: [Draft]) -> [SignalDraft] {
        var found: [SignalDraft] = []
        var seen: Set<InterfaceName> = []
        var names = Set(drafts.map { CIMName($0.name) })
        let all = objects.flatMap { object in object.description.interfaces.map { ($0, object.path) } }
        for (interface, _) in all.sorted(by: { $0.0.name < $1.0.name }) where !Self.isStandard(interface.name) {
            guard seen.insert(interface.name).inserted else { continue }
            let paths = Set(all.filter { $0.0.name == interface.name }.map(\.1))
            for signal in interface.signals {
                var name = className(interface.name) + signal.name.text
                while !names.insert(CIMName(name)).inserted { name += "_" }
                found.append(
                    SignalDraft(
                        name: name, interface: interface.name, signal: signal, path: paths.count == 1 ? paths.first : nil,
                        sender: drafts.first { $0.interface.name == interface.name && $0.key != nil }?.name))
            }
        }
        return found
    }

    struct Draft {
        var name: String
        var interface: InterfaceDescription
        var paths: [ObjectPath]
        var source: String
        /// Nil: the class is a singleton.
        var key: (name: String, place: String)?
        var guess: String?
        var references: [(property: String, target: String, isArray: Bool)] = []
    }

    private var classes: [Draft] {
        var byInterface: [InterfaceName: (InterfaceDescription, [ObjectPath])] = [:]
        for object in objects {
            for interface in object.description.interfaces where !Self.isStandard(interface.name) {
                guard !interface.properties.isEmpty || !interface.methods.isEmpty else { continue }
                byInterface[interface.name, default: (interface, [])].1.append(object.path)
            }
        }
        var drafts: [Draft] = []
        var names: Set<CIMName> = []
        for (interface, paths) in byInterface.values.sorted(by: { $0.0.name < $1.0.name }) {
            var name = className(interface.name)
            while !names.insert(CIMName(name)).inserted { name += "_" }
            drafts.append(draft(name, interface, paths.sorted()))
        }
        for index in drafts.indices { drafts[index].references = references(of: drafts[index], drafts) }
        return drafts
    }

    private static func isStandard(_ name: InterfaceName) -> Bool { name.text.hasPrefix("org.freedesktop.DBus.") }

    /// The part of the interface's name that the service's own name does not have.
    private func className(_ interface: InterfaceName) -> String {
        let own = service.isUnique ? [] : service.text.split(separator: ".")
        let parts = interface.text.split(separator: ".")
        let common = zip(own, parts).prefix { $0 == $1 }.count
        let rest = parts.dropFirst(max(0, min(common, parts.count) - 1))
        return prefix + "_"
            + rest.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined().filter { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    private func draft(_ name: String, _ interface: InterfaceDescription, _ paths: [ObjectPath]) -> Draft {
        if paths.count == 1, isOnlyOne(paths[0], interface.name) {
            return Draft(name: name, interface: interface, paths: paths, source: "object \(paths[0])")
        }
        let managers = objects.filter { $0.description.interfaces.contains { $0.name == .objectManager } }.map(\.path)
        let manager = managers.filter { manager in paths.allSatisfy { $0.isEqual(toOrBelow: manager) } }.max {
            $0.text.utf8.count < $1.text.utf8.count
        }
        let parents = Set(paths.compactMap(\.parent))
        let isFlat = parents.count == 1
        let common = isFlat ? parents.first ?? .root : Self.common(paths)
        let below = common.text == "/" ? "/" : common.text + "/"
        let source = manager.map { "managed \($0)" } ?? "tree \(below)\(isFlat ? "*" : "**")"
        let taken = Set((interface.properties.map(\.name.text) + interface.methods.map(\.name.text)).map { CIMName($0) })
        let keyName = ["Name", "ObjectName", "CIMName"].first { !taken.contains(CIMName($0)) } ?? "CIMBusKey"
        return Draft(
            name: name, interface: interface, paths: paths, source: source, key: (keyName, isFlat ? "path last" : "path"),
            guess: isFlat ? "the last element of the path tells the objects apart" : "nothing but the path tells the objects apart")
    }

    /// Whether an object that is alone will stay so: it is called as the service or the interface is, or has no number in its name.
    private func isOnlyOne(_ path: ObjectPath, _ interface: InterfaceName) -> Bool {
        guard let last = path.lastElement else { return true }
        for name in [service.text, interface.text] where name.split(separator: ".").last == last { return true }
        return !last.contains { $0.isNumber }
    }

    private static func common(_ paths: [ObjectPath]) -> ObjectPath {
        guard let first = paths.first?.elements else { return .root }
        var count = first.count
        for path in paths { count = min(count, zip(first, path.elements).prefix { $0 == $1 }.count, path.elements.count - 1) }
        return count <= 0 ? .root : ObjectPath(verified: "/" + first.prefix(count).joined(separator: "/"))
    }

    /// The properties whose values are paths of objects of a class.
    private func references(of draft: Draft, _ drafts: [Draft]) -> [(property: String, target: String, isArray: Bool)] {
        var references: [(property: String, target: String, isArray: Bool)] = []
        for property in draft.interface.properties where property.signature.text == "o" || property.signature.text == "ao" {
            let place = PropertyPlace(draft.interface.name, property.name.text)
            let values = objects.flatMap { object -> [String] in
                guard let value = object.samples[place] else { return [] }
                return value.text.map { [$0] } ?? value.elements?.compactMap(\.text) ?? []
            }.filter { $0 != "/" }
            guard !values.isEmpty else { continue }
            let targets = drafts.filter { target in
                target.key != nil && values.allSatisfy { value in target.paths.contains { $0.text == value } }
            }
            // Of several interfaces of the same objects the one whose name the property has, or that of fewest objects.
            guard
                let target = targets.first(where: { $0.name.hasSuffix(property.name.text) })
                    ?? targets.min(by: { $0.paths.count < $1.paths.count })
            else { continue }
            references.append((property.name.text, target.name, property.signature.text == "ao"))
        }
        return references
    }
}

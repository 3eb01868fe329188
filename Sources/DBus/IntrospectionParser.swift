/// Why a text is no introspection document. The fault is that of the peer that wrote the text.
public struct IntrospectionError: Error, Hashable, Sendable, CustomStringConvertible {
    public let reason: String
    /// Line, counted from 1.
    public let line: Int

    public var description: String { "malformed introspection data, line \(line): \(reason)" }
}

extension ObjectDescription {
    /// Reads an introspection document. Elements it does not know (documentation, extensions) are passed over with what is in them.
    ///
    /// Throws for what is not well-formed, for names and signatures that are none, and over 1 MiB, 32 levels or 20 000 elements.
    public init(xml: String) throws(IntrospectionError) {
        var parser = MarkupParser(xml)
        let root = try parser.parse()
        guard root.name == "node" else {
            throw IntrospectionError(reason: "the root element is <\(root.name)>, not <node>", line: root.line)
        }
        interfaces = []
        children = []
        for element in root.children {
            switch element.name {
            case "interface": interfaces.append(try InterfaceDescription(element))
            case "node": children.append(try element.required("name"))
            default: break
            }
        }
    }
}

extension InterfaceDescription {
    fileprivate init(_ element: MarkupElement) throws(IntrospectionError) {
        self.init(try element.named(InterfaceName.self))
        for child in element.children {
            switch child.name {
            case "method":
                var method = Method(try child.named(MemberName.self), annotations: try child.annotations())
                for argument in child.children where argument.name == "arg" {
                    switch argument.attributes["direction"] ?? "in" {
                    case "in": method.inputs.append(try Argument(argument))
                    case "out": method.outputs.append(try Argument(argument))
                    default: throw IntrospectionError(reason: "a direction is in or out", line: argument.line)
                    }
                }
                methods.append(method)
            case "signal":
                var signal = Signal(try child.named(MemberName.self), annotations: try child.annotations())
                for argument in child.children where argument.name == "arg" { signal.arguments.append(try Argument(argument)) }
                signals.append(signal)
            case "property": properties.append(try Property(child))
            case "annotation": annotations[try child.required("name")] = try child.required("value")
            default: break
            }
        }
        // On an interface the annotation is the default of its properties.
        guard let change = annotations.removeValue(forKey: ObjectDescription.changeAnnotation).flatMap(Property.ChangeSignal.init) else {
            return
        }
        for (index, child) in element.children.filter({ $0.name == "property" }).enumerated()
        where properties.indices.contains(index) && (try? child.annotations()[ObjectDescription.changeAnnotation]) == nil {
            properties[index].changes = change
        }
    }
}

extension InterfaceDescription.Argument {
    fileprivate init(_ element: MarkupElement) throws(IntrospectionError) {
        self.init(element.attributes["name"] ?? "", try element.type())
    }
}

extension InterfaceDescription.Property {
    fileprivate init(_ element: MarkupElement) throws(IntrospectionError) {
        guard let access = Access(rawValue: try element.required("access")) else {
            throw IntrospectionError(reason: "an access is read, write or readwrite", line: element.line)
        }
        var annotations = try element.annotations()
        var changes = ChangeSignal.withValue
        if let text = annotations.removeValue(forKey: ObjectDescription.changeAnnotation) {
            guard let stated = ChangeSignal(rawValue: text) else {
                throw IntrospectionError(reason: "EmitsChangedSignal is not \(text)", line: element.line)
            }
            changes = stated
        }
        self.init(try element.named(MemberName.self), try element.type(), access: access, changes: changes, annotations: annotations)
    }
}

extension MarkupElement {
    fileprivate func required(_ name: String) throws(IntrospectionError) -> String {
        guard let value = attributes[name] else { throw IntrospectionError(reason: "<\(self.name)> has no \(name)", line: line) }
        return value
    }

    fileprivate func named<Name: DBusName>(_ type: Name.Type) throws(IntrospectionError) -> Name {
        let text = try required("name")
        do { return try Name(text) } catch { throw IntrospectionError(reason: error.description, line: line) }
    }

    fileprivate func type() throws(IntrospectionError) -> Signature {
        let named: Signature
        do { named = try Signature(try required("type")) } catch { throw IntrospectionError(reason: "\(error)", line: line) }
        guard named.isSingleType else { throw IntrospectionError(reason: "\(named) is not one complete type", line: line) }
        return named
    }

    fileprivate func annotations() throws(IntrospectionError) -> [String: String] {
        var annotations: [String: String] = [:]
        for child in children where child.name == "annotation" { annotations[try child.required("name")] = try child.required("value") }
        return annotations
    }
}

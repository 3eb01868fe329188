extension ObjectDescription {
    /// Says on a property, or on an interface for all of its properties, what ``InterfaceDescription/Property/changes`` says.
    package static let changeAnnotation = "org.freedesktop.DBus.Property.EmitsChangedSignal"

    /// The introspection document of the object. D-Bus specification, "Introspection Data Format".
    public var xml: String {
        var text = """
            <!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"
             "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">
            <node>

            """
        for interface in interfaces { interface.write(to: &text) }
        for child in children.sorted() { text += "  <node name=\"\(Self.escape(child))\"/>\n" }
        return text + "</node>\n"
    }

    /// Text as an attribute value.
    static func escape(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&apos;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    static func write(_ annotations: [String: String], indent: String, to text: inout String) {
        for (name, value) in annotations.sorted(by: { $0.key < $1.key }) {
            text += "\(indent)<annotation name=\"\(escape(name))\" value=\"\(escape(value))\"/>\n"
        }
    }
}

extension InterfaceDescription {
    fileprivate func write(to text: inout String) {
        text += "  <interface name=\"\(name)\">\n"
        for method in methods {
            element("method", method.name, method.inputs.map { ($0, "in") } + method.outputs.map { ($0, "out") }, method.annotations, &text)
        }
        for signal in signals { element("signal", signal.name, signal.arguments.map { ($0, nil) }, signal.annotations, &text) }
        for property in properties {
            var annotations = property.annotations
            if property.changes != .withValue { annotations[ObjectDescription.changeAnnotation] = property.changes.rawValue }
            let start = "    <property name=\"\(property.name)\" type=\"\(property.signature)\" access=\"\(property.access.rawValue)\""
            text += annotations.isEmpty ? start + "/>\n" : start + ">\n"
            ObjectDescription.write(annotations, indent: "      ", to: &text)
            if !annotations.isEmpty { text += "    </property>\n" }
        }
        ObjectDescription.write(annotations, indent: "    ", to: &text)
        text += "  </interface>\n"
    }

    private func element(
        _ kind: String, _ name: MemberName, _ arguments: [(Argument, String?)], _ annotations: [String: String], _ text: inout String
    ) {
        if arguments.isEmpty && annotations.isEmpty {
            text += "    <\(kind) name=\"\(name)\"/>\n"
            return
        }
        text += "    <\(kind) name=\"\(name)\">\n"
        for (argument, direction) in arguments {
            text += "      <arg"
            if !argument.name.isEmpty { text += " name=\"\(ObjectDescription.escape(argument.name))\"" }
            text += " type=\"\(argument.signature)\""
            if let direction { text += " direction=\"\(direction)\"" }
            text += "/>\n"
        }
        ObjectDescription.write(annotations, indent: "      ", to: &text)
        text += "    </\(kind)>\n"
    }
}

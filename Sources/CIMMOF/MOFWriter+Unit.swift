import CIM

extension MOFWriter {
    /// A whole unit in order, with the pragmas that give each declaration its namespace and flags.
    ///
    /// Files, lines and warnings are not written. MOF cannot return to the caller's namespace. So a declaration without a namespace gets
    /// the namespace of the declaration before it.
    /// - Parameter types: the declarations of qualifiers that the reader of the text will know. The declarations in the unit are known
    ///   behind their place.
    public static func write(_ unit: MOFUnit, knowing types: @escaping MOFContext.QualifierTypes = { _, _ in nil }) -> String {
        var known = QualifierTypes(outside: types)
        var namespace: CIMNamespaceName?
        var classFlags: ChangeFlags = []
        var instanceFlags: ChangeFlags = []
        var text = unit.isAutorecovered ? "#pragma autorecover\n" : ""
        for declaration in unit.declarations {
            if let named = declaration.namespace, named != namespace {
                namespace = named
                text += "#pragma namespace(\(CIMValue.stringLiteral("\\\\.\\" + named.wmiText)))\n"
            }
            if !text.isEmpty { text += "\n" }
            switch declaration.content {
            case .class(let declared):
                if declaration.flags != classFlags {
                    classFlags = declaration.flags
                    text += flags("classflags", classFlags, ChangeFlags.classWords)
                }
                text += write(declared, alias: declaration.alias, references: declaration.aliasReferences) { name in
                    known.type(named: name, in: namespace)
                }
            case .instance(let declared):
                if declaration.flags != instanceFlags {
                    instanceFlags = declaration.flags
                    text += flags("instanceflags", instanceFlags, ChangeFlags.instanceWords)
                }
                text += write(declared) { name in known.type(named: name, in: namespace) }
            case .qualifierType(let declared):
                known.declare(declared, in: namespace)
                text += write(declared)
            case .deleteClass(let name, let mustExist):
                text += "#pragma deleteclass(\"\(name)\", \(mustExist ? "FAIL" : "NOFAIL"))\n"
            case .deleteInstance(let path, let mustExist):
                text += "#pragma deleteinstance(\(CIMValue.stringLiteral(path.path)), \(mustExist ? "FAIL" : "NOFAIL"))\n"
            }
        }
        return text
    }

    private static func flags(_ pragma: String, _ flags: ChangeFlags, _ words: [(name: String, flag: ChangeFlags)]) -> String {
        "#pragma \(pragma)(\(words.filter { flags.contains($0.flag) }.map { "\"\($0.name)\"" }.joined(separator: ", ")))\n"
    }
}

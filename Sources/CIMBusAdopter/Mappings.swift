import CIM
import CIMAdoption
import CIMMOF
import Glibc

/// The files of the mappings: what they declare, without those that have faults.
public struct Mappings: Sendable {
    /// A file without faults.
    public struct File: Sendable {
        public var name: String
        public var text: String
        public var classes: [CIMClass]
        /// Whether its classes derive from classes that the repository may have, where it has them.
        public var derives = true
    }

    public private(set) var files: [File] = []
    public private(set) var classes: AdoptedClasses
    /// What is wrong with the others, each with its place.
    public private(set) var complaints: [String] = []

    /// Reads the files `*.mof` of the folders, sorted by their names. A file of an earlier folder stands for those of its name in the later
    /// ones; an empty one takes them away.
    /// - Parameter known: classes that the files build on and do not have, resolved.
    public init(folders: [String], known: (String) -> CIMClass? = { _ in nil }) {
        var sources: [MOFSource] = []
        var complaints: [String] = []
        for (_, path) in Self.paths(folders) {
            guard let text = Self.contents(of: path) else {
                complaints.append("\(path): cannot be read: errno \(errno)")
                continue
            }
            sources.append(MOFSource(file: path, text: text))
        }
        self.init(sources, known: known)
        self.complaints = complaints + self.complaints
    }

    /// Reads one file.
    /// - Parameter known: as in ``init(folders:known:)``.
    public init(file: String, known: (String) -> CIMClass? = { _ in nil }) {
        guard let text = Self.contents(of: file) else {
            self.init([])
            complaints = ["\(file): cannot be read: errno \(errno)"]
            return
        }
        self.init([MOFSource(file: file, text: text)], known: known)
    }

    /// - Parameters:
    ///   - sources: texts, each as a file.
    ///   - alone: the files whose classes derive from none that the repository may have.
    public init(_ sources: [MOFSource], alone: Set<String> = [], known: (String) -> CIMClass? = { _ in nil }) {
        classes = AdoptedClasses([])
        var declared: [CIMClass] = []
        var aloneNames: Set<CIMName> = []
        for source in sources {
            let unit: MOFUnit
            do throws(MOFErrors) {
                unit = try MOFParser.parse(source, in: MOFContext(namespace: .cimv2))
            } catch {
                complaints += error.errors.map(\.description)
                continue
            }
            // Those of the files before are without faults.
            var candidate = AdoptedClasses(declared + unit.classes, alone: aloneNames, known: known)
            var derives = !alone.contains(source.file)
            if !derives || !candidate.faults.isEmpty {
                // As if the repository had nothing: what it has may be of another version than the mapping expects.
                let names = aloneNames.union(unit.classes.map { CIMName($0.name) })
                let other = AdoptedClasses(declared + unit.classes, alone: names, known: known)
                if !derives || other.faults.isEmpty { (candidate, derives, aloneNames) = (other, false, names) }
            }
            guard candidate.faults.isEmpty else {
                complaints += candidate.faults.map { unit.line(of: $0, in: source.file) }
                continue
            }
            declared += unit.classes
            classes = candidate
            files.append(File(name: source.file, text: source.text, classes: unit.classes, derives: derives))
        }
    }

    private static func paths(_ folders: [String]) -> [(String, String)] {
        var paths: [String: String] = [:]
        for folder in folders {
            guard let handle = opendir(folder) else { continue }
            defer { closedir(handle) }
            while let entry = readdir(handle) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if name.hasSuffix(".mof"), !name.hasPrefix("."), paths[name] == nil { paths[name] = folder + "/" + name }
            }
        }
        return paths.sorted { $0.key < $1.key }
    }

    private static func contents(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
            bytes += buffer[..<count]
            if bytes.count > MOFParser.maximumLength { return nil }
        }
        return ferror(file) == 0 ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// The classes that the mappings' provider serves, abstract ones too.
    public var served: [AdoptedClass] {
        classes.classes.values.filter { $0.declaration.providerName == Adoption.providerName }.sorted { $0.name < $1.name }
    }
}

extension Mappings {
    /// The text with which the provider registers: its definition, and the classes.
    /// - Parameters:
    ///   - busName: by which the bus starts the adopter; nil: nothing does.
    public func registration(busName: String?) -> String {
        header(busName) + files.map { SuperclassText.adding(classes.optionalSuperclasses, to: $0.text) }.joined(separator: "\n")
    }

    /// The file that has a line of that text, and its own number there; nil: the line is in none.
    func place(ofLine line: Int, busName: String?) -> (position: Int, line: Int)? {
        var rest = line - header(busName).utf8.count { $0 == 0x0A }
        for (position, file) in files.enumerated() {
            let lines = file.text.utf8.count { $0 == 0x0A } + 1
            if rest >= 1, rest <= lines { return (position, rest) }
            rest -= lines
        }
        return nil
    }

    /// The same without what the broker refuses of one of the files: that its classes derive from some that the repository may have, or all of it.
    func without(_ position: Int, because complaint: String, known: (String) -> CIMClass?) -> Mappings {
        var sources = files.map { MOFSource(file: $0.name, text: $0.text) }
        var alone = Set(files.filter { !$0.derives }.map(\.name))
        let derives = files[position].classes.contains { classes.optionalSuperclasses[CIMName($0.name)] != nil }
        if derives { alone.insert(files[position].name) } else { sources.remove(at: position) }
        var rest = Mappings(sources, alone: alone, known: known)
        rest.complaints = complaints + (derives ? [] : [complaint]) + rest.complaints
        return rest
    }

    private func header(_ busName: String?) -> String {
        let bus = busName.map { " BusName = \"\($0)\";" } ?? ""
        // A class of an earlier version may have subclasses: they come again with it.
        return """
            #pragma classflags("forceupdate")
            instance of __Win32Provider as $DBusServices
            {
                Name = "\(Adoption.providerName)"; HostingModel = "Decoupled:DBus";\(bus)
            };
            instance of __InstanceProviderRegistration
            {
                provider = $DBusServices; SupportsGet = TRUE; SupportsPut = TRUE; SupportsEnumeration = TRUE;
                QuerySupportLevels = {"WQL:UnarySelect"};
            };
            instance of __MethodProviderRegistration { provider = $DBusServices; };
            \(eventRegistration)
            """
    }

    /// Which events the provider raises; empty where no mapping tells of any. One line, whatever is in it.
    private var eventRegistration: String {
        let queries = classes.eventQueries.map { "\"\($0)\"" }.joined(separator: ", ")
        return queries.isEmpty
            ? "" : "instance of __EventProviderRegistration { provider = $DBusServices; EventQueryList = {\(queries)}; };\n"
    }
}

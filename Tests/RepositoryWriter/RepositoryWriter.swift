import CIM
import CIMRepository
import Glibc

/// Commits one unit after the other, and says on standard output which are done: to be killed by a test at any moment.
///
/// usage: RepositoryWriter PATH [UID]    with UID it takes that user first. An error goes to standard output, and ends it with status 1.
///
/// Unit N puts two instances of Pair, every fourth time a class Class_N, and sets the one Counter to N.
@main
struct RepositoryWriter {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { exit(2) }
        if arguments.count > 2, let user = UInt32(arguments[2]), setgid(user) != 0 || setuid(user) != 0 { exit(2) }
        do throws(CIMError) {
            try await fill(arguments[1])
        } catch {
            say("error \(error)")
            exit(1)
        }
    }

    static func fill(_ path: String) async throws(CIMError) {
        let repository = try await Repository.open(path)
        let integer = CIMTypeReference(.uint32)
        let key = [CIMQualifier(name: "key")]
        try await repository.commit([
            .putClass(
                CIMClass(
                    name: "Pair",
                    properties: [
                        CIMProperty(name: "Number", type: integer, qualifiers: key),
                        CIMProperty(name: "Half", type: integer, qualifiers: key),
                        CIMProperty(name: "Text", type: CIMTypeReference(.string)),
                    ]), in: .cimv2),
            .putClass(
                CIMClass(
                    name: "Counter", qualifiers: [CIMQualifier(name: "singleton")],
                    properties: [CIMProperty(name: "Value", type: integer)]),
                in: .cimv2),
        ])
        var number: UInt32 = 0
        let counter = CIMObjectPath(className: "Counter", keys: .singleton)
        do throws(CIMError) {
            if case .uint32(let last)? = try await repository.instance(at: counter, in: .cimv2)["Value"] { number = last }
        } catch  where error.status == .notFound {
            number = 0
        }
        say("open \(number)")
        while true {
            number += 1
            let text = CIMValue.string(String(repeating: "\(number) ", count: Int(number % 300)))
            var changes: [RepositoryChange] = []
            for half: UInt32 in 0...1 {
                let pair = CIMInstance(className: "Pair", ["Number": .uint32(number), "Half": .uint32(half), "Text": text])
                changes.append(.putInstance(pair, in: .cimv2, flags: .createOnly))
            }
            if number % 4 == 0 { changes.append(.putClass(CIMClass(name: "Class_\(number)", superclass: "Pair"), in: .cimv2)) }
            changes.append(.putInstance(CIMInstance(className: "Counter", ["Value": .uint32(number)]), in: .cimv2))
            try await repository.commit(changes)
            say("done \(number)")
        }
    }

    /// Unbuffered: what is said is said before the next unit begins.
    private static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(1, line, line.count)
    }
}

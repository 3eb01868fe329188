import Glibc
import WireTestKit

/// Where the program of the broker is.
struct BrokerProgram {
    /// The variable that names it, before every other place.
    static let variable = "CIMBUSD"

    /// Of the process: ``variable``, and PATH.
    var environment: (_ name: String) -> String?
    /// Where the package's own build puts it.
    var besideTests: String
    var isProgram: (_ path: String) -> Bool

    /// As this process sees it.
    static var ofThisProcess: BrokerProgram {
        BrokerProgram(
            environment: { name in getenv(name).map { String(cString: $0) } }, besideTests: BuildFolder.path(of: "cimbusd"),
            isProgram: { access($0, X_OK) == 0 })
    }

    /// The first place that has it: what the variable names, beside the tests, a folder of PATH. Throws where it looked, and what to do.
    func path() throws(TestKitError) -> String {
        if let named = environment(Self.variable), !named.isEmpty {
            guard isProgram(named) else {
                throw TestKitError("\(Self.variable) names \(named), which is no program: name cimbusd, or unset it")
            }
            return named
        }
        if isProgram(besideTests) { return besideTests }
        let folders = (environment("PATH") ?? "").split(separator: ":").map { "\($0)/cimbusd" }
        if let found = folders.first(where: isProgram) { return found }
        throw TestKitError(
            """
            there is no cimbusd, neither at \(besideTests) nor in a folder of PATH: add .product(name: "cimbusd", package: "cimbus") to the \
            dependencies of the test target, or install CIMBus, or name the program in \(Self.variable)
            """)
    }
}

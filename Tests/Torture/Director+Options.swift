import WireTestKit

extension Director {
    /// What the command line says.
    struct Options {
        var seconds = 60.0
        var kills = Int.max
        var seed = UInt64.random(in: 0..<1_000_000)
        var bus = BusProgram.ofTests
        /// Milliseconds between two faults, on average.
        var pace = 60
        /// Kills of the broker under writing load, and nothing else; see ``Writes``.
        var writes: Int?
        /// Events, and nothing else; see ``EventRun``.
        var isOfEvents = false
        var isVerbose = false

        init(_ arguments: [String]) throws {
            var rest = arguments[...]
            while let option = rest.popFirst() {
                if option == "--verbose" || option == "--events" {
                    if option == "--verbose" { isVerbose = true } else { isOfEvents = true }
                    continue
                }
                let value = rest.popFirst() ?? ""
                func number<T: LosslessStringConvertible>(_ type: T.Type = T.self) throws -> T {
                    guard let number = T(value) else { throw ProcessError(description: "\(option): \(value) is no number") }
                    return number
                }
                switch option {
                case "--seconds": seconds = try number()
                case "--kills": kills = try number()
                case "--seed": seed = try number()
                case "--writes": writes = try number()
                case "--pace": pace = max(1, try number())
                case "--bus":
                    guard let program = BusProgram(rawValue: value) else { throw ProcessError(description: "no bus is called \(value)") }
                    bus = program
                default: throw ProcessError(description: "no option is called \(option)")
                }
            }
        }
    }
}

import CIM

/// What to do with one call: steps, in order, separated by `;` or line ends (in the script of a second process by `,`).
///
/// When the steps are over and the call is still unanswered, it is answered with success, no references and no objects.
struct Script: Sendable {
    enum Count: Sendable {
        case exactly(Int)
        /// As many objects as a healthy answer to the call has.
        case auto
    }

    enum Step: Sendable {
        /// `indicate N|auto [bytes SIZE] [batches B] [noreply] [nowait]`: B batches (1) of N objects, each awaiting its reply unless told not to.
        case indicate(Count, bytes: Int, batches: Int, wantsReply: Bool, waits: Bool)
        /// `misfit`: an Indicate whose object does not fit its class, since its key does not.
        case misfit
        /// `deep N`: an Indicate whose object nests N deep.
        case deep(Int)
        /// `setstatus CODE [TEXT]`: the final status.
        case setStatus(UInt32, String)
        /// `progress CURRENT TOTAL`.
        case progress(UInt32, UInt32)
        case addRef
        /// `release [noreply]`: awaits its reply unless told not to; what wants none the bus never refuses.
        case release(wantsReply: Bool)
        /// `reply CODE REFERENCES [N|auto]`.
        case reply(UInt32, UInt32, Count)
        /// `error NAME [TEXT]`: org.cimbus1.Error.NAME, or any D-Bus error with a dot in its name.
        case error(String, String)
        /// `crash`: SIGKILL to itself.
        case crash
        /// `exit [CODE]`.
        case exit(Int32)
        /// `stop`: SIGSTOP to itself.
        case stop
        /// `leave`: closes the bus connection and lives on.
        case leave
        /// `fork-hold`: a child keeps the socket open; this process dies.
        case forkHold
        /// `transfer STEP, STEP…`: moves a reference to a second process, which goes on with these steps.
        case transfer(String)
        /// `foreign PATH STEP`: the step with another sink.
        indirect case foreign(String, Step)
        /// `never`: never answers.
        case never
        /// `waitfor WORD`: until standard input has a line WORD.
        case waitFor(String)
        /// `sync`: a round trip to the bus, after which everything before has left.
        case sync
        /// `sleep MILLISECONDS`: for pacing; nothing may depend on it.
        case sleep(Int)
        /// `block MILLISECONDS`: answers nothing meanwhile, a ping neither, and waits; `compute MILLISECONDS`: the same, and uses the processor.
        case block(Int, computes: Bool)
        /// `cancelled`: until the broker has cancelled this call.
        case cancelled
        case unregister
        /// `starve BYTES`: from now on the process gets so many bytes of memory more, and no more. `feed`: as many as there are.
        case starve(Int?)
        /// `allocate BYTES`: takes memory; where there is none, answers the call as sd-bus does, by System.Error.ENOMEM.
        case allocate(Int)
        /// `write BYTES`: a message with a text of so many bytes, for which there is no memory any more once the text is there; answers the call
        /// with what the library says of it.
        case write(Int)
        /// `register`: once more.
        case register
    }

    struct Line: Sendable {
        var text: String
        var step: Step
    }

    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    var lines: [Line]

    init(_ text: String, separators: Set<Character> = [";", "\n"]) throws {
        lines = try text.split(whereSeparator: separators.contains).compactMap { part in
            let words = part.split(separator: " ").map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { return nil }
            return Line(text: words.joined(separator: " "), step: try Self.step(words))
        }
    }

    private static func step(_ words: [String]) throws -> Step {
        let rest = Array(words.dropFirst())
        func number<T: FixedWidthInteger>(_ index: Int, _ type: T.Type = T.self) throws -> T {
            guard rest.indices.contains(index) else { throw Fault(description: "\(words[0]) wants a number more") }
            let text = rest[index]
            let parsed = text.hasPrefix("0x") ? T(text.dropFirst(2), radix: 16) : T(text)
            guard let parsed else { throw Fault(description: "\(words[0]): \(text) is no number") }
            return parsed
        }
        func code(_ index: Int) throws -> UInt32 {
            guard rest.indices.contains(index) else { throw Fault(description: "\(words[0]) wants a status") }
            return try WBEMStatus(errorName: rest[index])?.rawValue ?? number(index)
        }
        func count(_ index: Int, otherwise: Int) throws -> Count {
            guard rest.indices.contains(index) else { return .exactly(otherwise) }
            return rest[index] == "auto" ? .auto : .exactly(try number(index))
        }
        func option(_ name: String, otherwise: Int) throws -> Int {
            guard let index = rest.firstIndex(of: name) else { return otherwise }
            return try number(index + 1)
        }
        switch words[0] {
        case "indicate":
            return .indicate(
                try count(0, otherwise: 1), bytes: try option("bytes", otherwise: 0), batches: try option("batches", otherwise: 1),
                wantsReply: !rest.contains("noreply"), waits: !rest.contains("nowait"))
        case "misfit": return .misfit
        case "deep": return .deep(try number(0))
        case "setstatus": return .setStatus(try code(0), rest.dropFirst().joined(separator: " "))
        case "progress": return .progress(try number(0), try number(1))
        case "addref": return .addRef
        case "release": return .release(wantsReply: !rest.contains("noreply"))
        case "reply": return .reply(try code(0), try number(1), try count(2, otherwise: 0))
        case "error": return .error(rest.first ?? "Failed", rest.dropFirst().joined(separator: " "))
        case "crash": return .crash
        case "exit": return .exit(rest.isEmpty ? 0 : try number(0))
        case "stop": return .stop
        case "leave": return .leave
        case "fork-hold": return .forkHold
        case "transfer": return .transfer(rest.joined(separator: " "))
        case "foreign":
            guard rest.count > 1 else { throw Fault(description: "foreign wants a path and a step") }
            return .foreign(rest[0], try step(Array(rest.dropFirst())))
        case "never", "sleep-forever": return .never
        case "waitfor": return .waitFor(rest.first ?? "")
        case "sync": return .sync
        case "sleep": return .sleep(try number(0))
        case "block": return .block(try number(0), computes: false)
        case "compute": return .block(try number(0), computes: true)
        case "cancelled": return .cancelled
        case "unregister": return .unregister
        case "starve": return .starve(try number(0))
        case "feed": return .starve(nil)
        case "allocate": return .allocate(try number(0))
        case "write": return .write(try number(0))
        case "register": return .register
        default: throw Fault(description: "no step is called \(words[0])")
        }
    }
}
